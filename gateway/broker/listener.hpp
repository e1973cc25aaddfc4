#pragma once
// Who wants to hear of changes that belong to no call: a session of the legacy era, or a
// subscription of the modern one.

#include <set>
#include <string>
#include <utility>

#include "gateway/core/names.hpp"
#include "inspectors/gate.hpp"
#include "signing/pins.hpp"

namespace toolgate {

class Listener {
 public:
  // Resources that are watched, by server and URI.
  using Resources = std::set<std::pair<ServerName, std::string>>;

  virtual ~Listener() = default;
  virtual const AgentName& agent() const = 0;
  virtual const Resources& subscriptions() const = 0;
  // Tasks of the extension that are watched, by the ids that this agent knows.
  virtual const std::set<std::string>& watched_tasks() const = 0;
  virtual void list_changed(ItemKind kind) = 0;
  // `params` of notifications/resources/updated, for one of subscriptions().
  virtual void resource_updated(const Cleared& params) = 0;
  // `params` of `method`, with the task's id as this agent knows it.
  virtual void task_changed(const std::string& method, const std::string& visible_id,
                            const Cleared& params) = 0;
};

// The subscription that an update of `uri` belongs to, or null: a server may report a part of what
// was subscribed to.
const std::string* subscription_for(const Listener::Resources& resources, const ServerName& server,
                                    const std::string& uri);

}  // namespace toolgate

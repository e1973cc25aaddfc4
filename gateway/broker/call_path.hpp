#pragma once
// What happens to a call, from the parsed request to the answer, in one function. Every stage is a
// step with a typed result; a step that says no ends the path with a recorded reason.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/broker/admitted.hpp"
#include "gateway/broker/session.hpp"
#include "gateway/broker/task_book.hpp"

namespace toolgate {

class Broker;

// The item that a request names, on its server.
struct Target {
  std::shared_ptr<Upstream> upstream;
  ItemKind kind = ItemKind::tool;
  std::string key;
  std::string exposed;
  Channel channel = Channel::tool_result;
};

// What is known of a request when it ends, for the record. Everything outlives it.
struct Ending {
  explicit Ending(const Message& request) : message(request) {}
  const Message& message;
  const Target* target = nullptr;      // once it is resolved
  const Admitted* admitted = nullptr;  // then the record is an outcome, else a refusal
  std::vector<Finding> findings;
  std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
};

// Why this item, which is not approved as it is, cannot be called.
Refusal held(const CatalogueItem& item);

class CallPath {
 public:
  explicit CallPath(Broker& broker) : broker_(broker) {}

  // tools/call, prompts/get, resources/read and /subscribe, completion/complete, tasks/get, /result
  // and /cancel. Nothing when the agent cancelled the request.
  Task<std::optional<Inspected>> run(SessionCall& call, const Message& message);
  // tasks/list: every server's list, narrowed to this agent's tasks.
  Task<std::optional<Inspected>> list_tasks(Session& session, const Message& message,
                                            AgentStream& related);
  // The one server that listed this resource, or whose template it matches.
  Result<Target> resolve_uri(const Session& session, const std::string& uri, Channel channel) const;

 private:
  Result<Target> resolve(const Session& session, const Message& message) const;
  Result<Target> resolve_item(const Session& session, ItemKind kind, const std::string& exposed,
                              Channel channel) const;
  Result<Target> resolve_reference(const Session& session, const Value& params) const;
  Result<Target> resolve_task(const Session& session, const Value& params) const;
  Result<Target> target_of(const CatalogueItem& item, Channel channel) const;

  // Live and approved: what the server says now is what an administrator signed.
  Result<CatalogueItem> verified(const Session& session, const Target& target) const;
  Task<Result<Admitted>> admit(const Session& session, const Message& message, Target target,
                               BrokerId id);
  Result<std::string> params_for(const Session& session, const Message& message,
                                 const Target& target, BrokerId id) const;
  Task<Result<Reply>> forward(const Admitted& admitted, const Target& target, BrokerId id,
                              SessionCall& call);
  Task<std::string> tasks_of(std::shared_ptr<Upstream> upstream, SessionCall& call,
                             std::vector<Finding>& findings);
  Inspection inspect(const Admitted& admitted, const Target& target, const Reply& reply);
  // Takes the findings out of the inspection.
  Record outcome_of(const Session& session, const Ending& ending, const Reply& reply,
                    Inspection& inspection) const;
  // Records why a call ends and makes the agent's answer; nothing when it was cancelled.
  Task<std::optional<Inspected>> refused(SessionCall& call, const Ending& ending, Refusal why);

  Broker& broker_;
};

}  // namespace toolgate

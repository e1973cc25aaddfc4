#pragma once
// subscriptions/listen (MCP 2026-07-28, "Subscriptions"): an agent's wish to hear of changes, for
// as long as the request is in progress.

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <set>
#include <string>

#include "gateway/broker/listener.hpp"
#include "gateway/core/agent.hpp"
#include "gateway/core/message.hpp"
#include "gateway/core/result.hpp"
#include "gateway/core/task.hpp"

namespace toolgate {

class Broker;

// What of the wish is granted.
struct SubscriptionFilter {
  bool tools = false;
  bool prompts = false;
  bool resources = false;
  Listener::Resources watched;
  std::set<std::string> tasks;  // as the agent knows them
  // {"toolsListChanged":true,…}: the granted part, for the acknowledgement.
  std::string json() const;
};

// Reads params.notifications and leaves out what nobody offers or this agent does not see. Waits a
// while for servers that still start, until `given_up`. Refuses with `invalid_params` what has the
// wrong shape, with `overloaded` more resources than an agent may watch. Everything outlives the
// task.
Task<Result<SubscriptionFilter>> grant_subscription(const Broker& broker, const AgentName& agent,
                                                    const Message& request,
                                                    std::function<bool()> given_up);

// Registers itself with the broker while it lives.
class Subscription final : public Listener {
 public:
  Subscription(Broker& broker, AgentName agent, RequestId id, AgentStream& stream);
  ~Subscription() override;

  // Acknowledges what is granted, and waits for the end. True: it ended in good order, and is owed
  // its result. When it is over already, nothing is acknowledged.
  Task<bool> run(SubscriptionFilter granted);
  // At any time, before run() as well.
  void end();
  void cancel();
  bool is_over() const { return over_; }
  std::string result() const;

  // Listener
  const AgentName& agent() const override { return agent_; }
  const Resources& subscriptions() const override { return filter_.watched; }
  const std::set<std::string>& watched_tasks() const override { return filter_.tasks; }
  void list_changed(ItemKind kind) override;
  void resource_updated(const Cleared& params) override;
  void task_changed(const std::string& method, const std::string& visible_id,
                    const Cleared& params) override;

 private:
  std::string meta() const;
  // The params with this subscription's id in the place of whatever metadata they had.
  void send(const std::string& method, const Cleared& params);

  Broker& broker_;
  AgentName agent_;
  RequestId id_;
  SubscriptionFilter filter_;
  AgentStream& stream_;
  bool over_ = false;
  bool cancelled_ = false;
  asio::steady_timer changed_;  // cancelled when it is over
};

}  // namespace toolgate

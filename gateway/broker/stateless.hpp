#pragma once
// Requests of the modern era (MCP 2026-07-28): each stands alone and says in its own metadata which
// revision it speaks and what its client can do. One object handles those of one pipe, or the one
// request of an HTTP POST.

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "gateway/broker/answer.hpp"
#include "gateway/broker/stateless_call.hpp"
#include "gateway/broker/subscription.hpp"
#include "gateway/core/agent.hpp"
#include "gateway/core/envelope.hpp"
#include "gateway/core/message.hpp"

namespace toolgate {

class Broker;

class StatelessRequests {
 public:
  // `session_id`: of the pipe, for the log; empty over HTTP.
  StatelessRequests(Broker& broker, AgentName agent, std::string session_id);
  StatelessRequests(const StatelessRequests&) = delete;

  // A request that claims a revision (claimed_revision()). Nothing when it was cancelled.
  // `arguments`: the Mcp-Param-* lines, or null where the transport has none.
  Task<std::optional<Inspected>> handle(const Message& message, AgentStream& related,
                                        const std::vector<HeaderField>* arguments);
  // The agent does not want the answer to this request any more.
  void cancel(const RequestId& request);
  // Cancels all that is in progress.
  void cancel_all(const std::string& why);
  // Subscriptions end in good order, with their result.
  void wind_down();
  // Both, where the agent may still read: subscriptions end, calls are cancelled.
  void close();
  // What goes with the last answer over HTTP.
  unsigned http_status() const { return http_status_; }

 private:
  Task<std::optional<Answer>> dispatch(const Message& message, AgentStream& related,
                                       StatelessOrigin origin);
  static Answer tasks_needed();
  Answer discover() const;
  Answer list(const Message& message, const ListMethod& method) const;
  Task<std::optional<Answer>> call(const Message& message, AgentStream& related,
                                   StatelessOrigin origin);
  Result<std::optional<RequestState>> carried_state(const Message& message) const;
  Task<std::optional<Answer>> come_back(StatelessCall& back, const Message& message,
                                        AgentStream& related);
  Task<std::optional<Answer>> follow(std::shared_ptr<StatelessCall> call, const Message& message);
  Task<std::optional<Answer>> listen(const Message& message, AgentStream& related,
                                     const StatelessOrigin& origin);
  Answer stopped_for_input(std::shared_ptr<StatelessCall> call, const Message& message);

  Broker& broker_;
  AgentName agent_;
  std::string session_id_;
  unsigned http_status_ = 200;
  std::map<std::string, StatelessCall*> calls_;  // by RequestId::key, while a request waits for it
  std::map<std::string, Subscription*> subscriptions_;
};

// The one request of a POST.
class StatelessPost : public StatelessConversation {
 public:
  StatelessPost(Broker& broker, AgentName agent, std::vector<HeaderField> arguments);

  Task<std::optional<Inspected>> handle(Message message, AgentStream& related) override;
  Inspected refuse(const BadMessage& bad) override;
  std::optional<Revision> revision() const override { return latest_revision; }
  Task<> close() override;
  void wind_down() override { requests_.wind_down(); }
  unsigned http_status() const override { return requests_.http_status(); }

 private:
  StatelessRequests requests_;
  std::vector<HeaderField> arguments_;
  std::size_t active_ = 0;
  asio::steady_timer idle_;  // cancelled when active_ changes
};

}  // namespace toolgate

#pragma once
// One agent's conversation over a connection that lasts: in the legacy era (2024-11-05 to
// 2025-11-25) the handshake, what was negotiated, the requests in flight, the questions of servers
// that wait for the agent. Requests of the modern era may come over the same pipe; they belong to
// no session and are handed to stateless.hpp.

#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "gateway/broker/agent_call.hpp"
#include "gateway/broker/listener.hpp"
#include "gateway/broker/stateless.hpp"
#include "gateway/core/agent.hpp"
#include "gateway/core/message.hpp"
#include "inspectors/gate.hpp"

namespace toolgate {

class Broker;
class Session;

// A request of the session's that a server works on. Lives in the frame of the call.
class SessionCall : public AgentCall {
 public:
  SessionCall(Session& session, const Message& request, AgentStream& related);
  ~SessionCall() override;

  Session* session_or_null() override { return &session_; }
  const AgentName& agent() const override;
  const std::string& session_id() const override;
  Revision revision() const override;
  const ClientCapabilities& capabilities() const override;
  std::optional<int> log_level() const override;
  bool wants_log(int level) const override;
  bool ask(Question question) override;
  void withdraw(const Upstream& server, const RequestId& server_id) override;

 private:
  Session& session_;
  std::string key_;
};

class Session : public Conversation, public Listener {
 public:
  Session(Broker& broker, AgentName agent, AgentStream& general, std::string transport);
  ~Session() override;

  Task<std::optional<Inspected>> handle(Message message, AgentStream& related) override;
  Inspected refuse(const BadMessage& bad) override;
  std::optional<Revision> revision() const override { return revision_; }
  void wind_down() override { stateless_.wind_down(); }
  Task<> close() override;

  const std::string& id() const { return id_; }
  AgentStream& general() { return general_; }
  std::optional<int> log_level() const { return log_level_; }
  bool wants_log(int level) const { return !log_level_ || level >= *log_level_; }
  const ClientCapabilities& capabilities() const { return capabilities_; }

  // Listener
  const AgentName& agent() const override { return agent_; }
  const Resources& subscriptions() const override { return subscriptions_; }
  const std::set<std::string>& watched_tasks() const override;
  void list_changed(ItemKind kind) override;
  void resource_updated(const Cleared& params) override;
  void task_changed(const std::string& method, const std::string& visible_id,
                    const Cleared& params) override;

  // Asks the agent on `stream`. When the call that the question belongs to ends first, both sides
  // are told. False when too many wait already.
  bool ask(Question question, SessionCall* call, AgentStream& stream);
  void withdraw(const Upstream& server, const RequestId& server_request_id);

 private:
  friend class SessionCall;
  struct Ask {
    Question question;
    SessionCall* call = nullptr;
    AgentStream* stream = nullptr;
  };

  Task<std::optional<Inspected>> dispatch(const Message& message, AgentStream& related);
  Task<std::optional<Inspected>> call(const Message& message, AgentStream& related);
  Inspected initialize(const Message& message);
  Inspected list(const Message& message, const ListMethod& method);
  Task<std::optional<Inspected>> set_level(const Message& message);
  Task<std::optional<Inspected>> subscribe(const Message& message, AgentStream& related);
  Inspected unsubscribe(const Message& message);
  Inspected error(const Message& message, const Refusal& refusal);
  void notified(const Message& message);
  void answered(Message message);
  // Of this call, or every one that waits. Who asked is told why, and the agent.
  void end_asks(const SessionCall* call, const std::string& why);

  Broker& broker_;
  AgentName agent_;
  AgentStream& general_;
  std::string transport_;
  std::string id_;
  StatelessRequests stateless_;  // of the modern era, over the same pipe
  std::optional<Revision> revision_;
  bool closed_ = false;
  std::size_t active_ = 0;                     // handle() calls that run
  std::map<std::string, SessionCall*> calls_;  // by RequestId::key
  std::set<std::string> request_keys_;         // of all requests in progress
  std::map<std::string, Ask> asks_;            // by RequestId::key of our id
  std::uint64_t last_ask_ = 0;
  ClientCapabilities capabilities_;
  std::set<std::string> announced_;  // what the agent was told that there is: it stays there
  std::optional<int> log_level_;
  Resources subscriptions_;
  asio::steady_timer idle_;  // cancelled when active_ changes
};

}  // namespace toolgate

#pragma once
// One agent's conversation in the legacy era (2024-11-05 to 2025-11-25): the handshake, what was
// negotiated, the requests in flight, the questions of servers that wait for the agent. What is
// tied to a session lives here; the call path and the catalogue know nothing of it.

#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "gateway/broker/upstream.hpp"
#include "gateway/core/agent.hpp"
#include "gateway/core/message.hpp"
#include "inspectors/gate.hpp"

namespace toolgate {

class Broker;
struct CatalogueItem;
class Session;

// A request of the agent's that a server works on: where its side messages go. Lives in the frame
// of the call.
class SessionCall : public CallRoute {
 public:
  SessionCall(Session& session, const Message& request, AgentStream& related);
  ~SessionCall() override;
  SessionCall(const SessionCall&) = delete;

  Session& session() { return session_; }
  AgentStream& related() { return related_; }
  // The agent's progress token in its exact text; empty when it gave none.
  const std::string& progress_token() const { return progress_token_; }
  // From here on a cancellation reaches the server.
  void sent(std::shared_ptr<Upstream> upstream, BrokerId id);
  bool cancelled() const { return cancelled_; }
  // The server did what it was asked for, and that is in the log.
  void succeed() { succeeded_ = true; }
  bool succeeded() const { return succeeded_; }
  void cancel(std::string why);

 private:
  friend class Session;
  Session& session_;
  AgentStream& related_;
  std::string key_;
  std::string progress_token_;
  std::shared_ptr<Upstream> upstream_;
  BrokerId id_ = 0;
  bool cancelled_ = false;
  bool succeeded_ = false;
};

class Session : public Conversation {
 public:
  Session(Broker& broker, AgentName agent, AgentStream& general, std::string transport);
  ~Session() override;

  Task<std::optional<Inspected>> handle(Message message, AgentStream& related) override;
  Inspected refuse(const BadMessage& bad) override;
  std::optional<Revision> revision() const override { return revision_; }
  Task<> close() override;

  const AgentName& agent() const { return agent_; }
  const std::string& id() const { return id_; }
  bool is_closed() const { return closed_; }
  AgentStream& general() { return general_; }

  // For the broker.
  void list_changed(ItemKind kind);
  void resource_updated(const ServerName& server, const std::string& uri, const Cleared& params);
  // Does this session want log messages of that level?
  bool wants_log(std::string_view level) const;
  std::optional<int> log_level() const { return log_level_; }
  bool offers(std::string_view capability) const;
  bool subscribes(const ServerName& server, const std::string& uri) const;
  const std::set<std::pair<ServerName, std::string>>& subscriptions() const {
    return subscriptions_;
  }

  // A server's request for this agent. Its answer goes back to the server; when the call that it
  // belongs to ends first, both sides are told. False when too many wait already.
  bool ask(std::shared_ptr<Upstream> server, const Message& request, Cleared params,
           SessionCall* call, AgentStream& stream);
  void withdraw(const Upstream& server, const RequestId& server_request_id);

 private:
  friend class SessionCall;
  struct Ask {
    std::weak_ptr<Upstream> server;
    RequestId server_id;
    SessionCall* call = nullptr;
    AgentStream* stream = nullptr;
  };

  Task<std::optional<Inspected>> dispatch(const Message& message, AgentStream& related);
  Inspected initialize(const Message& message);
  Inspected list(const Message& message, const ListMethod& method);
  bool is_one_of_several(const CatalogueItem& item) const;
  Task<std::optional<Inspected>> set_level(const Message& message);
  Task<std::optional<Inspected>> subscribe(const Message& message, AgentStream& related);
  Inspected unsubscribe(const Message& message);
  Inspected error(const Message& message, const Refusal& refusal);
  void notified(const Message& message);
  void answered(const Message& message);
  // Of this call, or every one that waits. The servers are told why, and the agent.
  void end_asks(const SessionCall* call, const std::string& why);

  Broker& broker_;
  AgentName agent_;
  AgentStream& general_;
  std::string transport_;
  std::string id_;
  std::optional<Revision> revision_;
  bool closed_ = false;
  std::size_t active_ = 0;                     // handle() calls that run
  std::map<std::string, SessionCall*> calls_;  // by RequestId::key
  std::set<std::string> request_keys_;         // of all requests in progress
  std::map<std::string, Ask> asks_;            // by RequestId::key of our id
  std::uint64_t last_ask_ = 0;
  std::set<std::string> capabilities_;  // of the agent: "sampling", "elicitation", ...
  std::optional<int> log_level_;
  std::set<std::pair<ServerName, std::string>> subscriptions_;
  asio::steady_timer idle_;  // cancelled when active_ changes
};

// 0 debug … 7 emergency (RFC 5424 upside down); nothing for an unknown word.
std::optional<int> log_severity(std::string_view level);

}  // namespace toolgate

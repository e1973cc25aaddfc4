#pragma once
// The broker: servers on one side, sessions of agents on the other, and between them the catalogue
// of what is approved. It owns what they share and carries messages that belong to no call.
//
// One thread: everything runs on the executor's. Every reference outlives the broker.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "gateway/broker/approved.hpp"
#include "gateway/broker/call_path.hpp"
#include "gateway/broker/catalogue.hpp"
#include "gateway/broker/policy.hpp"
#include "gateway/broker/session.hpp"
#include "gateway/broker/task_book.hpp"
#include "gateway/broker/upstream.hpp"
#include "gateway/core/agent.hpp"
#include "gateway/core/limits.hpp"
#include "gateway/core/task_group.hpp"
#include "gateway/store/audit.hpp"
#include "inspectors/gate.hpp"

namespace toolgate {

class Broker : public Conversations, private UpstreamEvents {
 public:
  // `make` opens the pipes to the servers: tests give one without processes and sockets.
  Broker(asio::any_io_executor executor, Configuration configuration,
         std::shared_ptr<const Approved> approved, AuditLog& audit, const InspectionGate& gate,
         const Limits& limits, LinkFactory make = make_link);
  Broker(const Broker&) = delete;
  ~Broker() override;

  // Starts every server that has an approval, in the background; others start when they get one.
  void start();
  // After all sessions are closed: stops the servers and waits for them.
  Task<> stop();

  // A new configuration or new approvals take effect for the next call. Servers whose entry is
  // unchanged keep running.
  void reload(Configuration configuration);
  void reload(std::shared_ptr<const Approved> approved);

  // Conversations
  std::unique_ptr<Conversation> open(AgentName agent, AgentStream& general,
                                     std::string transport) override;
  std::unique_ptr<StatelessConversation> open_stateless(
      AgentName agent, std::vector<HeaderField> arguments) override;

  // For sessions and the call path.
  asio::any_io_executor executor() const { return executor_; }
  const Configuration& configuration() const { return *configuration_; }
  const std::string& policy_digest() const { return policy_digest_; }
  Policy policy() const { return Policy(*configuration_); }
  const Catalogue& catalogue() const { return catalogue_; }
  const InspectionGate& gate() const { return gate_; }
  AuditLog& audit() { return audit_; }
  CallPath& calls() { return calls_; }
  TaskBook& tasks() { return tasks_; }
  const Limits& limits() const { return limits_; }
  std::shared_ptr<Upstream> upstream(const ServerName& name) const;
  const std::map<ServerName, std::shared_ptr<Upstream>>& upstreams() const { return upstreams_; }
  // What agents are told that the servers together can do: "tools", "logging", ...
  std::set<std::string> capabilities() const;
  // The approved instructions that this agent sees, as one text (JSON string); nothing if there are
  // none.
  std::optional<std::string> instructions(const AgentName& agent) const;
  // Record something that has no caller who waits for it.
  void record(Record record);
  void forget(Session& session);
  // A session's log level or subscriptions changed: tell the servers what all sessions together
  // want.
  void levels_changed();
  Task<> tell_levels();  // the same, awaited
  bool anybody_subscribes(const ServerName& server, const std::string& uri) const;
  // A session does not want updates of this resource any more; when it was the last, the server is
  // told.
  void unsubscribed(const ServerName& server, const std::string& uri);

 private:
  // UpstreamEvents
  void started(Upstream& server) override;
  void offered(Upstream& server) override;
  void stopped(Upstream& server, const Refusal& why) override;
  void notified(Upstream& server, const Message& message, CallRoute* route) override;
  void asked(Upstream& server, Message message, CallRoute* route) override;

  // Where a message goes that names no call: the one session that has calls in flight on this
  // server.
  struct Addressee {
    Session* session = nullptr;
    SessionCall* call = nullptr;
    AgentStream* stream = nullptr;
  };
  Addressee addressee(const Upstream& server, CallRoute* route) const;
  bool may_hear(const Session& session, const Upstream& server) const;
  void pass_progress(Upstream& server, const Message& message, SessionCall& call);
  void pass_log(Upstream& server, const Message& message, CallRoute* route);
  void pass_update(Upstream& server, const Message& message);
  void pass_task_status(Upstream& server, const Message& message);
  // The message's params with task ids as this agent knows them, inspected.
  std::optional<Cleared> clear_for(const Session& session, Upstream& server, const Message& message,
                                   Channel channel);
  std::optional<Cleared> clear(Upstream& server, const Message& message, Channel channel,
                               const std::string& json);
  void start_approved();
  bool has_approval(const ServerEntry& entry) const;
  void start_server(const ServerEntry& entry);
  Task<> keep_up(std::shared_ptr<Upstream> upstream);
  Task<> retire(std::shared_ptr<Upstream> upstream);
  void rebuild();
  void resubscribe(Upstream& server);
  Task<> write(Record record);

  asio::any_io_executor executor_;
  std::unique_ptr<Configuration> configuration_;
  std::string policy_digest_;
  std::shared_ptr<const Approved> approved_;
  AuditLog& audit_;
  const InspectionGate& gate_;
  const Limits& limits_;
  LinkFactory make_;
  Catalogue catalogue_;
  std::map<ItemKind, std::string> fingerprints_;
  CallPath calls_;
  TaskBook tasks_;
  std::map<ServerName, std::shared_ptr<Upstream>> upstreams_;
  std::vector<Session*> sessions_;  // in the order in which they were opened
  TaskGroup running_;               // servers
  TaskGroup retiring_;              // servers that left the configuration
  TaskGroup records_;               // records that nobody waits for
  bool started_ = false;
  bool stopping_ = false;
};

}  // namespace toolgate

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
#include "gateway/broker/listener.hpp"
#include "gateway/broker/offer_watch.hpp"
#include "gateway/broker/policy.hpp"
#include "gateway/broker/session.hpp"
#include "gateway/broker/stateless_call.hpp"
#include "gateway/broker/subscription.hpp"
#include "gateway/broker/task_book.hpp"
#include "gateway/broker/upstream.hpp"
#include "gateway/core/agent.hpp"
#include "gateway/core/limits.hpp"
#include "gateway/core/task_group.hpp"
#include "gateway/scopes/argument_scopes.hpp"
#include "gateway/store/audit.hpp"
#include "inspectors/gate.hpp"
#include "signing/sealed_state.hpp"

namespace toolgate {

// In Broker::capabilities(): a server lists the directories of its skills.
inline constexpr std::string_view skill_directories =
    "io.modelcontextprotocol/skills directoryRead";

// Is this method there for somebody who was told of these capabilities? Those of an extension are
// with the extension alone, others always are, whatever they do.
bool has_method(const std::set<std::string>& capabilities, std::string_view method);

class Broker : public Conversations, private UpstreamEvents {
 public:
  // `make` opens the pipes to the servers: tests give one without processes and sockets.
  Broker(asio::any_io_executor executor, Configuration configuration,
         std::shared_ptr<const Approved> approved, AuditLog& audit, SightingBook& sightings,
         const InspectionGate& gate, const StateSeal& seal, const Limits& limits, LinkFactory make);
  Broker(const Broker&) = delete;
  ~Broker() override;

  // Starts every server that has a valid approval for what it may reach now, in the background;
  // others start when they get one. Idempotent.
  void start();
  // The first request that is more than a look at who answers: start(), for a gateway that a client
  // may have started only for that look.
  void wake() {
    if (!started_) start();
  }
  // After all sessions are closed: stops the servers and waits for them.
  Task<> stop();

  // A new configuration or new approvals take effect for the next call. Servers whose entry is
  // unchanged, and of which something is still approved, keep running.
  void reload(Configuration configuration);
  void reload(std::shared_ptr<const Approved> approved);
  // Stops what no approval allows any more, and starts what one does: approvals end by themselves.
  void follow_approvals();
  // What is approved cannot be known for now: nothing is, and until it is known again no server
  // starts. Those that run stay, uncallable.
  void forget_approvals();

  // Conversations
  std::unique_ptr<Conversation> open(AgentName agent, AgentStream& general,
                                     std::string transport) override;
  std::unique_ptr<StatelessConversation> open_stateless(
      AgentName agent, std::vector<HeaderField> arguments) override;

  // For the agents' side and the call path.
  asio::any_io_executor executor() const { return executor_; }
  const Configuration& configuration() const { return *configuration_; }
  const std::string& policy_digest() const { return policy_digest_; }
  Policy policy() const { return Policy(*configuration_); }
  const Catalogue& catalogue() const { return catalogue_; }
  const InspectionGate& gate() const { return gate_; }
  const StateSeal& seal() const { return seal_; }
  AuditLog& audit() { return audit_; }
  CallPath& calls() { return calls_; }
  const CallPath& calls() const { return calls_; }
  TaskBook& tasks() { return tasks_; }
  const TaskBook& tasks() const { return tasks_; }
  ParkedCalls& parked() { return parked_; }
  const Limits& limits() const { return limits_; }
  std::shared_ptr<Upstream> upstream(const ServerName& name) const;
  // Of a server that runs, or is to: null for another.
  ArgumentScopes* argument_scopes(const ServerName& name) const;
  const std::map<ServerName, std::shared_ptr<Upstream>>& upstreams() const { return upstreams_; }
  // Servers that do not run until an administrator decides, each with why.
  const std::map<ServerName, std::string>& held() const { return held_; }
  // What the servers together can do: "tools", "logging", ..., the identifiers of extensions, and
  // skill_directories.
  const std::set<std::string>& capabilities() const { return capabilities_; }
  // The same as an agent of this revision is told it.
  std::string capabilities_json(Revision revision) const;
  // The approved instructions that this agent sees, as one text (JSON string); nothing if there are
  // none.
  std::optional<std::string> instructions(const AgentName& agent) const;
  // Record something that has no caller who waits for it.
  void record(Record record);
  void record_question(const AgentCall& call, const Upstream& server, const std::string& method);
  // Durable when it returns.
  Task<Status> record_subscription(const AgentName& agent, const std::string& session,
                                   const std::string& method, const SubscriptionFilter& granted);
  // A task that outlasts the request that starts it.
  void spawn(Task<> task) { calls_in_progress_.spawn(std::move(task)); }
  void forget(Session& session);
  // From now on the listener hears of changes, and the servers are told what it wants to hear.
  void listen(Listener& listener);
  void unlisten(Listener& listener);
  // How many resources this agent watches, over all that it has open.
  std::size_t watched_by(const AgentName& agent) const;
  // From now on a message that names no call may belong to an agent without a session.
  void saw_stateless() { stateless_seen_ = true; }
  // A session's log level or subscriptions changed: tell the servers what all sessions together
  // want.
  void levels_changed();
  Task<> tell_levels();  // the same, awaited
  // A request wants log messages from this level on: tells a legacy server, where it has to.
  Task<> tell_level(std::shared_ptr<Upstream> server, int level);
  bool anybody_subscribes(const ServerName& server, const std::string& uri) const;
  // Does it offer to tell of updates of resources?
  bool tells_updates(const Upstream& server) const;
  // What agents want to hear of this modern server's resources and tasks may have changed.
  void wishes_changed(const ServerName& server);
  // A session does not want updates of this resource any more; when it was the last, the server is
  // told.
  void unsubscribed(const ServerName& server, const std::string& uri);

 private:
  // UpstreamEvents
  void started(Upstream& server) override;
  void offered(Upstream& server) override;
  void unlisted(Upstream& server, const Refusal& why) override;
  void stopped(Upstream& server, const Refusal& why) override;
  void notified(Upstream& server, const Message& message, CallRoute* route) override;
  void asked(Upstream& server, Message message, CallRoute* route) override;

  // Where a message goes that names no call: the one session that has calls in flight on this
  // server.
  struct Addressee {
    AgentCall* call = nullptr;
    Session* session = nullptr;  // where it is no call
    AgentStream* stream = nullptr;
    explicit operator bool() const { return stream != nullptr; }
    const AgentName& agent() const { return call ? call->agent() : session->agent(); }
    const ClientCapabilities& capabilities() const {
      return call ? call->capabilities() : session->capabilities();
    }
  };
  Addressee addressee(const Upstream& server, CallRoute* route) const;
  bool may_hear(const Session& session, const Upstream& server) const;
  void pass_progress(Upstream& server, const Message& message, AgentCall& call);
  void pass_log(Upstream& server, const Message& message, CallRoute* route);
  void pass_update(Upstream& server, const Message& message);
  void pass_task_status(Upstream& server, const Message& message);
  Task<> tell_task(std::string server, std::string method, std::string visible_id, Cleared params);
  // The message's params with task ids as this agent knows them, inspected.
  std::optional<Cleared> clear_for(const AgentName& agent, Upstream& server, const Message& message,
                                   Channel channel);
  std::optional<Cleared> clear(Upstream& server, const Message& message, Channel channel,
                               const std::string& json);
  // What a server offered until it was let go.
  struct LastOffer {
    ServerIdentity identity;
    Offer offer;
  };
  // Did a server have to start or stop?
  bool start_and_stop();
  void start_server(const ServerEntry& entry);
  void hold(const ServerEntry& entry, std::string why);
  void let_go(std::shared_ptr<Upstream> upstream);
  const Offer* offer_of(const ServerEntry& entry) const;
  Task<> keep_up(std::shared_ptr<Upstream> upstream);
  Task<> retire(std::shared_ptr<Upstream> upstream);
  void rebuild();
  void look_at(Upstream& server);
  std::set<std::string> offered_capabilities() const;
  void resubscribe(Upstream& server);
  Task<> write(Record record);

  asio::any_io_executor executor_;
  std::unique_ptr<Configuration> configuration_;
  std::string policy_digest_;
  std::shared_ptr<const Approved> approved_;
  AuditLog& audit_;
  OfferWatch watch_;
  const InspectionGate& gate_;
  const StateSeal& seal_;
  const Limits& limits_;
  LinkFactory make_;
  Catalogue catalogue_;
  std::set<std::string> capabilities_;
  std::map<ItemKind, std::string> fingerprints_;
  CallPath calls_;
  TaskBook tasks_;
  std::map<ServerName, std::shared_ptr<Upstream>> upstreams_;
  std::map<ServerName, std::unique_ptr<ArgumentScopes>> argument_scopes_;  // as upstreams_
  std::map<ServerName, std::string> held_;
  std::map<ServerName, LastOffer> last_offers_;
  std::vector<Session*> sessions_;  // in the order in which they were opened
  std::vector<Listener*> listeners_;
  std::map<ServerName, int> told_levels_;  // of the legacy servers that run
  ParkedCalls parked_;
  TaskGroup calls_in_progress_;  // of modern agents, where they may outlast their request
  TaskGroup running_;            // servers
  TaskGroup retiring_;           // servers that left the configuration, or are held
  TaskGroup records_;            // records that nobody waits for
  bool stateless_seen_ = false;
  bool started_ = false;
  bool stopping_ = false;
  bool approvals_known_ = true;
};

}  // namespace toolgate

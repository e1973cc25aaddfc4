#pragma once
// One server as the broker's client side sees it: the link kept alive, the handshake, the requests
// that wait for an answer, and what the server offers.
//
// This is the seam for a protocol era on the server's side (upstream_era.cpp): which one a server
// speaks is found out at each start, the modern one first, unless it is known. Callers see
// requests, answers and an Offer; what they must know of the era, is_modern() and carriage() say.
//
// Eras. Modern (2026-07-28): `server/discover` succeeds, and every request carries the broker's own
// envelope. Changes are told on a subscription that the broker keeps open for itself. Legacy
// (2024-11-05 to 2025-11-25): anything else answers the probe, and `initialize` follows.
//
// Ids and progress tokens are the broker's own. An answer that nobody waits for (unknown id, second
// answer, after the deadline) is dropped and counted. One thread: that of the executor.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "connectors/custodian.hpp"
#include "connectors/sandbox/proof.hpp"
#include "gateway/broker/containment.hpp"
#include "gateway/broker/offer.hpp"
#include "gateway/config/configuration.hpp"
#include "gateway/core/limits.hpp"
#include "gateway/core/message.hpp"
#include "gateway/core/server_link.hpp"
#include "gateway/core/slot.hpp"
#include "gateway/core/task.hpp"
#include "gateway/core/task_group.hpp"

namespace toolgate {

class ListReading;
class Upstream;

// Whom an answer's side messages belong to: the broker hangs its own state here. Compared by
// address.
class CallRoute {
 public:
  virtual ~CallRoute() = default;

  // What happened in staged file scopes while the call was with its server, however it ended.
  const FileNotes& files() const { return files_; }
  void add_files(const FileNotes& files) { files_.add(files); }

 private:
  FileNotes files_;
};

// What an upstream tells the broker.
class UpstreamEvents {
 public:
  virtual ~UpstreamEvents() = default;
  // The handshake and the first listing are done; offered() follows.
  virtual void started(Upstream& server) = 0;
  // There is an offer: the first, or a list was read anew.
  virtual void offered(Upstream& server) = 0;
  // The lists could not be read anew, limits.list_failures times in a row.
  virtual void unlisted(Upstream& server, const Refusal& why) = 0;
  virtual void stopped(Upstream& server, const Refusal& why) = 0;
  // A notification. `route`: of the request in whose stream it came, or whose progress token it
  // names.
  virtual void notified(Upstream& server, const Message& message, CallRoute* route) = 0;
  // The server asks the agent something (or pings). Answer through Upstream::answer().
  virtual void asked(Upstream& server, Message message, CallRoute* route) = 0;
};

// An answer: a JSON-RPC result or error of the server.
struct Reply {
  Message message;
  bool is_error() const { return message.kind() == MessageKind::error; }
};

// Makes the pipe to a server, anew at each start.
using LinkFactory = std::function<Result<std::unique_ptr<ServerLink>>(
    asio::any_io_executor executor, const ServerEntry& entry, Transport transport)>;

// The transports that entries ask for. A local server runs in a sandbox unless its entry says
// "none"; `proof` says whether sandboxes hold. Without a custodian no server with staged file
// scopes starts. Both outlive the links.
LinkFactory make_links(SandboxProof& proof, Custodian* custodian);

class Upstream : public ServerEvents, public std::enable_shared_from_this<Upstream> {
 public:
  enum class State { idle, starting, ready, waiting, stopped };

  // All references outlive the upstream.
  Upstream(asio::any_io_executor executor, ServerEntry entry, UpstreamEvents& events,
           LinkFactory make);
  Upstream(const Upstream&) = delete;
  ~Upstream() override;

  const ServerEntry& entry() const { return entry_; }
  const std::string& name() const { return entry_.name.text(); }
  // Policy, prefix and labels may change without a restart.
  void replace_entry(ServerEntry entry) { entry_ = std::move(entry); }

  // Starts, and restarts with backoff, until stop(). Spawned once, by the owner.
  Task<> run();
  // One start without restarts, for a probe: refuses with why it failed.
  Task<Status> probe();
  // Ends the link in good order and fails what waits. run() returns afterwards.
  Task<> stop();

  State state() const { return state_; }
  // The era of the link that is open, or of the last one.
  bool is_modern() const { return revision_ && toolgate::is_modern(*revision_); }
  std::optional<Revision> revision() const { return revision_; }
  // How a request of this kind travels to this server; `name` is what Mcp-Name says, or empty.
  Carriage carriage(std::string_view method, std::string_view name) const;
  // An era that is known from before, for a local server: its program is the same, so it is not
  // asked again. Before run().
  void expect_legacy() { expects_legacy_ = true; }

  // What it offered when it was last asked; stays while the server is down. Null before the first
  // complete listing.
  const Offer* offer() const { return offer_ ? &*offer_ : nullptr; }
  // The boundary that it runs in, or that it ran or could not run in last.
  const Containment& containment() const { return containment_; }
  std::uint64_t restarts() const { return restarts_; }
  const std::string& last_error() const { return last_error_; }
  // The last lines that a local server wrote to stderr before it ended, printable ASCII alone: for
  // people, never for an agent.
  const std::string& last_words() const { return last_words_; }
  std::optional<int> process_id() const { return link_ ? link_->process_id() : std::nullopt; }
  // As ServerLink has it.
  std::optional<std::string> why_no_tree() const {
    return link_ ? link_->why_no_tree() : std::nullopt;
  }
  std::uint64_t dropped_answers() const { return dropped_; }

  // Waits until the server is ready. Refuses with `unavailable` when it will not be soon, and with
  // `cancelled` when `given_up` says so.
  Task<Status> ready(std::function<bool()> given_up);
  // Reads the lists anew: what the server said of changes may have been lost with a stream.
  void refresh() {
    stale_ = true;
    if (state_ == State::ready) changed_.cancel();
  }
  // The same, within this time.
  void refresh_within(Milliseconds time);
  // Not empty: its lists could not be read as often as that, lately, and so what it offers now is
  // not known.
  const std::string& unlisted() const { return unlisted_; }
  // Lets everybody in ready() look again.
  void wake() { changed_.cancel(); }

  // The next request's id: chosen before the call, because it may stand in the params as well.
  BrokerId next_id() { return ++last_id_; }
  // Sends a request and waits for its answer, `limit` at most. `route` may be null and must outlive
  // the call. Waits for room when limits.in_flight requests are unanswered; that counts against
  // `limit`, and cancel() ends it. Refuses with `unavailable` unless the server is ready.
  // Towards a modern server `params` must hold the envelope (gateway/core/envelope.hpp).
  Task<Result<Reply>> request(BrokerId id, std::string method, std::string params,
                              Milliseconds limit, CallRoute* route, Carriage carriage = {});
  // Nobody wants this answer any more: the waiting request() refuses with `why`, and the server is
  // told.
  void cancel(BrokerId id, Refusal why);

  // Of a modern server: which resources and tasks somebody wants to hear of, from now on.
  void watch(std::set<std::string> resources, std::set<std::string> tasks);

  void notify(std::string method, std::string params);
  void answer(std::string message);  // a whole response to a request of the server's

  // Requests that wait now, for routing what names none.
  template <class Visit>
  void each_route(Visit visit) const {
    for (const auto& [id, pending] : pending_) {
      if (pending->route && pending->sent && !pending->slot.is_set()) visit(*pending->route);
    }
  }
  std::size_t in_flight() const { return pending_.size(); }

 private:
  // Lives in the frame of request().
  struct Pending {
    explicit Pending(asio::any_io_executor executor) : slot(std::move(executor)) {}
    Slot<Result<Reply>> slot;
    CallRoute* route = nullptr;
    std::string text;  // the message, until it is sent
    Carriage carriage;
    bool sent = false;
    std::chrono::steady_clock::time_point deadline;
    std::shared_ptr<OpenNotes> notes;  // once it has ended
  };
  class Registered;

  // ServerEvents
  void received(Untrusted<std::string> message, std::optional<BrokerId> stream_of) override;
  void lost(BrokerId request, Refusal why) override;
  void closed(Refusal why) override;

  Task<Status> start();
  Task<Status> connect(Transport transport, Offer& offer);
  Task<Status> open_link(ServerEntry entry, Transport transport);
  Task<Status> open_lesser(Refusal why);
  void set_containment(Containment::State state, std::string missing);
  Task<Status> meet(Offer& offer, Transport transport);
  Task<Result<bool>> discover(Offer& offer);
  Status discovered(const Reply& reply, Offer& offer);
  Task<Status> handshake(Offer& offer);
  Status agreed(const Reply& reply, Offer& offer);
  std::string own_params(std::string members) const;
  void listen_anew();
  Task<> listen(BrokerId id);
  bool listens_for_changes() const;
  Task<Status> list_all(Offer& offer);
  Task<Status> read_anew();
  Task<Status> glimpse();
  Task<Status> list(const ListMethod& method, Offer& into);
  Status take_page(const ListMethod& method, const Value& items, ListReading& reading) const;
  void list_failed(const Refusal& why);
  Status may_be_offered(const ListMethod& method, const Value& item) const;
  Task<> stay_up();
  Task<> end_link();
  Task<> close_link();
  Task<> change();
  std::chrono::steady_clock::duration wait_after(const Refusal& why);
  Task<> back_off();
  Task<Result<Reply>> ask(std::string method, std::string params);
  Task<Result<Reply>> ask(std::string method, std::string params, Milliseconds limit,
                          Carriage carriage);
  Task<Result<Reply>> exchange(BrokerId id, std::string method, std::string params,
                               Milliseconds limit, CallRoute* route, Carriage carriage);
  void send(BrokerId id, Pending& pending);
  Milliseconds start_time_left() const;

  void take(Parsed parsed, std::optional<BrokerId> stream_of);
  void take_notification(const Message& message, std::optional<BrokerId> stream_of);
  void acknowledged(const Message& message);
  void torn_down(const Message& message);
  void take_request(Message message, std::optional<BrokerId> stream_of);
  CallRoute* route_of(std::optional<BrokerId> id) const;
  void finish(BrokerId id, Result<Reply> result);
  void settle(BrokerId id, Pending& pending, Result<Reply> result);
  void fail_all(const Refusal& why);
  Refusal named(Refusal why) const;
  void set_state(State state);
  Task<> watch_deadlines();
  void leave_room();

  asio::any_io_executor executor_;
  ServerEntry entry_;
  UpstreamEvents& events_;
  LinkFactory make_;
  std::unique_ptr<ServerLink> link_;
  TaskGroup tasks_;  // the watch over the deadlines
  State state_ = State::idle;
  bool running_ = false;  // run() is at work
  bool stopping_ = false;
  bool closing_ = false;              // somebody awaits link_->close(): one at a time
  bool is_sse_ = false;               // a Streamable HTTP entry whose server speaks HTTP+SSE
  bool stale_ = false;                // a list changed since it was read
  std::optional<Refusal> gone_;       // why the link closed
  std::optional<Revision> revision_;  // that this link speaks, or the last one
  bool expects_legacy_ = false;
  std::set<std::string> watched_resources_;
  std::set<std::string> watched_tasks_;
  std::set<BrokerId> listens_;  // subscriptions that are open; more than one while one is replaced
  unsigned listen_failures_ = 0;
  std::optional<Offer> offer_;
  std::string last_error_;
  std::string last_words_;
  Containment containment_;
  std::uint64_t restarts_ = 0;
  std::uint64_t dropped_ = 0;
  unsigned failures_ = 0;
  unsigned list_failures_ = 0;  // in a row
  std::string unlisted_;
  std::chrono::steady_clock::time_point relist_at_;
  BrokerId last_id_ = 0;
  std::map<BrokerId, Pending*> pending_;
  std::size_t sent_ = 0;        // of pending_, those that were sent
  std::deque<BrokerId> queue_;  // those that wait for room, and perhaps some that have gone
  std::chrono::steady_clock::time_point start_by_;
  std::chrono::steady_clock::time_point retry_at_;
  asio::steady_timer changed_;  // cancelled whenever the state changes
  asio::steady_timer deadlines_;
};

std::string_view state_name(Upstream::State state);

// The answer to roots/list: the configured file scopes. What the agent would say stays with it,
// because real servers widen their own access to whatever roots they are told.
std::string roots_result(const ServerEntry& entry);

}  // namespace toolgate

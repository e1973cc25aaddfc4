#pragma once
// One connection of an agent to the HTTP endpoint: reads requests one after the other, has each
// judged and authorised, and answers it. The door makes these and lists them; nobody else needs
// them.
//
// Time: a connection has one deadline, a number that each step moves. The door looks at all
// deadlines a few times in the shortest limit (tick()), so no request starts or stops a timer.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "connectors/host_check.hpp"
#include "connectors/http_door_answer.hpp"
#include "connectors/http_door_wire.hpp"
#include "connectors/http_request.hpp"
#include "connectors/http_request_body.hpp"
#include "connectors/http_session.hpp"
#include "gateway/core/agent.hpp"
#include "gateway/core/limits.hpp"
#include "gateway/core/result.hpp"
#include "gateway/core/slot.hpp"
#include "gateway/core/task_group.hpp"

namespace toolgate {

class DoorConnection;
class PostStream;
class StatelessExchange;

// Reports refused attempts, at most `burst` in a second, so that nobody fills the record by
// knocking.
class RefusedAttempts {
 public:
  explicit RefusedAttempts(Doorkeeper& doorkeeper) : doorkeeper_(doorkeeper) {}
  void report(const Refusal& why, std::chrono::steady_clock::time_point now);

 private:
  static constexpr unsigned burst = 10;
  Doorkeeper& doorkeeper_;
  std::chrono::steady_clock::time_point second_{};
  unsigned reported_ = 0;
  std::uint64_t left_out_ = 0;
};

// What all connections of a door share. Outlives them.
struct DoorShared {
  DoorShared(asio::any_io_executor on, Conversations& makes, Doorkeeper& guards,
             const Limits& bounds)
      : executor(on),
        conversations(makes),
        doorkeeper(guards),
        limits(bounds),
        attempts(guards),
        sessions(bounds),
        hosts(HostRules{}),
        calls_done(on),
        tasks(on, "http door") {}

  asio::any_io_executor executor;
  Conversations& conversations;
  Doorkeeper& doorkeeper;
  const Limits& limits;
  RefusedAttempts attempts;
  HttpSessions sessions;
  HostCheck hosts;
  std::optional<AgentName> only_agent;
  HttpDate date;
  std::unordered_set<DoorConnection*> connections;
  std::size_t calls = 0;                                         // POSTs in progress
  std::unordered_map<std::string, std::size_t> stateless_calls;  // of them, by agent
  asio::steady_timer calls_done;  // cancelled when, while stopping, the last of them is over
  bool stopping = false;
  TaskGroup tasks;
};

// Shared: the stream of a POST is written by a task of its own, which must not outlive the
// connection.
class DoorConnection : public std::enable_shared_from_this<DoorConnection> {
 public:
  using Clock = std::chrono::steady_clock;

  DoorConnection(DoorShared& door, std::unique_ptr<DoorWire> wire, asio::ip::tcp::endpoint own,
                 asio::ip::tcp::endpoint peer);
  DoorConnection(const DoorConnection&) = delete;
  ~DoorConnection();

  // Until the connection is over.
  static Task<> serve(std::shared_ptr<DoorConnection> connection);
  // Looks at the clock: closes what is past its deadline, turns slow answers into streams, keeps
  // silent streams alive. Looks whether who waits for an answer is still there.
  void tick(Clock::time_point now);
  // Closes at once if no request is in progress, otherwise after its answer. Asks a subscription to
  // end.
  void wind_down();
  // Cancels the request in progress if it belongs to no session.
  void cancel_stateless();

 private:
  // Reading.
  Task<bool> serve_request();
  Task<bool> read_head();
  Task<bool> read_body(RequestHead head);
  Task<bool> skip_body(std::uint64_t bytes);
  Task<bool> fill(std::size_t room);
  Task<> linger();

  // Answering. What returns a bool says whether the connection goes on.
  Task<bool> dispatch(RequestHead head, AgentName agent);
  Task<bool> refuse(HttpRefusal refusal);
  Task<bool> answer(AnswerHead head, std::string body);
  Task<bool> answer_json(unsigned status, std::string body);

  std::expected<AgentName, HttpRefusal> authorise(const RequestHead& head);
  bool is_own_user();

  // POST (http_door_post.cpp).
  Task<bool> post(RequestHead head, AgentName agent);
  Task<bool> post_in_session(RequestHead head, AgentName agent, SessionHandle session,
                             Message message);
  Task<bool> initialize(AgentName agent, Message message);
  Task<SessionHandle> open_session(AgentName agent);
  Task<bool> call(SessionHandle session, Message message);
  Task<bool> deliver(SessionHandle session, Message message);
  Task<bool> batch(SessionHandle session, std::vector<Parsed> messages);
  struct Batch;
  static Task<> batch_call(std::shared_ptr<Batch> batch, Message message);
  Task<bool> finish_stream(PostStream& stream);
  Task<> end_after_fault(SessionHandle session);
  friend class Posting;

  // Requests of the modern era (http_door_stateless.cpp).
  class StatelessUse;
  Task<bool> post_stateless(RequestHead head, AgentName agent, Message message,
                            std::optional<std::string> claimed);
  Task<bool> call_stateless(AgentName agent, Message message);
  void client_lost();

  // Streams (http_door_stream.cpp).
  Task<bool> get(RequestHead head, SessionHandle session);
  Task<bool> remove(SessionHandle session);
  Task<bool> pump(SseFeed& feed, std::string out);
  void begin_pump(const SessionHandle& session, std::shared_ptr<SseFeed> feed);
  static Task<> pump_post(std::shared_ptr<DoorConnection> connection, SessionHandle session,
                          std::shared_ptr<SseFeed> feed);
  std::string stream_head();

  std::expected<SessionHandle, HttpRefusal> session_of(const RequestHead& head,
                                                       const AgentName& agent);

  DoorShared& door_;
  std::unique_ptr<DoorWire> wire_;
  asio::ip::tcp::endpoint own_;
  asio::ip::tcp::endpoint peer_;

  std::vector<char> buffer_;
  std::size_t begin_ = 0;  // what was read and not taken: buffer_[begin_, end_)
  std::size_t end_ = 0;
  RequestFields fields_;
  RequestBody body_;

  Clock::time_point deadline_;
  bool between_requests_ = true;
  bool asked_before_ = false;  // a whole head, whatever came of it
  bool last_request_ = false;
  std::optional<bool> own_user_;  // does the peer belong to the gateway's user? Looked up once.

  PostStream* posting_ = nullptr;  // the request in progress whose answer is not begun
  Clock::time_point posting_since_;
  StatelessExchange* stateless_ = nullptr;  // the request in progress, if it belongs to no session
  SseFeed* feed_ = nullptr;                 // the stream that is being written
  Clock::time_point written_at_;
  std::optional<Slot<Done>> pumped_;  // set when the stream of a POST was written
};

}  // namespace toolgate

// POSTs of the modern era: which ones they are and what is refused before the broker sees them, and
// the handling of a request, whose answer is plain JSON or a stream of its own.

#include "connectors/http_door_stateless.hpp"

#include <boost/asio/this_coro.hpp>
#include <cassert>
#include <exception>
#include <utility>

#include "connectors/http_door_connection.hpp"
#include "connectors/http_door_post.hpp"
#include "gateway/core/envelope.hpp"
#include "gateway/core/log.hpp"
#include "gateway/core/mirror.hpp"

namespace toolgate {

// Says that the task of cancel() is over, also where it was cancelled before it began.
class StatelessExchange::EndOfClosing {
 public:
  explicit EndOfClosing(Slot<Done>& over) : over_(&over) {}
  EndOfClosing(EndOfClosing&& other) noexcept : over_(std::exchange(other.over_, nullptr)) {}
  EndOfClosing& operator=(EndOfClosing&&) = delete;
  ~EndOfClosing() {
    if (over_ != nullptr) over_->set(Done{});
  }

 private:
  Slot<Done>* over_;
};

StatelessExchange::StatelessExchange(TaskGroup& tasks, asio::any_io_executor executor,
                                     std::unique_ptr<StatelessConversation> conversation)
    : tasks_(tasks), executor_(std::move(executor)), conversation_(std::move(conversation)) {
  assert(conversation_);
}

StatelessExchange::~StatelessExchange() { assert(closed_); }

void StatelessExchange::cancel() {
  if (beside_ || begun_) return;
  beside_.emplace(executor_);
  tasks_.spawn(close_beside(EndOfClosing(*beside_)));
}

Task<> StatelessExchange::close_beside(EndOfClosing) {
  begun_ = true;
  co_await conversation_->close();
}

Task<> StatelessExchange::close() {
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  if (beside_) co_await beside_->wait();
  if (!std::exchange(begun_, true)) co_await conversation_->close();
  closed_ = true;
  co_await asio::this_coro::throw_if_cancelled(throws);
}

namespace {

// One of the requests that an agent has in progress.
class StatelessPlace {
 public:
  explicit StatelessPlace(std::size_t& taken) : taken_(taken) { ++taken_; }
  StatelessPlace(const StatelessPlace&) = delete;
  ~StatelessPlace() { --taken_; }

 private:
  std::size_t& taken_;
};

// What stands in a message without an envelope, although its header names a modern revision.
Refusal without_envelope(const Message& message) {
  if (!message.is_request()) {
    return Refusal(Reason::invalid_request,
                   "MCP-Protocol-Version names a revision in which this is not posted");
  }
  if (message.method() == "initialize") {
    return Refusal(Reason::header_mismatch,
                   "initialize opens a session of revision 2025-11-25 or older, and "
                   "MCP-Protocol-Version names a newer one");
  }
  return Refusal(Reason::invalid_params, "params._meta[\"" + std::string(meta_revision) +
                                             "\"] must be the revision that "
                                             "MCP-Protocol-Version names");
}

// The rest of a request's envelope is the conversation's to judge, which answers what is wrong.
Status judge(const RequestHead& head, const Message& message,
             const std::optional<std::string>& claimed) {
  if (!claimed) return without_envelope(message);
  MirroredHeaders headers;
  headers.revision = head.revision_text;
  headers.method = head.mirrored_method;
  headers.name = head.mirrored_name;
  Status mirrored = check_mirrored(headers, message, *claimed);
  if (!mirrored || message.is_request()) return mirrored;
  const auto revision = revision_from(*claimed);
  if (revision && is_modern(*revision)) return done();
  return Refusal(Reason::unsupported_revision, "this revision of MCP is not spoken here");
}

}  // namespace

// Sets the connection's request in progress.
class DoorConnection::StatelessUse {
 public:
  StatelessUse(DoorConnection& connection, StatelessExchange& call) : connection_(connection) {
    connection_.stateless_ = &call;
  }
  StatelessUse(const StatelessUse&) = delete;
  ~StatelessUse() { connection_.stateless_ = nullptr; }

 private:
  DoorConnection& connection_;
};

Task<bool> DoorConnection::post_stateless(RequestHead head, AgentName agent, Message message,
                                          std::optional<std::string> claimed) {
  Status fits = judge(head, message, claimed);
  const std::string id_raw = message.is_request() ? message.id().raw() : "null";
  if (!fits) co_return co_await answer_json(400, error_text(id_raw, fits.refusal()));
  if (!message.is_request()) {
    // None that this revision has on HTTP means anything.
    AnswerHead accepted;
    accepted.status = 202;
    co_return co_await answer(accepted, "");
  }
  std::size_t& taken = door_.stateless_calls[agent.text()];
  if (door_.stopping || taken >= door_.limits.session.in_flight) {
    const Refusal full(Reason::overloaded,
                       door_.stopping ? "the gateway is stopping"
                                      : "too many requests of this agent are not answered yet");
    AnswerHead busy;
    busy.status = 503;
    busy.type = "application/json";
    busy.headers = "Retry-After: 10\r\n";
    co_return co_await answer(busy, error_text(id_raw, full));
  }
  StatelessPlace place(taken);
  co_return co_await call_stateless(std::move(agent), std::move(message));
}

Task<bool> DoorConnection::call_stateless(AgentName agent, Message message) {
  const std::string id_raw = message.id().raw();
  StatelessExchange call(
      door_.tasks, door_.executor,
      door_.conversations.open_stateless(std::move(agent), std::move(fields_.arguments)));
  Posting posting(*this, nullptr);
  PostStream& stream = posting.stream();
  std::optional<WireWatch> watch;
  std::optional<Inspected> reply;
  unsigned status = 200;
  bool faulted = false;
  {
    StatelessUse in_progress(*this, call);
    watch.emplace(*wire_, [this] { client_lost(); });
    try {
      reply = co_await call.conversation().handle(std::move(message), stream);
      status = call.conversation().http_status();
    } catch (const std::exception& fault) {
      log_line(LogLevel::error, "http_stateless_fault", {{"what", fault.what()}});
      faulted = true;
    }
    co_await call.close();
  }
  posting.answered();
  if (stream.is_started()) {
    if (reply) stream.send(std::move(*reply));
    co_return co_await finish_stream(stream);
  }
  watch.reset();
  if (!wire_->is_open()) co_return false;
  if (reply) co_return co_await answer_json(status, std::move(*reply).take());
  const Refusal why = faulted ? Refusal(Reason::internal, "the gateway failed; its log says why")
                              : Refusal(Reason::cancelled, "the request was cancelled");
  co_return co_await answer_json(faulted ? 500 : 503, error_text(id_raw, why));
}

// The connection is of no use any more. What was asked on it is cancelled where it stands alone;
// calls of a session go on.
void DoorConnection::client_lost() {
  wire_->close();
  if (feed_) feed_->break_off();
  cancel_stateless();
}

void DoorConnection::cancel_stateless() {
  if (stateless_) stateless_->cancel();
}

}  // namespace toolgate

#include "connectors/http_door_post.hpp"

#include <exception>

#include "connectors/http_door_connection.hpp"
#include "gateway/core/envelope.hpp"
#include "gateway/core/log.hpp"
#include "gateway/core/message.hpp"

namespace toolgate {
namespace {

// A POST in progress, for whoever stops the door and waits for it.
class CallInProgress {
 public:
  explicit CallInProgress(DoorShared& door) : door_(door) { ++door_.calls; }
  CallInProgress(const CallInProgress&) = delete;
  ~CallInProgress() {
    if (--door_.calls == 0 && door_.stopping) door_.calls_done.cancel();
  }

 private:
  DoorShared& door_;
};

// Gives a request's id back when the request was answered.
class ClaimedId {
 public:
  ClaimedId(HttpSession& session, RequestId id) : session_(session), id_(std::move(id)) {}
  ClaimedId(const ClaimedId&) = delete;
  ~ClaimedId() { session_.release(id_); }

 private:
  HttpSession& session_;
  RequestId id_;
};

Refusal claim_refusal(HttpSession::Claim claim) {
  if (claim == HttpSession::Claim::taken) {
    return Refusal(Reason::invalid_request, "a request with this id is not answered yet");
  }
  return Refusal(Reason::overloaded, "too many requests of this session are not answered yet");
}

}  // namespace

PostStream::PostStream(SessionHandle session, asio::any_io_executor executor,
                       std::size_t limit_bytes, Started started)
    : session_(std::move(session)),
      executor_(std::move(executor)),
      limit_(limit_bytes),
      started_(std::move(started)) {}

PostStream::~PostStream() {
  finish();
  if (!feed_) return;
  if (session_) session_->detach(*feed_);
  if (!feed_->is_finished()) feed_->break_off();
}

bool PostStream::send(Inspected message) {
  if (finished_) return false;
  start();
  if (number_) return session_->publish(*number_, message);
  feed_->push(std::make_shared<const std::string>(sse_event("", message.text())));
  return !feed_->is_broken();
}

void PostStream::start() {
  if (feed_ || finished_) return;
  feed_ = std::make_shared<SseFeed>(executor_, limit_);
  if (session_) number_ = session_->begin_stream(*feed_);
  const std::optional<Revision> revision =
      session_ ? session_->conversation().revision() : std::nullopt;
  if (revision && primes_streams(*revision)) {
    const std::string id = event_id_text(EventId{*number_, 0});
    feed_->push(std::make_shared<const std::string>(sse_priming(id, stream_retry_ms)));
  }
  started_(session_, feed_);
}

void PostStream::finish() {
  if (finished_) return;
  finished_ = true;
  if (number_) {
    session_->finish_stream(*number_);
  } else if (feed_) {
    feed_->finish();
  }
}

Posting::Posting(DoorConnection& connection, const SessionHandle& session)
    : connection_(connection),
      stream_(session, connection.door_.executor, connection.door_.limits.session.queued_bytes,
              [&connection](const SessionHandle& of, std::shared_ptr<SseFeed> feed) {
                connection.begin_pump(of, std::move(feed));
              }) {
  connection_.posting_ = &stream_;
  connection_.posting_since_ = DoorConnection::Clock::now();
}

void Posting::answered() { connection_.posting_ = nullptr; }

// The body decides to which era the message belongs: one whose _meta names a revision is of the
// modern era, and so is refused what a modern MCP-Protocol-Version comes with and names none.
// Arrays and what is no message are of the legacy era.
Task<bool> DoorConnection::post(RequestHead head, AgentName agent) {
  CallInProgress in_progress(door_);
  SessionHandle session;
  if (head.session_id) session = door_.sessions.find(*head.session_id, agent);
  const std::optional<Revision> revision =
      session ? session->conversation().revision() : std::optional<Revision>();
  const bool batches = revision && allows_batches(*revision);
  Inbound inbound = parse_inbound(Untrusted<std::string>(body_.release()), door_.limits.json,
                                  batches ? Batches::accepted : Batches::refused);
  Parsed& first = inbound.messages.front();
  auto* message = inbound.batch ? nullptr : std::get_if<Message>(&first);
  std::optional<std::string> claimed = message ? claimed_revision(*message) : std::nullopt;
  if (message && (claimed || head.names_modern_revision())) {
    co_return co_await post_stateless(head, std::move(agent), std::move(*message),
                                      std::move(claimed));
  }
  if (head.revision_text && !head.revision) co_return co_await refuse(unknown_revision());
  auto* bad = std::get_if<BadMessage>(&first);
  if (head.session_id && !session && !(bad && head.names_modern_revision())) {
    auto found = session_of(head, agent);
    co_return co_await refuse(std::move(found.error()));
  }
  if (inbound.batch) co_return co_await batch(std::move(session), std::move(inbound.messages));
  if (bad) {
    std::string error = session ? session->conversation().refuse(*bad).take()
                                : error_text(bad->id_raw, bad->refusal);
    co_return co_await answer_json(400, std::move(error));
  }
  co_return co_await post_in_session(head, std::move(agent), std::move(session),
                                     std::move(*message));
}

Task<bool> DoorConnection::post_in_session(RequestHead head, AgentName agent, SessionHandle session,
                                           Message message) {
  const bool is_initialize = message.is_request() && message.method() == "initialize";
  if (is_initialize && session) {
    const Refusal twice(Reason::invalid_request,
                        "this session is initialized: leave Mcp-Session-Id out");
    co_return co_await answer_json(400, error_text(message.id().raw(), twice));
  }
  if (is_initialize) co_return co_await initialize(std::move(agent), std::move(message));
  if (!session) {
    auto missing = session_of(head, agent);
    co_return co_await refuse(std::move(missing.error()));
  }
  if (message.is_request()) co_return co_await call(std::move(session), std::move(message));
  co_return co_await deliver(std::move(session), std::move(message));
}

// Nothing when there is no room, and none can be made.
Task<SessionHandle> DoorConnection::open_session(AgentName agent) {
  SessionHandle idlest;
  if (door_.sessions.is_full()) idlest = door_.sessions.remove_idlest();
  if (idlest) co_await idlest->end();
  if (door_.stopping) co_return nullptr;
  co_return door_.sessions.open(door_.conversations, agent);
}

// What the broker sends before the answer belongs to no stream yet: it waits for the first GET.
Task<bool> DoorConnection::initialize(AgentName agent, Message message) {
  SessionHandle session = co_await open_session(agent);
  if (!session) {
    HttpRefusal full(503, Reason::overloaded, "the gateway has no room for another session");
    full.headers = "Retry-After: 10\r\n";
    co_return co_await refuse(std::move(full));
  }
  SessionUse use(*session);
  std::string id_raw = message.id().raw();
  std::optional<Inspected> reply;
  bool faulted = false;
  try {
    reply = co_await session->conversation().handle(std::move(message), session->general());
  } catch (const std::exception& fault) {
    log_line(LogLevel::error, "http_initialize_fault", {{"what", fault.what()}});
    faulted = true;
  }
  const bool succeeded = reply && session->conversation().revision() && !session->is_ended();
  if (succeeded) {
    session->accept();
  } else if (door_.sessions.remove(*session)) {
    co_await session->end();
  }
  if (!reply) {
    const Refusal why = faulted ? Refusal(Reason::internal, "the gateway failed; its log says why")
                                : Refusal(Reason::cancelled, "initialize was not completed");
    co_return co_await answer_json(faulted ? 500 : 503, error_text(id_raw, why));
  }
  AnswerHead head;
  head.type = "application/json";
  if (succeeded) head.session_id = session->id();
  co_return co_await answer(head, std::move(*reply).take());
}

Task<bool> DoorConnection::call(SessionHandle session, Message message) {
  const HttpSession::Claim claim = session->claim(message.id());
  if (claim != HttpSession::Claim::granted) {
    const unsigned status = claim == HttpSession::Claim::taken ? 400 : 503;
    co_return co_await answer_json(status, error_text(message.id().raw(), claim_refusal(claim)));
  }
  SessionUse use(*session);
  std::optional<ClaimedId> claimed(std::in_place, *session, message.id());
  Posting posting(*this, session);
  PostStream& stream = posting.stream();
  std::optional<Inspected> reply;
  bool faulted = false;
  std::string id_raw = message.id().raw();
  try {
    reply = co_await session->conversation().handle(std::move(message), stream);
  } catch (const std::exception& fault) {
    log_line(LogLevel::error, "http_call_fault", {{"what", fault.what()}});
    faulted = true;
  }
  claimed.reset();
  posting.answered();
  if (faulted) co_await end_after_fault(session);
  if (stream.is_started()) {
    if (reply) stream.send(std::move(*reply));
    co_return co_await finish_stream(stream);
  }
  if (reply) co_return co_await answer_json(200, std::move(*reply).take());
  if (faulted) {
    const Refusal why(Reason::internal, "the gateway failed; its log says why");
    co_return co_await answer_json(500, error_text(id_raw, why));
  }
  // A request that was cancelled is not answered; HTTP needs a status all the same.
  AnswerHead head;
  head.status = 202;
  co_return co_await answer(head, "");
}

// Notifications and responses.
Task<bool> DoorConnection::deliver(SessionHandle session, Message message) {
  SessionUse use(*session);
  bool faulted = false;
  try {
    co_await session->conversation().handle(std::move(message), session->general());
  } catch (const std::exception& fault) {
    log_line(LogLevel::error, "http_notification_fault", {{"what", fault.what()}});
    faulted = true;
  }
  if (faulted) co_await end_after_fault(session);
  AnswerHead head;
  head.status = faulted ? 500 : 202;
  co_return co_await answer(head, "");
}

// A batch in progress. Its requests run side by side, as if they had come one by one. Shared by the
// tasks that run them.
struct DoorConnection::Batch {
  Batch(std::shared_ptr<DoorConnection> on, SessionHandle of)
      : connection(std::move(on)),
        session(std::move(of)),
        posting(*connection, session),
        all_answered(connection->door_.executor) {}

  void answered(Inspected message) {
    if (posting.stream().is_started()) {
      posting.stream().send(std::move(message));
    } else {
      answers.push_back(std::move(message));
    }
  }
  void one_over() {
    if (--running == 0) all_answered.set(Done{});
  }

  std::shared_ptr<DoorConnection> connection;
  SessionHandle session;
  Posting posting;
  std::vector<Inspected>
      answers;              // while it is not known whether they go out as an array or a stream
  std::size_t running = 1;  // requests, and the loop that starts them
  bool faulted = false;
  Slot<Done> all_answered;
};

Task<> DoorConnection::batch_call(std::shared_ptr<Batch> batch, Message message) {
  const ClaimedId claimed(*batch->session, message.id());
  AgentStream& related = message.is_request() ? batch->posting.stream() : batch->session->general();
  std::optional<Inspected> reply;
  try {
    reply = co_await batch->session->conversation().handle(std::move(message), related);
  } catch (const std::exception& fault) {
    log_line(LogLevel::error, "http_batch_fault", {{"what", fault.what()}});
    batch->faulted = true;
  }
  if (reply) batch->answered(std::move(*reply));
  batch->one_over();
}

Task<bool> DoorConnection::batch(SessionHandle session, std::vector<Parsed> messages) {
  SessionUse use(*session);
  auto batch = std::make_shared<Batch>(shared_from_this(), session);
  for (Parsed& parsed : messages) {
    if (auto* bad = std::get_if<BadMessage>(&parsed)) {
      batch->answered(session->conversation().refuse(*bad));
      continue;
    }
    Message message = std::get<Message>(std::move(parsed));
    if (message.is_request()) {
      const HttpSession::Claim claim = session->claim(message.id());
      if (claim != HttpSession::Claim::granted) {
        const BadMessage refused{claim_refusal(claim), message.id().raw()};
        batch->answered(session->conversation().refuse(refused));
        continue;
      }
    }
    ++batch->running;
    door_.tasks.spawn(batch_call(batch, std::move(message)));
  }
  batch->one_over();
  co_await batch->all_answered.wait();
  batch->posting.answered();
  if (batch->faulted) co_await end_after_fault(session);
  PostStream& stream = batch->posting.stream();
  if (stream.is_started()) {
    for (Inspected& message : batch->answers) stream.send(std::move(message));
    co_return co_await finish_stream(stream);
  }
  if (batch->answers.empty()) {
    AnswerHead head;
    head.status = 202;
    co_return co_await answer(head, "");
  }
  std::string array = "[";
  for (const Inspected& message : batch->answers) {
    if (array.size() > 1) array += ',';
    array += message.text();
  }
  co_return co_await answer_json(200, array + "]");
}

// The stream's last message was sent: waits until all is written, or the connection is lost.
Task<bool> DoorConnection::finish_stream(PostStream& stream) {
  stream.finish();
  co_await pumped_->wait();
  pumped_.reset();
  co_return wire_->is_open() && !last_request_;
}

// A fault has left the conversation in a state that nobody knows.
Task<> DoorConnection::end_after_fault(SessionHandle session) {
  if (door_.sessions.remove(*session)) co_await session->end();
}

}  // namespace toolgate

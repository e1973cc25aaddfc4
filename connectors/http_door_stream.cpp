// Streams towards an agent: the listening stream (GET), resumption, and the writing of all of them.

#include "connectors/http_door_connection.hpp"
#include "connectors/http_door_post.hpp"

namespace toolgate {
namespace {

constexpr auto never = DoorConnection::Clock::time_point::max();

// Sets the slot when the writer ends, however it ends.
class SetAtEnd {
 public:
  explicit SetAtEnd(Slot<Done>& slot) : slot_(slot) {}
  SetAtEnd(const SetAtEnd&) = delete;
  ~SetAtEnd() { slot_.set(Done{}); }

 private:
  Slot<Done>& slot_;
};

// A feed of a session while its connection writes it.
class FeedUse {
 public:
  FeedUse(HttpSession& session, SseFeed& feed) : session_(session), feed_(feed) {}
  FeedUse(const FeedUse&) = delete;
  ~FeedUse() { session_.detach(feed_); }

 private:
  HttpSession& session_;
  SseFeed& feed_;
};

}  // namespace

std::string DoorConnection::stream_head() {
  AnswerHead head;
  head.type = "text/event-stream";
  head.chunked = true;
  head.close = last_request_;
  head.headers = "X-Accel-Buffering: no\r\n";
  return answer_head(head, door_.date);
}

// Writes `out`, and what the feed brings, until the feed is finished (true), or it is broken or the
// wire fails: then the wire is closed, so that the client knows to come back.
Task<bool> DoorConnection::pump(SseFeed& feed, std::string out) {
  feed_ = &feed;
  bool open = true;
  bool over = false;
  while (open && !over) {
    if (out.empty()) {
      deadline_ = never;
      co_await feed.wait();
    }
    if (feed.is_broken()) break;
    append_chunk(out, feed.take());
    over = feed.is_finished();
    if (over) out += last_chunk;
    written_at_ = Clock::now();
    deadline_ = written_at_ + door_.limits.door.body_ms;
    open = co_await wire_->write(out, "");
    out.clear();
  }
  feed_ = nullptr;
  deadline_ = never;
  const bool complete = open && over;
  if (!complete) wire_->close();
  co_return complete;
}

Task<> DoorConnection::pump_post(std::shared_ptr<DoorConnection> connection, SessionHandle session,
                                 std::shared_ptr<SseFeed> feed) {
  SetAtEnd at_end(*connection->pumped_);
  bool complete = co_await connection->pump(*feed, connection->stream_head());
  if (complete) co_return;
  if (session) {
    session->detach(*feed);
  } else {
    connection->client_lost();
  }
}

// The answer to the POST in progress becomes a stream: from now on it is written beside the call.
void DoorConnection::begin_pump(const SessionHandle& session, std::shared_ptr<SseFeed> feed) {
  pumped_.emplace(door_.executor);
  door_.tasks.spawn(pump_post(shared_from_this(), session, std::move(feed)));
}

Task<bool> DoorConnection::get(RequestHead head, SessionHandle session) {
  SessionUse use(*session);
  SseFeed feed(door_.executor, door_.limits.session.queued_bytes);
  FeedUse attached(*session, feed);
  auto start =
      head.last_event_id ? session->resume(*head.last_event_id, feed) : session->listen(feed);
  if (!start) co_return co_await refuse(std::move(start.error()));
  if (last_request_) feed.finish();
  std::string out = stream_head();
  const std::optional<Revision> revision = session->conversation().revision();
  if (!head.last_event_id && revision && primes_streams(*revision)) {
    append_chunk(out, sse_priming(event_id_text(*start), stream_retry_ms));
  }
  WireWatch watch(*wire_, [&feed] { feed.break_off(); });
  bool complete = co_await pump(feed, std::move(out));
  co_return complete && !last_request_;
}

Task<bool> DoorConnection::remove(SessionHandle session) {
  if (door_.sessions.remove(*session)) co_await session->end();
  AnswerHead head;
  co_return co_await answer(head, "");
}

}  // namespace toolgate

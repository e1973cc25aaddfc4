#include "connectors/remote_streams.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <string>
#include <utility>
#include <vector>

namespace toolgate {
namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned resume_tries = 5;  // in a row, without a stream
constexpr Milliseconds default_retry{1'000};
constexpr Milliseconds least_retry{20};  // a server's "retry: 0" is no reason to spin
constexpr Milliseconds most_retry{30'000};
constexpr Milliseconds most_backoff{60'000};
constexpr Milliseconds first_notice_ms{
    2'000};  // how long listening waits for notifications/initialized
constexpr std::chrono::seconds short_stream{5};

Milliseconds retry_of(const SseReader& reader) {
  return std::clamp(reader.retry().value_or(default_retry), least_retry, most_retry);
}

Refusal ended_early() {
  return Refusal(Reason::unavailable, "the server ended the event stream before its answer");
}

}  // namespace

// Delivers what the stream brings until it ends. A refusal of too_large is final; others are a
// stream that broke.
Task<Status> RemoteStreams::follow(HttpCall& call, SseReader& reader, std::optional<BrokerId> id,
                                   Post* post) {
  std::string chunk;
  std::vector<SseEvent> events;
  for (;;) {
    chunk.clear();
    auto more = co_await call.read(chunk);
    if (!more) co_return more.refusal();
    if (!*more) co_return done();
    auto fed = reader.put(chunk, events);
    for (SseEvent& event : events) {
      if (session_.is_over() || (post != nullptr && post->abandoned)) break;
      if (!event.is_message() || event.data.empty()) continue;
      if (post != nullptr) post->delivered = true;
      session_.events().received(Untrusted<std::string>(std::move(event.data)), id);
    }
    events.clear();
    if (!fed) co_return fed;
    if (post != nullptr && post->stateless && post->delivered) {
      // The owner abandons from inside received(), or from a handler that it posted there: later
      // than that it does so without an answer.
      co_await asio::post(executor_, asio::use_awaitable);
      post->delivered = post->abandoned;
    }
  }
}

Task<Status> RemoteStreams::answer(BrokerId id, Post& post, HttpCall& call) {
  if (post.stateless) co_return co_await answer_in_one(id, post, call);
  SseReader reader(event_bytes_);
  Status ended = co_await follow(call, reader, id, &post);
  unsigned failures = 0;
  for (;;) {
    co_await asio::post(executor_, asio::use_awaitable);  // the owner may abandon it now
    if (post.abandoned || session_.is_over()) co_return done();
    if (!ended && ended.refusal().reason == Reason::too_large) co_return ended;
    if (Clock::now() >= post.until) break;
    auto request = session_.get(reader.last_event_id());
    if (reader.last_event_id().empty() || !request) co_return ended_early();
    if (failures >= resume_tries) break;
    co_await pause(post, backoff(retry_of(reader), most_retry, failures));
    if (post.abandoned || session_.is_over()) co_return done();
    reader.restart();
    auto resumed = co_await resume(id, post, reader, *request);
    if (!resumed) co_return resumed.refusal();
    failures = *resumed ? 0 : failures + 1;
  }
  co_return Refusal(Reason::unavailable,
                    "the server's event stream broke and could not be resumed");
}

// A stream of the modern era: with it ends the request, whatever ids its events had.
Task<Status> RemoteStreams::answer_in_one(BrokerId id, Post& post, HttpCall& call) {
  SseReader reader(event_bytes_);
  Status ended = co_await follow(call, reader, id, &post);
  co_await asio::post(executor_, asio::use_awaitable);  // the owner may abandon it now
  if (post.abandoned || session_.is_over()) co_return done();
  if (!ended && ended.refusal().reason != Reason::unavailable) co_return ended;
  co_return ended_early();
}

// True when a stream came, false when another try may help, a refusal when the answer is out of
// reach.
Task<Result<bool>> RemoteStreams::resume(BrokerId id, Post& post, SseReader& reader,
                                         const HttpRequest& request) {
  HttpCall call(client_);
  Pointing<HttpCall> pointing(post.call, call);
  call.expire_at(post.until);
  auto started = co_await call.start(request);
  if (!started) co_return false;
  unsigned status = call.head().status();
  if (status == 404 && session_.has_id()) co_return session_.lose();
  if (status >= 400 && status < 500 && status != 408 && status != 429) {
    co_return Refusal(Reason::unavailable, "the server does not resume its event stream (HTTP " +
                                               std::to_string(status) + ")");
  }
  if (status != 200 || !call.head().is_event_stream()) co_return false;
  auto followed = co_await follow(call, reader, id, &post);
  if (!followed && followed.refusal().reason == Reason::too_large) co_return followed.refusal();
  co_return true;
}

Task<> RemoteStreams::pause(Post& post, Milliseconds wait) {
  asio::steady_timer timer(executor_, std::min(Clock::now() + wait, post.until));
  Pointing<asio::steady_timer> pointing(post.pause, timer);
  co_await timer.async_wait(as_result);
}

Task<> RemoteStreams::listen() {
  if (notices_ == 0) {
    noticed_.expires_after(first_notice_ms);
    co_await noticed_.async_wait(as_result);
  }
  SseReader reader(event_bytes_);
  asio::steady_timer timer(executor_);
  unsigned failures = 0;
  while (!session_.is_over()) {
    auto since = Clock::now();
    std::string id = reader.last_event_id();
    Listening outcome = co_await listen_once(reader);
    if (outcome == Listening::none) co_return;
    // A stream that ends at once and says nothing new is as good as none.
    bool useful = reader.last_event_id() != id || Clock::now() - since > short_stream;
    failures = outcome == Listening::ended && useful ? 0 : failures + 1;
    auto most = failures == 0 ? most_retry : most_backoff;
    timer.expires_after(backoff(retry_of(reader), most, failures == 0 ? 0 : failures - 1));
    reader.restart();
    if (!session_.is_over()) co_await timer.async_wait(as_result);
  }
}

void RemoteStreams::noticed() {
  noticed_.cancel();
  notices_ += session_.revision() ? 1 : 0;
}

// No deadline for the head: there are servers that send it with the first event.
Task<RemoteStreams::Listening> RemoteStreams::listen_once(SseReader& reader) {
  auto request = session_.get(reader.last_event_id());
  if (!request) request = session_.get("");
  HttpCall call(client_);
  auto started = co_await call.start(*request);
  if (!started) co_return Listening::failed;
  unsigned status = call.head().status();
  if (status == 405) co_return Listening::none;
  if (status == 404 && session_.has_id()) {
    session_.lose();
    co_return Listening::none;
  }
  if (status != 200 || !call.head().is_event_stream()) {
    session_.complain("listen", refused_status(status));
    co_return Listening::failed;
  }
  auto followed = co_await follow(call, reader, std::nullopt, nullptr);
  if (!followed && !session_.is_over()) session_.complain("listen", followed.refusal());
  co_return followed ? Listening::ended : Listening::failed;
}

}  // namespace toolgate

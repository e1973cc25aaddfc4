// MCP Streamable HTTP towards a server: modelcontextprotocol.io, "Transports", revisions 2025-03-26
// to 2025-11-25. Each message is a POST; its answer is JSON or an event stream, which is resumed by
// GET with Last-Event-ID when it ends early; one more GET listens to what belongs to no request.

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cassert>
#include <chrono>
#include <string_view>
#include <unordered_map>

#include "connectors/http_client.hpp"
#include "connectors/remote_server.hpp"
#include "connectors/sse_reader.hpp"
#include "gateway/core/log.hpp"
#include "gateway/core/task_group.hpp"

namespace toolgate {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t session_id_bytes = 1024;
constexpr std::size_t notice_answer_bytes = std::size_t{64} << 10;
constexpr unsigned resume_tries = 5;  // in a row, without a stream
constexpr Milliseconds default_retry{1'000};
constexpr Milliseconds least_retry{20};  // a server's "retry: 0" is no reason to spin
constexpr Milliseconds most_retry{30'000};
constexpr Milliseconds most_backoff{60'000};
constexpr Milliseconds rest_of_stream{1'000};  // from the answer to the end of its stream
constexpr Milliseconds one_way_ms{10'000};
constexpr Milliseconds first_notice_ms{
    2'000};  // how long listening waits for notifications/initialized
constexpr Milliseconds delete_ms{2'000};
constexpr std::chrono::seconds short_stream{5};

// A request on its way. While its answer is awaited, one of the pointers says on what.
struct Post {
  HttpCall* call = nullptr;
  asio::steady_timer* pause = nullptr;
  bool abandoned = false;
  bool delivered = false;  // something came in its stream
  Clock::time_point until{};
};

// Says in a Post what its task waits for, for as long as the task stands there.
template <class T>
class Pointing {
 public:
  Pointing(T*& place, T& target) : place_(place) { place_ = &target; }
  Pointing(const Pointing&) = delete;
  ~Pointing() { place_ = nullptr; }

 private:
  T*& place_;
};

bool is_session_id(std::string_view text) {
  return !text.empty() && text.size() <= session_id_bytes &&
         std::ranges::all_of(text, [](char c) { return c >= 0x21 && c <= 0x7E; });
}

Milliseconds retry_of(const SseReader& reader) {
  return std::clamp(reader.retry().value_or(default_retry), least_retry, most_retry);
}

enum class Listening { none, ended, failed };

class StreamableHttpLink final : public ServerLink {
 public:
  StreamableHttpLink(asio::any_io_executor executor, RemoteServer server)
      : server_(std::move(server)),
        executor_(std::move(executor)),
        group_(executor_, "http " + server_.name.text()),
        client_(executor_, group_, server_.url, client_limits(server_.limits),
                server_.authorities_file),
        order_(server_.limits),
        noticed_(executor_) {}

  Task<Status> open(ServerEvents& events) override {
    assert(events_ == nullptr);
    events_ = &events;
    auto headers = configured_headers(server_);
    if (!headers) co_return headers.refusal();
    configured_ = *headers;
    write_headers();
    co_return done();
  }

  Status send(std::string message, std::optional<BrokerId> request, Carriage) override {
    if (dead_) return Refusal(Reason::unavailable, "the session with the server is over");
    auto queued = order_.push(std::move(message), request);
    if (!queued) return queued;
    if (request) posts_.try_emplace(*request);
    advance();
    return done();
  }

  void negotiated(Revision revision) override {
    if (dead_) return;
    revision_ = revision;
    write_headers();
    group_.spawn(listen());
  }

  void abandon(BrokerId request) override {
    auto found = posts_.find(request);
    if (found == posts_.end() || found->second.abandoned) return;
    Post& post = found->second;
    post.abandoned = true;
    if (post.pause != nullptr) post.pause->cancel();
    if (post.call == nullptr) return;
    // With the answer in hand the stream is about to end by itself, and its connection can be kept.
    if (post.delivered) {
      post.call->expire_after(rest_of_stream);
    } else {
      post.call->abort(Refusal(Reason::cancelled, "nobody waits for this answer any more"));
    }
  }

  Task<> close() override {
    bool first = !closing_;
    bool says_goodbye = first && !dead_ && !session_.empty();
    closing_ = dead_ = true;
    client_.abort_all(Refusal(Reason::cancelled, "the link to the server is closed"));
    if (says_goodbye) co_await end_session();
    client_.close();
    noticed_.cancel();
    co_await group_.drain(Milliseconds(0));
  }

  std::optional<int> process_id() const override { return std::nullopt; }
  std::string stderr_tail() const override { return ""; }

 private:
  void advance() {
    while (auto next = order_.pop()) {
      if (next->request) {
        group_.spawn(run_request(*next->request, std::move(next->text)));
      } else {
        group_.spawn(run_one_way(std::move(next->text)));
      }
    }
  }

  // The headers that every request of this session carries, made once for each change.
  void write_headers() {
    common_ = configured_;
    if (!session_.empty()) set(common_, "Mcp-Session-Id", session_);
    if (revision_ && sends_version_header(*revision_)) {
      set(common_, "MCP-Protocol-Version", revision_text(*revision_));
    }
    posting_ = common_;
    set(posting_, "Accept", "application/json, text/event-stream");
    set(posting_, "Content-Type", "application/json");
  }

  static void set(HttpHeaders& headers, std::string_view name, std::string_view value) {
    auto added = headers.add(name, value);
    assert(added);
  }

  HttpRequest post_of(std::string message) const {
    HttpRequest request;
    request.method = HttpMethod::post;
    request.target = server_.url.target;
    request.headers = posting_;
    request.body = std::move(message);
    return request;
  }

  // Nothing where the id cannot stand in a header, so that the stream cannot be resumed.
  std::optional<HttpRequest> get_of(const std::string& last_event_id) const {
    HttpRequest request;
    request.target = server_.url.target;
    request.headers = common_;
    set(request.headers, "Accept", "text/event-stream");
    if (!last_event_id.empty() && !request.headers.add("Last-Event-ID", last_event_id)) {
      return std::nullopt;
    }
    return request;
  }

  Task<> run_request(BrokerId id, std::string message) {
    Post& post = posts_.find(id)->second;
    post.until = Clock::now() + longest_wait(server_.limits);
    Status outcome = co_await ask(id, post, std::move(message));
    bool unanswered = !outcome && !post.abandoned && !dead_;
    posts_.erase(id);
    order_.over(false);
    advance();
    if (unanswered) events_->lost(id, outcome.refusal());
  }

  // A refusal says why there will be no answer.
  Task<Status> ask(BrokerId id, Post& post, std::string message) {
    std::size_t bytes = message.size();
    HttpRequest request = post_of(std::move(message));
    HttpCall call(client_);
    Pointing<HttpCall> pointing(post.call, call);
    call.expire_at(post.until);
    if (post.abandoned || dead_) {
      order_.taken(bytes);
      co_return done();
    }
    auto started = co_await call.start(request);
    order_.taken(bytes);
    if (!started) co_return started;
    bool first = !std::exchange(answered_, true);
    unsigned status = call.head().status();
    if (status == 404 && !session_.empty()) co_return lose_session();
    if (status >= 400) co_return co_await ask_failed(id, post, call, first);
    auto session = take_session(call.head());
    if (!session) co_return session;
    if (call.head().is_event_stream()) co_return co_await follow_to_the_end(id, post, call);
    if (status == 202 || status == 204) {
      co_return Refusal(Reason::bad_answer,
                        "the server took the request but did not answer it (HTTP " +
                            std::to_string(status) + ")");
    }
    if (!call.head().is_json()) {
      co_return Refusal(
          Reason::bad_answer,
          "the server's answer is neither JSON nor an event stream: is the URL right?");
    }
    co_return co_await deliver_body(id, post, call);
  }

  // The body of an answer that is one JSON text. The owner abandons the request from inside
  // received(), or from a handler that it posted there; after that the answer is either known or
  // not in this body.
  Task<Status> deliver_body(BrokerId id, Post& post, HttpCall& call) {
    auto body = co_await call.read_all();
    if (!body) co_return body.refusal();
    if (post.abandoned || dead_) co_return done();
    post.delivered = true;
    events_->received(Untrusted<std::string>(std::move(*body)), id);
    co_await asio::post(executor_, asio::use_awaitable);
    co_return Refusal(Reason::bad_answer, "what the server sent back does not answer the request");
  }

  // A server may explain an error status with a JSON-RPC error, which the owner reads.
  Task<Status> ask_failed(BrokerId id, Post& post, HttpCall& call, bool first) {
    unsigned status = call.head().status();
    Refusal why = refused_status(status);
    if (first && (status == 404 || status == 405)) {
      why = Refusal(Reason::unsupported,
                    "the server does not speak Streamable HTTP at this URL (HTTP " +
                        std::to_string(status) + ")");
    }
    if (status != 401 && status != 403 && call.head().is_json()) {
      auto delivered = co_await deliver_body(id, post, call);
      static_cast<void>(delivered);  // why it is lost is the status, whatever the body was
    }
    co_return why;
  }

  Status take_session(const HttpHead& head) {
    auto id = head.find("mcp-session-id");
    if (!id || !session_.empty() || revision_) return done();
    if (!is_session_id(*id)) {
      return Refusal(Reason::bad_answer,
                     "the server's session id is not 1 to 1024 visible ASCII characters");
    }
    session_ = *id;
    write_headers();
    return done();
  }

  Status lose_session() {
    Refusal why(Reason::unavailable, "the server has ended the session (HTTP 404)");
    if (dead_) return why;
    dead_ = true;
    client_.abort_all(why);
    noticed_.cancel();
    events_->closed(why);
    return why;
  }

  // Delivers what the stream brings until it ends. A refusal of too_large is final; others are a
  // stream that broke.
  Task<Status> follow(HttpCall& call, SseReader& reader, std::optional<BrokerId> id, Post* post) {
    std::string chunk;
    std::vector<SseEvent> events;
    for (;;) {
      chunk.clear();
      auto more = co_await call.read(chunk);
      if (!more) co_return more.refusal();
      if (!*more) co_return done();
      auto fed = reader.put(chunk, events);
      for (SseEvent& event : events) {
        if (dead_ || (post != nullptr && post->abandoned)) break;
        if (!event.is_message() || event.data.empty()) continue;
        if (post != nullptr) post->delivered = true;
        events_->received(Untrusted<std::string>(std::move(event.data)), id);
      }
      events.clear();
      if (!fed) co_return fed;
    }
  }

  Task<Status> follow_to_the_end(BrokerId id, Post& post, HttpCall& call) {
    SseReader reader(server_.limits.result_bytes);
    Status ended = co_await follow(call, reader, id, &post);
    unsigned failures = 0;
    for (;;) {
      co_await asio::post(executor_, asio::use_awaitable);  // see deliver_body()
      if (post.abandoned || dead_) co_return done();
      if (!ended && ended.refusal().reason == Reason::too_large) co_return ended;
      if (Clock::now() >= post.until) break;
      auto request = get_of(reader.last_event_id());
      if (reader.last_event_id().empty() || !request) {
        co_return Refusal(Reason::unavailable,
                          "the server ended the event stream before its answer");
      }
      if (failures >= resume_tries) break;
      co_await pause(post, backoff(retry_of(reader), most_retry, failures));
      if (post.abandoned || dead_) co_return done();
      reader.restart();
      auto resumed = co_await resume(id, post, reader, *request);
      if (!resumed) co_return resumed.refusal();
      failures = *resumed ? 0 : failures + 1;
    }
    co_return Refusal(Reason::unavailable,
                      "the server's event stream broke and could not be resumed");
  }

  // True when a stream came, false when another try may help, a refusal when the answer is out of
  // reach.
  Task<Result<bool>> resume(BrokerId id, Post& post, SseReader& reader,
                            const HttpRequest& request) {
    HttpCall call(client_);
    Pointing<HttpCall> pointing(post.call, call);
    call.expire_at(post.until);
    auto started = co_await call.start(request);
    if (!started) co_return false;
    unsigned status = call.head().status();
    if (status == 404 && !session_.empty()) co_return lose_session().refusal();
    if (status >= 400 && status < 500 && status != 408 && status != 429) {
      co_return Refusal(Reason::unavailable, "the server does not resume its event stream (HTTP " +
                                                 std::to_string(status) + ")");
    }
    if (status != 200 || !call.head().is_event_stream()) co_return false;
    auto followed = co_await follow(call, reader, id, &post);
    if (!followed && followed.refusal().reason == Reason::too_large) co_return followed.refusal();
    co_return true;
  }

  Task<> pause(Post& post, Milliseconds wait) {
    asio::steady_timer timer(executor_, std::min(Clock::now() + wait, post.until));
    Pointing<asio::steady_timer> pointing(post.pause, timer);
    co_await timer.async_wait(as_result);
  }

  // A notification or a response of the broker's. The server owes it no more than 202.
  Task<> run_one_way(std::string message) {
    std::size_t bytes = message.size();
    HttpRequest request = post_of(std::move(message));
    HttpCall call(client_);
    call.expire_after(one_way_ms);
    auto started = co_await call.start(request);
    order_.taken(bytes);
    if (!started) {
      complain("one_way", started.refusal());
    } else if (call.head().status() == 404 && !session_.empty()) {
      auto lost = lose_session();
      static_cast<void>(lost);
    } else if (!call.head().is_success()) {
      complain("one_way", refused_status(call.head().status()));
    } else if (!call.head().is_event_stream()) {
      co_await discard(call);
    }
    order_.over(true);
    noticed_.cancel();
    notices_ += revision_ ? 1 : 0;
    advance();
  }

  // Reads a body that means nothing, so that the connection can be kept.
  Task<> discard(HttpCall& call) {
    std::string body;
    while (body.size() < notice_answer_bytes) {
      auto more = co_await call.read(body);
      if (!more || !*more) co_return;
    }
  }

  // Listens to what belongs to no request, from the end of the handshake to the end of the link.
  Task<> listen() {
    if (notices_ == 0) {
      noticed_.expires_after(first_notice_ms);
      co_await noticed_.async_wait(as_result);
    }
    SseReader reader(server_.limits.result_bytes);
    asio::steady_timer timer(executor_);
    unsigned failures = 0;
    while (!dead_) {
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
      if (!dead_) co_await timer.async_wait(as_result);
    }
  }

  // No deadline for the head: there are servers that send it with the first event.
  Task<Listening> listen_once(SseReader& reader) {
    auto request = get_of(reader.last_event_id());
    if (!request) request = get_of("");
    HttpCall call(client_);
    auto started = co_await call.start(*request);
    if (!started) co_return Listening::failed;
    unsigned status = call.head().status();
    if (status == 405) co_return Listening::none;
    if (status == 404 && !session_.empty()) {
      auto lost = lose_session();
      co_return lost ? Listening::failed : Listening::none;
    }
    if (status != 200 || !call.head().is_event_stream()) {
      complain("listen", refused_status(status));
      co_return Listening::failed;
    }
    auto followed = co_await follow(call, reader, std::nullopt, nullptr);
    if (!followed && !dead_) complain("listen", followed.refusal());
    co_return followed ? Listening::ended : Listening::failed;
  }

  // What the server answers does not matter: the session is over on this side.
  Task<> end_session() {
    HttpRequest request;
    request.method = HttpMethod::delete_session;
    request.target = server_.url.target;
    request.headers = common_;
    HttpCall call(client_);
    call.expire_after(delete_ms);
    auto ended = co_await call.start(request);
    if (!ended) complain("delete", ended.refusal());
  }

  void complain(std::string_view doing, const Refusal& why) const {
    log_line(LogLevel::debug, "server.http",
             {{"server", server_.name.text()}, {"doing", std::string(doing)}, {"why", why.detail}});
  }

  const RemoteServer server_;
  asio::any_io_executor executor_;
  TaskGroup group_;
  HttpClient client_;
  SendOrder order_;
  ServerEvents* events_ = nullptr;
  HttpHeaders configured_;  // from the configuration
  HttpHeaders common_;      // those, the session and the revision
  HttpHeaders posting_;     // those, and what each POST carries
  std::string session_;
  std::optional<Revision> revision_;
  std::unordered_map<BrokerId, Post> posts_;
  asio::steady_timer
      noticed_;  // cancelled when the first one-way message after the handshake was taken
  unsigned notices_ = 0;
  bool answered_ = false;  // some POST had an answer
  bool dead_ = false;      // closed() was said, or close() began
  bool closing_ = false;
};

}  // namespace

std::unique_ptr<ServerLink> make_streamable_http_link(asio::any_io_executor executor,
                                                      RemoteServer server) {
  return std::make_unique<StreamableHttpLink>(std::move(executor), std::move(server));
}

}  // namespace toolgate

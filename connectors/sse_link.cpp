// The HTTP+SSE transport of revision 2024-11-05, deprecated and still met: one GET whose first
// event names the URL for POSTs, and whose `message` events carry everything the server says.

#include <boost/asio/post.hpp>
#include <cassert>
#include <optional>
#include <unordered_set>

#include "connectors/http_client.hpp"
#include "connectors/remote_server.hpp"
#include "connectors/sse_reader.hpp"
#include "gateway/core/log.hpp"
#include "gateway/core/task_group.hpp"

namespace toolgate {
namespace {

constexpr Milliseconds post_ms{30'000};  // the answer to a POST is 202 and nothing else
constexpr std::size_t post_answer_bytes = std::size_t{64} << 10;

class SseLink final : public ServerLink {
 public:
  SseLink(asio::any_io_executor executor, RemoteServer server)
      : server_(std::move(server)),
        executor_(std::move(executor)),
        group_(executor_, "sse " + server_.name.text()),
        client_(executor_, group_, server_.url, client_limits(server_.limits),
                server_.authorities_file, server_.certificate_key),
        order_(server_.limits),
        reader_(server_.limits.result_bytes) {}

  Task<Status> open(ServerEvents& events) override {
    assert(events_ == nullptr);
    events_ = &events;
    auto headers = configured_headers(server_);
    if (!headers) co_return headers.refusal();
    headers_ = *headers;
    stream_.emplace(client_);
    stream_->expire_after(server_.limits.start_ms);
    auto opened = co_await find_endpoint();
    if (!opened) co_return opened;
    stream_->expire_at(std::chrono::steady_clock::time_point::max());
    group_.spawn(listen());
    co_return done();
  }

  Status send(std::string message, std::optional<BrokerId> request, Carriage) override {
    if (dead_ || post_target_.empty()) {
      return Refusal(Reason::unavailable, "the event stream of the server is not open");
    }
    auto queued = order_.push(SendOrder::Message{std::move(message), request});
    if (!queued) return queued;
    if (request) waiting_.insert(*request);
    advance();
    return done();
  }

  void negotiated(Revision) override {}

  void abandon(BrokerId request) override {
    if (waiting_.erase(request) > 0) order_.over(false);
    advance();
  }

  Task<> close() override {
    dead_ = true;
    client_.close();
    co_await group_.drain(Milliseconds(0));
    stream_.reset();
  }

  std::optional<int> process_id() const override { return std::nullopt; }
  std::string stderr_tail() const override { return ""; }

 private:
  // Opens the stream and reads up to its first event; what came behind it stays in early_.
  Task<Status> find_endpoint() {
    HttpRequest request;
    request.target = server_.url.target;
    request.headers = headers_;
    auto accept = request.headers.add("Accept", "text/event-stream");
    if (!accept) co_return accept;
    auto started = co_await stream_->start(request);
    if (!started) co_return started;
    unsigned status = stream_->head().status();
    if (status == 404 || status == 405) {
      co_return Refusal(
          Reason::unsupported,
          "the server does not speak HTTP+SSE at this URL (HTTP " + std::to_string(status) + ")");
    }
    if (!stream_->head().is_success()) co_return refused_status(status);
    if (!stream_->head().is_event_stream()) {
      co_return Refusal(Reason::bad_answer,
                        "the server's answer is no event stream: is the URL right?");
    }
    std::string chunk;
    while (early_.empty()) {
      chunk.clear();
      auto more = co_await stream_->read(chunk);
      if (!more) co_return more.refusal();
      if (!*more) co_return ended();
      auto fed = reader_.put(chunk, early_);
      if (!fed) co_return fed;
    }
    SseEvent first = std::move(early_.front());
    early_.erase(early_.begin());
    co_return take_endpoint(first);
  }

  Status take_endpoint(const SseEvent& event) {
    if (event.type != "endpoint") {
      return Refusal(Reason::bad_answer,
                     "the server's event stream does not start with its endpoint");
    }
    auto url = resolve_url(server_.url, event.data);
    if (!url)
      return Refusal(Reason::bad_answer, "the server's endpoint is no URL that can be used");
    if (!same_origin(*url, server_.url)) {
      return Refusal(
          Reason::bad_answer,
          "the server's endpoint is on another host, scheme or port, where nothing is sent");
    }
    post_target_ = url->target;
    return done();
  }

  static Refusal ended() {
    return Refusal(Reason::unavailable, "the server ended its event stream");
  }

  Task<> listen() {
    Refusal why = ended();
    deliver();
    std::string chunk;
    while (!dead_) {
      chunk.clear();
      auto more = co_await stream_->read(chunk);
      if (!more) why = more.refusal();
      if (!more || !*more) break;
      auto fed = reader_.put(chunk, early_);
      deliver();
      if (!fed) {
        why = fed.refusal();
        break;
      }
    }
    die(std::move(why));
  }

  void deliver() {
    for (SseEvent& event : early_) {
      if (dead_) break;
      if (!event.is_message() || event.data.empty()) continue;
      events_->received(Untrusted<std::string>(std::move(event.data)), std::nullopt);
    }
    early_.clear();
  }

  void die(Refusal why) {
    if (dead_) return;
    dead_ = true;
    client_.abort_all(why);
    events_->closed(std::move(why));
  }

  void advance() {
    while (auto next = order_.pop()) group_.spawn(post(std::move(*next)));
  }

  Task<> post(SendOrder::Message message) {
    std::size_t bytes = message.bytes();
    HttpRequest request;
    request.method = HttpMethod::post;
    request.target = post_target_;
    request.headers = headers_;
    request.body = std::move(message.text);
    Status typed = request.headers.add("Content-Type", "application/json");
    assert(typed);
    Status outcome = co_await take_to_server(request);
    order_.taken(bytes);
    if (!message.request) order_.over(true);
    bool waited_for = message.request && waiting_.contains(*message.request);
    if (!outcome && !dead_ && waited_for) {
      waiting_.erase(*message.request);
      order_.over(false);
      events_->lost(*message.request, outcome.refusal());
    } else if (!outcome && !dead_) {
      log_line(
          LogLevel::debug, "server.http",
          {{"server", server_.name.text()}, {"doing", "post"}, {"why", outcome.refusal().detail}});
    }
    advance();
  }

  Task<Status> take_to_server(const HttpRequest& request) {
    HttpCall call(client_);
    call.expire_after(post_ms);
    auto started = co_await call.start(request);
    if (!started) co_return started;
    if (!call.head().is_success()) co_return refused_status(call.head().status());
    std::string body;
    while (body.size() < post_answer_bytes) {
      auto more = co_await call.read(body);
      if (!more || !*more) break;
    }
    co_return done();
  }

  const RemoteServer server_;
  asio::any_io_executor executor_;
  TaskGroup group_;
  HttpClient client_;
  SendOrder order_;
  SseReader reader_;
  ServerEvents* events_ = nullptr;
  HttpHeaders headers_;
  std::optional<HttpCall> stream_;  // the GET; from open() to close()
  std::vector<SseEvent> early_;     // read and not yet delivered
  std::string post_target_;
  std::unordered_set<BrokerId> waiting_;  // requests without an answer
  bool dead_ = false;                     // closed() was said, or close() began
};

}  // namespace

std::unique_ptr<ServerLink> make_sse_link(asio::any_io_executor executor, RemoteServer server) {
  return std::make_unique<SseLink>(std::move(executor), std::move(server));
}

}  // namespace toolgate

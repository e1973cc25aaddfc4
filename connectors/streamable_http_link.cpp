// MCP Streamable HTTP towards a server: modelcontextprotocol.io, "Transports", revisions 2025-03-26
// to 2026-07-28. Each message is a POST; its answer is JSON or an event stream.
//
// In the legacy era the POSTs belong to a session (remote_session.hpp), whose streams are resumed
// and listened to (remote_streams.hpp). In the modern era each stands alone: what ends its
// connection ends the request, and cancels it.

#include <boost/asio/post.hpp>
#include <cassert>
#include <chrono>
#include <unordered_map>
#include <utility>

#include "connectors/http_client.hpp"
#include "connectors/remote_server.hpp"
#include "connectors/remote_session.hpp"
#include "connectors/remote_streams.hpp"
#include "gateway/core/task_group.hpp"

namespace toolgate {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t notice_answer_bytes = std::size_t{64} << 10;
constexpr Milliseconds rest_of_stream{1'000};  // from the answer to the end of its stream
constexpr Milliseconds one_way_ms{10'000};
constexpr Milliseconds delete_ms{2'000};

class StreamableHttpLink final : public ServerLink {
 public:
  StreamableHttpLink(asio::any_io_executor executor, RemoteServer server)
      : server_(std::move(server)),
        executor_(std::move(executor)),
        group_(executor_, "http " + server_.name.text()),
        client_(executor_, group_, server_.url, client_limits(server_.limits),
                server_.authorities_file, server_.certificate_key),
        order_(server_.limits),
        session_(server_, client_),
        streams_(executor_, session_, client_, server_.limits.result_bytes) {}

  Task<Status> open(ServerEvents& events) override { co_return session_.open(events); }

  Status send(std::string message, std::optional<BrokerId> request, Carriage carriage) override {
    if (session_.is_over()) {
      return Refusal(Reason::unavailable, "the session with the server is over");
    }
    SendOrder::Message next{std::move(message), request};
    if (carriage.stateless) {
      auto headers = session_.stateless(carriage.headers);
      if (!headers) return headers.refusal();
      next.headers = std::move(*headers);
    }
    auto queued = order_.push(std::move(next));
    if (!queued) return queued;
    if (request) {
      Post& post = posts_.try_emplace(*request).first->second;
      post.stateless = carriage.stateless;
      post.long_lived = carriage.long_lived;
    }
    advance();
    return done();
  }

  void negotiated(Revision revision) override {
    if (session_.is_over()) return;
    session_.negotiated(revision);
    group_.spawn(streams_.listen());
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

  void cancel(BrokerId request) override {
    auto found = posts_.find(request);
    if (found != posts_.end()) found->second.delivered = false;  // whatever came was no answer
    abandon(request);
  }

  Task<> close() override {
    bool first = !std::exchange(closing_, true);
    bool says_goodbye = first && !session_.is_over() && session_.has_id();
    session_.end();
    client_.abort_all(Refusal(Reason::cancelled, "the link to the server is closed"));
    if (says_goodbye) co_await end_session();
    client_.close();
    co_await group_.drain(Milliseconds(0));
  }

  std::optional<int> process_id() const override { return std::nullopt; }
  std::string stderr_tail() const override { return ""; }

 private:
  void advance() {
    while (auto next = order_.pop()) {
      if (next->request) {
        group_.spawn(run_request(std::move(*next)));
      } else {
        group_.spawn(run_one_way(std::move(*next)));
      }
    }
  }

  HttpRequest request_of(SendOrder::Message message) const {
    if (message.headers) return session_.post(std::move(message.text), *message.headers);
    return session_.post(std::move(message.text));
  }

  Task<> run_request(SendOrder::Message message) {
    BrokerId id = *message.request;
    Post& post = posts_.find(id)->second;
    post.until = post.long_lived ? Clock::time_point::max() : Clock::now() + longest_wait(server_);
    Status outcome = co_await ask(id, post, std::move(message));
    bool unanswered = !outcome && !post.abandoned && !session_.is_over();
    posts_.erase(id);
    order_.over(false);
    advance();
    if (unanswered) session_.events().lost(id, outcome.refusal());
  }

  // A refusal says why there will be no answer.
  Task<Status> ask(BrokerId id, Post& post, SendOrder::Message message) {
    std::size_t bytes = message.bytes();
    HttpRequest request = request_of(std::move(message));
    HttpCall call(client_);
    Pointing<HttpCall> pointing(post.call, call);
    call.expire_at(post.until);
    if (post.abandoned || session_.is_over()) {
      order_.taken(bytes);
      co_return done();
    }
    auto started = co_await call.start(request);
    order_.taken(bytes);
    if (!started) co_return started;
    unsigned status = call.head().status();
    if (status == 404 && session_.has_id() && !post.stateless) co_return session_.lose();
    if (status >= 400) co_return co_await ask_failed(id, post, call);
    succeeded_ = true;
    if (!post.stateless) {
      auto taken = session_.take_id(call.head());
      if (!taken) co_return taken;
    }
    if (call.head().is_event_stream()) co_return co_await streams_.answer(id, post, call);
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
    if (post.abandoned || session_.is_over()) co_return done();
    post.delivered = true;
    session_.events().received(Untrusted<std::string>(std::move(*body)), id);
    co_await asio::post(executor_, asio::use_awaitable);
    co_return Refusal(Reason::bad_answer, "what the server sent back does not answer the request");
  }

  // A server may explain an error status with a JSON-RPC error, which the owner reads.
  Task<Status> ask_failed(BrokerId id, Post& post, HttpCall& call) {
    Refusal why = failure(post, call.head());
    unsigned status = call.head().status();
    if (status != 401 && status != 403 && call.head().is_json()) {
      auto delivered = co_await deliver_body(id, post, call);
      static_cast<void>(delivered);  // why it is lost is the status, whatever the body was
    }
    co_return why;
  }

  // Why a request with this error status is lost: remote_server.hpp says what the owner makes of
  // it.
  Refusal failure(const Post& post, const HttpHead& head) const {
    unsigned status = head.status();
    // Whoever does not know the modern era may refuse its requests with any 4xx that is not about
    // who asks, or how often.
    bool about_the_client = status == 401 || status == 403 || status == 407 || status == 408 ||
                            status == 421 || status == 425 || status == 429;
    bool foreign = status == 404 || status == 405 || (status == 400 && !head.is_json()) ||
                   (post.stateless && status < 500 && !about_the_client);
    if (succeeded_ || !foreign) return refused_status(status);
    std::string_view what =
        post.stateless ? "take requests without a handshake" : "speak Streamable HTTP";
    return Refusal(Reason::unsupported, "the server does not " + std::string(what) +
                                            " at this URL (HTTP " + std::to_string(status) + ")");
  }

  // A notification or a response of the broker's. The server owes it no more than 202.
  Task<> run_one_way(SendOrder::Message message) {
    std::size_t bytes = message.bytes();
    bool stateless = message.headers.has_value();
    HttpRequest request = request_of(std::move(message));
    HttpCall call(client_);
    call.expire_after(one_way_ms);
    auto started = co_await call.start(request);
    order_.taken(bytes);
    succeeded_ = succeeded_ || (started && call.head().status() < 400);
    if (!started) {
      session_.complain("one_way", started.refusal());
    } else if (call.head().status() == 404 && session_.has_id() && !stateless) {
      session_.lose();
    } else if (!call.head().is_success()) {
      session_.complain("one_way", refused_status(call.head().status()));
    } else if (!call.head().is_event_stream()) {
      co_await discard(call);
    }
    order_.over(true);
    streams_.noticed();
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

  // What the server answers does not matter: the session is over on this side.
  Task<> end_session() {
    HttpRequest request = session_.goodbye();
    HttpCall call(client_);
    call.expire_after(delete_ms);
    auto ended = co_await call.start(request);
    if (!ended) session_.complain("delete", ended.refusal());
  }

  const RemoteServer server_;
  asio::any_io_executor executor_;
  TaskGroup group_;
  HttpClient client_;
  SendOrder order_;
  RemoteSession session_;
  RemoteStreams streams_;
  std::unordered_map<BrokerId, Post> posts_;
  bool succeeded_ = false;  // some POST had a success: there is a server of MCP here
  bool closing_ = false;
};

}  // namespace

std::unique_ptr<ServerLink> make_streamable_http_link(asio::any_io_executor executor,
                                                      RemoteServer server) {
  return std::make_unique<StreamableHttpLink>(std::move(executor), std::move(server));
}

}  // namespace toolgate

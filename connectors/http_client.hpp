#pragma once
// HTTP/1.1 towards one server: requests over a pool of kept-alive connections to one origin, and to
// no other. Redirects are refused, cookies are not kept, nothing is decompressed (RFC 9110, RFC
// 9112).
//
//   HttpCall call(client);                       // one request and its answer
//   call.expire_after(limit);
//   auto started = co_await call.start(request); // the head is there
//   auto body = co_await call.read_all();
//
// A kept connection that the server closed at the wrong moment is the one case in which a request
// is sent again: once, on a fresh connection, and only if not one byte of an answer had come.
//
// Deadlines are the client's own task (one timer for all calls) instead of within(): a call on a
// warm connection then costs no timer and no spawned coroutine. When a deadline passes, or abort()
// is called, the connection is closed, and what waits on it ends with that refusal.
//
// One thread. The client must outlive its calls, the group must be drained before the client goes.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/http_response.hpp"
#include "connectors/url.hpp"
#include "gateway/core/limits.hpp"
#include "gateway/core/result.hpp"
#include "gateway/core/task.hpp"
#include "gateway/core/task_group.hpp"

namespace toolgate {

class HttpConnection;
class TlsClient;

// Header lines of a request, each of them checked, so that no value can end its line. Wiped when it
// goes: some values are secrets.
class HttpHeaders {
 public:
  HttpHeaders() = default;
  HttpHeaders(const HttpHeaders&) = default;
  HttpHeaders& operator=(const HttpHeaders&) = default;
  ~HttpHeaders();

  // Refuses (bad_configuration) a name that is no token, and a value with a control character.
  Status add(std::string_view name, std::string_view value);
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

enum class HttpMethod { get, post, delete_session };

struct HttpRequest {
  HttpMethod method = HttpMethod::get;
  std::string target = "/";
  HttpHeaders headers;  // without Host, Content-Length and Accept-Encoding, which the client writes
  std::string body;     // of a POST
};

struct HttpClientLimits {
  HttpResponseLimits response;
  Milliseconds connect_ms{10'000};  // resolving, connecting and the TLS handshake together
  Milliseconds idle_ms{55'000};     // a kept connection that is older is not used again
  std::size_t idle_connections = 64;
};

class HttpCall;

class HttpClient {
 public:
  // `authorities_file`, `certificate_key`: see TlsClient::make(); used for https alone.
  HttpClient(asio::any_io_executor executor, TaskGroup& group, Url origin, HttpClientLimits limits,
             std::string authorities_file = "", std::string certificate_key = "");
  HttpClient(const HttpClient&) = delete;
  ~HttpClient();

  // Ends every call with this refusal.
  void abort_all(const Refusal& why);
  // Ends every call and the client's own task, so that the group can be drained. No call may start
  // after.
  void close();
  std::size_t idle_connections() const { return idle_.size(); }

 private:
  friend class HttpCall;
  using TimePoint = std::chrono::steady_clock::time_point;

  Task<> watch();
  void watch_from(TimePoint deadline);
  Result<TlsClient*> tls();
  std::unique_ptr<HttpConnection> take_idle();
  void put_back(std::unique_ptr<HttpConnection> connection);

  asio::any_io_executor executor_;
  const Url origin_;
  const HttpClientLimits limits_;
  const std::string authorities_file_;
  const std::string certificate_key_;
  std::unique_ptr<TlsClient> tls_;
  std::deque<std::unique_ptr<HttpConnection>> idle_;  // the last one was used last
  std::vector<HttpCall*> calls_;
  asio::steady_timer timer_;
  TimePoint armed_ = TimePoint::min();  // when watch() wakes up by itself
  bool closed_ = false;
};

// One request and its answer. Lives on the frame of the coroutine that uses it. When it goes before
// the answer's end, its connection is closed.
class HttpCall {
 public:
  explicit HttpCall(HttpClient& client);
  HttpCall(const HttpCall&) = delete;
  ~HttpCall();

  // From now until the end of the body. Without one of these a call has no deadline but for
  // connecting.
  void expire_after(Milliseconds limit);
  void expire_at(std::chrono::steady_clock::time_point deadline);
  // Ends the call from outside: what waits returns `why`. Nothing happens when the answer is
  // complete.
  void abort(Refusal why);

  // Sends the request and reads the answer's head. Once per call. A redirect is refused
  // (unavailable). `request` must outlive the task.
  Task<Status> start(const HttpRequest& request);
  const HttpHead& head() const { return reader_->head(); }

  // Appends the next bytes of the body; false: it ended, and nothing was appended.
  Task<Result<bool>> read(std::string& into);
  Task<Result<std::string>> read_all();

 private:
  friend class HttpClient;
  enum class Attempt { answered, again };

  Task<Result<Attempt>> attempt(const HttpRequest& request, bool reused);
  Task<Status> connect();
  Task<Status> fill();
  Result<Attempt> failed(const boost::system::error_code& error, bool reused) const;
  void finish();

  HttpClient& client_;
  std::unique_ptr<HttpConnection> connection_;
  std::optional<HttpResponseReader> reader_;
  std::string body_;  // came with the head
  std::optional<Refusal> aborted_;
  std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::time_point::max();
  Milliseconds limit_{0};
};

}  // namespace toolgate

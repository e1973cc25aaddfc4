#include "connectors/http_client.hpp"

#include <strings.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <cassert>
#include <utility>

#include "connectors/http_connection.hpp"
#include "connectors/tls_client.hpp"

namespace toolgate {
namespace {

using boost::system::error_code;
using Clock = std::chrono::steady_clock;

bool is_token(std::string_view text) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           marks.find(c) != std::string_view::npos;
  });
}

bool is_control(char c) { return (c >= 0 && c < 0x20 && c != '\t') || c == 0x7F; }

void wipe(std::string& text) { ::explicit_bzero(text.data(), text.size()); }

std::string_view method_text(HttpMethod method) {
  switch (method) {
    case HttpMethod::get:
      return "GET ";
    case HttpMethod::post:
      return "POST ";
    case HttpMethod::delete_session:
      return "DELETE ";
  }
  return "";
}

std::string head_text(const HttpRequest& request, const Url& origin) {
  std::string out;
  out.reserve(256 + request.target.size() + request.headers.text().size() + request.body.size());
  out.append(method_text(request.method)).append(request.target).append(" HTTP/1.1\r\nHost: ");
  out.append(origin.authority()).append("\r\nUser-Agent: toolgate/" TOOLGATE_VERSION);
  out.append("\r\nAccept-Encoding: identity\r\n").append(request.headers.text());
  if (request.method == HttpMethod::post) {
    out.append("Content-Length: ").append(std::to_string(request.body.size())).append("\r\n");
  }
  return out.append("\r\n");
}

bool is_end(const error_code& error) {
  return error == asio::error::eof || error == asio::ssl::error::stream_truncated;
}

// The server hung up: it may have done so before it saw the request.
bool is_hang_up(const error_code& error) {
  return is_end(error) || error == asio::error::connection_reset ||
         error == asio::error::broken_pipe || error == asio::error::connection_aborted;
}

Refusal broken(const Url& origin, const error_code& error) {
  if (is_end(error)) {
    return Refusal(Reason::unavailable,
                   origin.authority() + " closed the connection without an answer");
  }
  return Refusal(Reason::unavailable,
                 "the connection to " + origin.authority() + " broke: " + error.message());
}

}  // namespace

HttpHeaders::~HttpHeaders() { wipe(text_); }

Status HttpHeaders::add(std::string_view name, std::string_view value) {
  if (!is_token(name))
    return Refusal(Reason::bad_configuration, "a header's name is no HTTP token");
  if (std::ranges::any_of(value, is_control)) {
    return Refusal(Reason::bad_configuration,
                   "the value of the header " + std::string(name) + " has a control character");
  }
  std::string longer;
  longer.reserve(text_.size() + name.size() + value.size() + 4);
  longer.append(text_).append(name).append(": ").append(value).append("\r\n");
  std::swap(text_, longer);
  wipe(longer);
  return done();
}

HttpClient::HttpClient(asio::any_io_executor executor, TaskGroup& group, Url origin,
                       HttpClientLimits limits, std::string authorities_file,
                       std::string certificate_key)
    : executor_(std::move(executor)),
      origin_(std::move(origin)),
      limits_(limits),
      authorities_file_(std::move(authorities_file)),
      certificate_key_(std::move(certificate_key)),
      timer_(executor_) {
  group.spawn(watch());
}

HttpClient::~HttpClient() { assert(calls_.empty()); }

void HttpClient::abort_all(const Refusal& why) {
  for (HttpCall* call : calls_) call->abort(why);
}

void HttpClient::close() {
  closed_ = true;
  abort_all(Refusal(Reason::cancelled, "the connection to " + origin_.authority() + " is closed"));
  idle_.clear();
  timer_.cancel();
}

Task<> HttpClient::watch() {
  while (!closed_) {
    auto now = Clock::now();
    auto next = TimePoint::max();
    for (HttpCall* call : calls_) {
      if (call->deadline_ > now) {
        next = std::min(next, call->deadline_);
        continue;
      }
      call->deadline_ = TimePoint::max();
      std::string limit = std::to_string(call->limit_.count());
      call->abort(
          Refusal(Reason::timed_out, origin_.authority() + " took longer than " + limit + " ms"));
    }
    armed_ = next;
    timer_.expires_at(next);
    co_await timer_.async_wait(as_result);
    armed_ = TimePoint::min();
  }
}

void HttpClient::watch_from(TimePoint deadline) {
  if (deadline < armed_) timer_.cancel();
}

Result<TlsClient*> HttpClient::tls() {
  if (origin_.scheme == UrlScheme::http) return nullptr;
  if (!tls_) {
    auto made = TlsClient::make(authorities_file_, certificate_key_);
    if (!made) return made.refusal();
    tls_ = std::move(*made);
  }
  return tls_.get();
}

std::unique_ptr<HttpConnection> HttpClient::take_idle() {
  while (!idle_.empty()) {
    auto connection = std::move(idle_.back());
    idle_.pop_back();
    bool fresh = Clock::now() - connection->idle_since < limits_.idle_ms;
    if (fresh && connection->is_quiet()) return connection;
  }
  return nullptr;
}

void HttpClient::put_back(std::unique_ptr<HttpConnection> connection) {
  if (closed_ || limits_.idle_connections == 0) return;
  auto now = Clock::now();
  while (!idle_.empty() && (idle_.size() >= limits_.idle_connections ||
                            now - idle_.front()->idle_since >= limits_.idle_ms)) {
    idle_.pop_front();
  }
  connection->idle_since = now;
  idle_.push_back(std::move(connection));
}

HttpCall::HttpCall(HttpClient& client) : client_(client) {
  client_.calls_.push_back(this);
  if (client_.closed_) abort(Refusal(Reason::cancelled, "the HTTP client is closed"));
}

HttpCall::~HttpCall() { std::erase(client_.calls_, this); }

void HttpCall::expire_after(Milliseconds limit) {
  if (reader_ && reader_->is_finished()) return;
  limit_ = limit;
  deadline_ = Clock::now() + limit;
  client_.watch_from(deadline_);
}

void HttpCall::expire_at(Clock::time_point deadline) {
  limit_ = std::chrono::ceil<Milliseconds>(std::max(Clock::duration(0), deadline - Clock::now()));
  deadline_ = deadline;
  client_.watch_from(deadline_);
}

void HttpCall::abort(Refusal why) {
  if (aborted_) return;
  aborted_ = std::move(why);
  if (connection_) connection_->close();
}

Task<Status> HttpCall::start(const HttpRequest& request) {
  assert(!reader_);
  if (aborted_) co_return *aborted_;
  connection_ = client_.take_idle();
  if (connection_) {
    auto first = co_await attempt(request, true);
    if (!first) co_return first.refusal();
    if (*first == Attempt::answered) co_return done();
  }
  auto connected = co_await connect();
  if (!connected) co_return connected;
  auto second = co_await attempt(request, false);
  if (!second) co_return second.refusal();
  co_return done();
}

Task<Status> HttpCall::connect() {
  auto tls = client_.tls();
  if (!tls) co_return tls.refusal();
  connection_ = std::make_unique<HttpConnection>(client_.executor_);
  auto whole =
      std::exchange(deadline_, std::min(deadline_, Clock::now() + client_.limits_.connect_ms));
  auto limit = whole == deadline_ ? limit_ : std::exchange(limit_, client_.limits_.connect_ms);
  client_.watch_from(deadline_);
  auto connected = co_await connection_->connect(client_.origin_, *tls);
  deadline_ = whole;
  limit_ = limit;
  if (aborted_) co_return *aborted_;
  co_return connected;
}

Task<Result<HttpCall::Attempt>> HttpCall::attempt(const HttpRequest& request, bool reused) {
  reader_.emplace(client_.limits_.response);
  std::string text = head_text(request, client_.origin_);
  auto written = co_await connection_->write(text, request.body);
  wipe(text);
  if (aborted_) co_return *aborted_;
  // A server may answer and hang up before it has read everything: what it said is read all the
  // same.
  bool hung_up = written && is_hang_up(written);
  if (written && (reused || !hung_up)) co_return failed(written, reused);
  while (!reader_->has_head()) {
    auto error = co_await connection_->fill();
    if (aborted_) co_return *aborted_;
    if (error && connection_->unread().empty()) co_return failed(hung_up ? written : error, reused);
    if (error) co_return broken(client_.origin_, error);
    reused = false;
    auto used = reader_->put(connection_->unread(), body_);
    if (!used) {
      connection_->close();
      co_return used.refusal();
    }
    connection_->consume(*used);
  }
  unsigned status = head().status();
  if (status / 100 == 3) {
    connection_->close();
    co_return Refusal(Reason::unavailable, client_.origin_.authority() +
                                               " answered with a redirect (HTTP " +
                                               std::to_string(status) +
                                               "), which is not followed: configure the final URL");
  }
  if (reader_->is_finished()) finish();
  co_return Attempt::answered;
}

Result<HttpCall::Attempt> HttpCall::failed(const error_code& error, bool reused) const {
  if (reused && is_hang_up(error)) return Attempt::again;
  return broken(client_.origin_, error);
}

// The answer is complete: the connection goes back, unless the server sent more than its answer.
void HttpCall::finish() {
  if (reader_->keeps_alive() && connection_->unread().empty() && !aborted_) {
    client_.put_back(std::move(connection_));
  }
  connection_.reset();
}

Task<Result<bool>> HttpCall::read(std::string& into) {
  if (!body_.empty()) {
    into.append(std::exchange(body_, {}));
    co_return true;
  }
  std::size_t before = into.size();
  while (connection_ && into.size() == before) {
    if (connection_->unread().empty()) {
      auto filled = co_await fill();
      if (!filled) co_return filled.refusal();
      if (!connection_) break;
    }
    auto used = reader_->put(connection_->unread(), into);
    if (!used) {
      connection_->close();
      co_return used.refusal();
    }
    connection_->consume(*used);
    if (reader_->is_finished()) finish();
  }
  co_return into.size() > before;
}

// More bytes, or the end of the connection, which may be the end of the body.
Task<Status> HttpCall::fill() {
  if (aborted_) co_return *aborted_;
  auto error = co_await connection_->fill();
  if (aborted_) co_return *aborted_;
  if (!error) co_return done();
  connection_->close();
  if (error != asio::error::eof) co_return broken(client_.origin_, error);
  auto ended = reader_->put_end();
  if (ended) connection_.reset();
  co_return ended;
}

Task<Result<std::string>> HttpCall::read_all() {
  std::string out;
  for (;;) {
    auto more = co_await read(out);
    if (!more) co_return more.refusal();
    if (!*more) co_return out;
  }
}

}  // namespace toolgate

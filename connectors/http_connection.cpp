#include "connectors/http_connection.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <cstring>

namespace toolgate {
namespace {

using asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t first_buffer_bytes = std::size_t{16} << 10;
constexpr std::size_t joined_body_bytes = std::size_t{16} << 10;

// A peer that vanished is noticed in about a minute, also on a stream where nothing is ever said.
void keep_alive(tcp::socket& socket) {
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  auto set = [&](int option, int value) {
    ::setsockopt(socket.native_handle(), IPPROTO_TCP, option, &value, sizeof value);
  };
  set(TCP_KEEPIDLE, 30);
  set(TCP_KEEPINTVL, 10);
  set(TCP_KEEPCNT, 3);
}

Refusal unreachable(const Url& url, std::string_view doing, const error_code& error) {
  return Refusal(Reason::unavailable,
                 "cannot " + std::string(doing) + " " + url.authority() + ": " + error.message());
}

}  // namespace

Task<Status> HttpConnection::connect(const Url& url, TlsClient* tls) {
  std::vector<tcp::endpoint> endpoints;
  if (url.host_kind != HostKind::name) {
    endpoints.emplace_back(asio::ip::make_address(url.host), url.port);
  } else {
    auto [error, found] =
        co_await resolver_.async_resolve(url.host, std::to_string(url.port), as_result);
    if (error) co_return unreachable(url, "resolve", error);
    for (const auto& entry : found) endpoints.push_back(entry.endpoint());
  }
  error_code last = asio::error::host_not_found;
  for (const auto& endpoint : endpoints) {
    if (closed_) break;
    last = co_await dial(endpoint);
    if (!last) break;
  }
  if (closed_) last = asio::error::operation_aborted;
  if (last) co_return unreachable(url, "connect to", last);
  keep_alive(socket_);
  if (tls != nullptr) co_return co_await secure(url, *tls);
  co_return done();
}

Task<error_code> HttpConnection::dial(const tcp::endpoint& endpoint) {
  error_code error;
  socket_.close(error);
  socket_.open(endpoint.protocol(), error);
  if (error) co_return error;
  auto [failed] = co_await socket_.async_connect(endpoint, as_result);
  co_return failed;
}

Task<Status> HttpConnection::secure(const Url& url, TlsClient& tls) {
  tls_.emplace(socket_, tls.context());
  auto prepared = TlsClient::prepare(tls_->native_handle(), url);
  if (!prepared) co_return prepared;
  auto [error] = co_await tls_->async_handshake(asio::ssl::stream_base::client, as_result);
  if (!error) co_return tls.check_key(tls_->native_handle(), url);
  std::string why = TlsClient::why_untrusted(tls_->native_handle());
  if (why.empty()) co_return unreachable(url, "agree on TLS with", error);
  co_return Refusal(Reason::unavailable,
                    "the certificate of " + url.authority() + " is not trusted: " + why);
}

Task<error_code> HttpConnection::write(std::string& head, const std::string& body) {
  // TLS makes a record of each buffer, so a small body joins its head.
  bool joined = tls_ && body.size() <= joined_body_bytes;
  if (joined) head += body;
  std::array<asio::const_buffer, 2> parts{asio::buffer(head),
                                          joined ? asio::const_buffer() : asio::buffer(body)};
  if (tls_) {
    auto [error, written] = co_await asio::async_write(*tls_, parts, as_result);
    co_return error;
  }
  auto [error, written] = co_await asio::async_write(socket_, parts, as_result);
  co_return error;
}

Task<error_code> HttpConnection::fill() {
  // A buffer that was filled to its end grows, whether or not all of it was used: more is coming.
  bool full = end_ == buffer_.size();
  if (full && begin_ > 0) std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  if (full || begin_ == end_) {
    end_ -= begin_;
    begin_ = 0;
  }
  if (full && buffer_.size() < http_buffer_bytes) {
    buffer_.resize(std::max(first_buffer_bytes, buffer_.size() * 2));
  }
  if (end_ == buffer_.size()) co_return asio::error::no_buffer_space;
  auto room = asio::buffer(buffer_.data() + end_, buffer_.size() - end_);
  if (tls_) {
    auto [error, size] = co_await tls_->async_read_some(room, as_result);
    end_ += size;
    co_return error;
  }
  auto [error, size] = co_await socket_.async_read_some(room, as_result);
  end_ += size;
  co_return error;
}

bool HttpConnection::is_quiet() {
  if (closed_ || begin_ != end_) return false;
  char byte = 0;
  auto size = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

void HttpConnection::close() {
  if (closed_) return;
  closed_ = true;
  resolver_.cancel();
  error_code ignored;
  socket_.close(ignored);
}

}  // namespace toolgate

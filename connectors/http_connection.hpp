#pragma once
// One TCP connection to one origin, with TLS where the URL says https, and the bytes that were read
// and not yet used. No HTTP is understood here.
//
// One thread. One operation at a time; close() may be called while it runs, which ends it.

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/tls_client.hpp"
#include "connectors/url.hpp"
#include "gateway/core/result.hpp"
#include "gateway/core/task.hpp"

namespace toolgate {

// The most that is kept unread. A response's head must fit.
inline constexpr std::size_t http_buffer_bytes = std::size_t{64} << 10;

class HttpConnection {
 public:
  explicit HttpConnection(const asio::any_io_executor& executor)
      : socket_(executor), resolver_(executor) {}
  HttpConnection(const HttpConnection&) = delete;

  // Resolves, connects (the addresses in the resolver's order) and, with `tls`, shakes hands. `url`
  // and `tls` must outlive the connection. Refusals are `unavailable`.
  Task<Status> connect(const Url& url, TlsClient* tls);

  // Writes both with one system call where the kernel takes them.
  Task<boost::system::error_code> write(std::string& head, const std::string& body);

  // Reads what there is, at least one byte, behind unread(). no_buffer_space when there is no room.
  Task<boost::system::error_code> fill();
  std::string_view unread() const { return {buffer_.data() + begin_, end_ - begin_}; }
  void consume(std::size_t bytes) { begin_ += bytes; }

  // An idle connection to which the server has sent nothing, not even its end.
  bool is_quiet();
  void close();

  std::chrono::steady_clock::time_point idle_since{};

 private:
  using TlsStream = asio::ssl::stream<asio::ip::tcp::socket&>;

  Task<boost::system::error_code> dial(const asio::ip::tcp::endpoint& endpoint);
  Task<Status> secure(const Url& url, TlsClient& tls);

  asio::ip::tcp::socket socket_;
  asio::ip::tcp::resolver resolver_;
  std::optional<TlsStream> tls_;
  bool closed_ = false;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace toolgate

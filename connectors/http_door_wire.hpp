#pragma once
// The bytes of one accepted connection, in the clear or under TLS (1.2 or newer). Errors are
// answers, not exceptions: a wire that fails is closed, and stays so. One reader and one writer at
// a time.

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "gateway/core/result.hpp"
#include "gateway/core/task.hpp"

namespace boost::asio::ssl {
class context;
}

namespace toolgate {

class DoorWire {
 public:
  virtual ~DoorWire() = default;

  // The TLS handshake, if there is one. False: the wire is closed.
  virtual Task<bool> start() = 0;
  // What is there, at least one byte; 0 at the end, on an error and after close().
  virtual Task<std::size_t> read(std::span<char> into) = 0;
  // All of `first`, then all of `second`. False: the wire is closed.
  virtual Task<bool> write(std::string_view first, std::string_view second) = 0;
  // Says that nothing more will be written; the peer may still send.
  virtual Task<> finish() = 0;

  // Calls `gone` once when the peer's end closes, until unwatch(). Not while a read is in progress.
  // When the peer sends something instead, the watch ends without a call.
  void watch(std::function<void()> gone);
  void unwatch();
  // Has the peer closed its end, or at least said that it sends nothing more? Also behind bytes
  // that nobody has read yet. Asks the kernel; false where the news has not arrived.
  bool is_peer_gone();

  // Every operation in progress ends.
  void close();
  bool is_open() { return socket().is_open(); }

 protected:
  virtual asio::ip::tcp::socket& socket() = 0;

 private:
  std::shared_ptr<std::function<void()>>
      watch_;  // shared with the handler that may still be queued
};

// A watch while it lives. Its end cancels whatever is in progress on the wire.
class WireWatch {
 public:
  WireWatch(DoorWire& wire, std::function<void()> gone) : wire_(wire) {
    wire_.watch(std::move(gone));
  }
  WireWatch(const WireWatch&) = delete;
  ~WireWatch() { wire_.unwatch(); }

 private:
  DoorWire& wire_;
};

std::unique_ptr<DoorWire> make_wire(asio::ip::tcp::socket socket);
std::unique_ptr<DoorWire> make_tls_wire(asio::ip::tcp::socket socket, asio::ssl::context& context);

// A server's TLS from two PEM files; refuses, naming the file, when one cannot be used.
struct TlsFiles {
  std::string certificate;  // the chain, leaf first
  std::string key;
};
Result<std::unique_ptr<asio::ssl::context>> make_tls_context(const TlsFiles& files);

}  // namespace toolgate

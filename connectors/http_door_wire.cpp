#include "connectors/http_door_wire.hpp"

#include <poll.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>

namespace toolgate {
namespace {

using asio::ip::tcp;
using Error = boost::system::error_code;

class PlainWire final : public DoorWire {
 public:
  explicit PlainWire(tcp::socket socket) : socket_(std::move(socket)) {
    Error ignored;
    socket_.non_blocking(true, ignored);
  }

  Task<bool> start() override { co_return true; }

  Task<std::size_t> read(std::span<char> into) override {
    auto [error, size] =
        co_await socket_.async_read_some(asio::buffer(into.data(), into.size()), as_result);
    co_return error ? std::size_t{0} : size;
  }

  // Nearly every answer fits into the socket's buffer: a plain system call does it, without a turn
  // of the event loop.
  Task<bool> write(std::string_view first, std::string_view second) override {
    if (!socket_.is_open()) co_return false;
    const std::array<asio::const_buffer, 2> both{asio::buffer(first), asio::buffer(second)};
    Error error;
    std::size_t written = socket_.write_some(both, error);
    if (error == asio::error::would_block) {
      written = 0;
      error = {};
    }
    if (!error && written < first.size() + second.size()) {
      const std::size_t of_first = std::min(written, first.size());
      const std::array<asio::const_buffer, 2> rest{asio::buffer(first.substr(of_first)),
                                                   asio::buffer(second.substr(written - of_first))};
      auto [rest_error, rest_size] = co_await asio::async_write(socket_, rest, as_result);
      error = rest_error;
    }
    if (error) close();
    co_return !error;
  }

  Task<> finish() override {
    Error ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
    co_return;
  }

 private:
  tcp::socket& socket() override { return socket_; }
  tcp::socket socket_;
};

class TlsWire final : public DoorWire {
 public:
  TlsWire(tcp::socket socket, asio::ssl::context& context) : stream_(std::move(socket), context) {}

  Task<bool> start() override {
    auto [error] = co_await stream_.async_handshake(asio::ssl::stream_base::server, as_result);
    if (error) close();
    co_return !error;
  }

  Task<std::size_t> read(std::span<char> into) override {
    auto [error, size] =
        co_await stream_.async_read_some(asio::buffer(into.data(), into.size()), as_result);
    co_return error ? std::size_t{0} : size;
  }

  Task<bool> write(std::string_view first, std::string_view second) override {
    if (!socket().is_open()) co_return false;
    const std::array<asio::const_buffer, 2> both{asio::buffer(first), asio::buffer(second)};
    auto [error, size] = co_await asio::async_write(stream_, both, as_result);
    if (error) close();
    co_return !error;
  }

  Task<> finish() override { co_await stream_.async_shutdown(as_result); }

 private:
  tcp::socket& socket() override { return stream_.next_layer(); }
  asio::ssl::stream<tcp::socket> stream_;
};

}  // namespace

void DoorWire::watch(std::function<void()> gone) {
  watch_ = std::make_shared<std::function<void()>>(std::move(gone));
  socket().async_wait(tcp::socket::wait_read, [this, kept = watch_](Error error) {
    if (error || !*kept) return;
    char byte = 0;
    socket().non_blocking(true, error);
    const std::size_t size =
        socket().receive(asio::buffer(&byte, 1), tcp::socket::message_peek, error);
    if (size > 0 || error == asio::error::would_block) return;
    std::exchange(*kept, nullptr)();
  });
}

void DoorWire::unwatch() {
  if (!watch_) return;
  *watch_ = nullptr;
  watch_.reset();
  Error ignored;
  socket().cancel(ignored);
}

bool DoorWire::is_peer_gone() {
  if (!is_open()) return true;
  pollfd look{socket().native_handle(), POLLRDHUP, 0};
  return poll(&look, 1, 0) > 0;  // POLLERR and POLLHUP are always looked for
}

void DoorWire::close() {
  Error ignored;
  socket().close(ignored);
}

std::unique_ptr<DoorWire> make_wire(tcp::socket socket) {
  return std::make_unique<PlainWire>(std::move(socket));
}

std::unique_ptr<DoorWire> make_tls_wire(tcp::socket socket, asio::ssl::context& context) {
  return std::make_unique<TlsWire>(std::move(socket), context);
}

Result<std::unique_ptr<asio::ssl::context>> make_tls_context(const TlsFiles& files) {
  auto context = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_server);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_options(context->native_handle(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context->native_handle(), SSL_MODE_RELEASE_BUFFERS);
  Error error;
  context->use_certificate_chain_file(files.certificate, error);
  if (error) {
    return Refusal(Reason::bad_configuration,
                   "the TLS certificate " + files.certificate + " cannot be read as PEM");
  }
  context->use_private_key_file(files.key, asio::ssl::context::pem, error);
  if (error || SSL_CTX_check_private_key(context->native_handle()) != 1) {
    return Refusal(Reason::bad_configuration, "the TLS key " + files.key +
                                                  " cannot be read as PEM, or is not the key of " +
                                                  files.certificate);
  }
  return context;
}

}  // namespace toolgate

#include "tests/connectors/fake_server.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <charconv>

namespace toolgate::testing {
namespace {

using boost::system::error_code;

std::size_t content_length(std::string_view head) {
  constexpr std::string_view name = "Content-Length: ";
  auto at = head.find(name);
  std::size_t length = 0;
  if (at != std::string_view::npos) {
    std::from_chars(head.data() + at + name.size(), head.data() + head.size(), length);
  }
  return length;
}

// {"jsonrpc":"2.0","id":7,"result":…} answers request 7.
std::optional<BrokerId> answered_by(std::string_view message) {
  auto at = message.find("\"id\":");
  bool response = message.find("\"result\":") != std::string_view::npos ||
                  message.find("\"error\":") != std::string_view::npos;
  BrokerId id = 0;
  if (at == std::string_view::npos || !response) return std::nullopt;
  auto [end, error] = std::from_chars(message.data() + at + 5, message.data() + message.size(), id);
  return error == std::errc() ? std::optional<BrokerId>(id) : std::nullopt;
}

}  // namespace

void run(asio::io_context& io, Task<> task) {
  bool ended = false;
  std::exception_ptr thrown;
  asio::co_spawn(io, std::move(task), [&](std::exception_ptr fault) {
    thrown = fault;
    ended = true;
  });
  run_until(io, [&] { return ended; });
  if (thrown) std::rethrow_exception(thrown);
}

void run_until(asio::io_context& io, const std::function<bool()>& holds) {
  auto end = std::chrono::steady_clock::now() + patience;
  io.restart();
  while (!holds()) {
    io.run_one_until(end);
    if (std::chrono::steady_clock::now() > end)
      throw std::runtime_error("the condition never holds");
  }
}

FakeServer::FakeServer(asio::io_context& io, Answer answer, asio::ssl::context* tls)
    : io_(io),
      acceptor_(io, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
      answer_(std::move(answer)),
      tls_(tls),
      group_(io.get_executor(), "fake server") {
  group_.spawn(accept());
}

FakeServer::~FakeServer() {
  acceptor_.close();
  run(io_, group_.drain(Milliseconds(0)));
}

Url FakeServer::url(std::string_view path, std::string_view host) const {
  auto scheme = tls_ == nullptr ? "http://" : "https://";
  auto parsed =
      parse_url(scheme + std::string(host) + ":" + std::to_string(port()) + std::string(path));
  return *parsed;
}

std::size_t FakeServer::count(std::string_view line) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(seen_, [&](const Seen& s) { return s.has(line); }));
}

void FakeServer::push(std::size_t connection, std::string bytes) {
  asio::write(*open_.at(connection), asio::buffer(bytes));
}

void FakeServer::hang_up(std::size_t connection) {
  open_.at(connection)->shutdown(asio::socket_base::shutdown_both);
}

Task<> FakeServer::accept() {
  for (;;) {
    auto [error, socket] = co_await acceptor_.async_accept(as_result);
    if (error) co_return;
    group_.spawn(connection(connections_++, std::move(socket)));
  }
}

Task<> FakeServer::connection(std::size_t number, Plain socket) {
  open_[number] = &socket;
  if (tls_ == nullptr) {
    co_await serve(number, socket, socket);
  } else {
    Secure stream(socket, *tls_);
    auto [error] = co_await stream.async_handshake(asio::ssl::stream_base::server, as_result);
    if (!error) co_await serve(number, stream, socket);
  }
  open_.erase(number);
}

template <class Stream>
Task<> FakeServer::serve(std::size_t number, Stream& stream, Plain& socket) {
  std::string buffer;
  for (;;) {
    auto [error, size] = co_await asio::async_read_until(stream, asio::dynamic_buffer(buffer),
                                                         "\r\n\r\n", as_result);
    if (error) co_return;
    Seen seen{number, buffer.substr(0, size), "", std::chrono::steady_clock::now()};
    buffer.erase(0, size);
    std::size_t length = content_length(seen.head);
    while (buffer.size() < length) {
      char more[4096];
      auto [failed, got] = co_await stream.async_read_some(asio::buffer(more), as_result);
      if (failed) co_return;
      buffer.append(more, got);
    }
    seen.body = buffer.substr(0, length);
    buffer.erase(0, length);
    seen_.push_back(seen);
    Reply reply = answer_(seen);
    std::size_t step =
        reply.after == After::drip ? 1 : std::max<std::size_t>(1, reply.bytes.size());
    for (std::size_t at = 0; at < reply.bytes.size(); at += step) {
      auto part = asio::buffer(reply.bytes.data() + at, std::min(step, reply.bytes.size() - at));
      auto [failed, wrote] = co_await asio::async_write(stream, part, as_result);
      if (failed) co_return;
      if (reply.after != After::drip) continue;
      asio::steady_timer timer(io_, Milliseconds(2));
      co_await timer.async_wait(asio::use_awaitable);
    }
    if (reply.after == After::close) co_return;
    if (reply.after == After::reset) {
      socket.set_option(asio::socket_base::linger(true, 0));
      co_return;
    }
    if (reply.after == After::silence) {
      asio::steady_timer forever(io_, std::chrono::steady_clock::time_point::max());
      co_await forever.async_wait(asio::use_awaitable);
    }
  }
}

std::string json_response(std::string_view body, std::string_view more_headers) {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + std::string(more_headers) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

std::string stream_response(std::string_view events) {
  return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + std::string(events);
}

std::string chunk(std::string_view bytes) {
  char size[20];
  auto [end, error] = std::to_chars(size, size + sizeof size, bytes.size(), 16);
  return std::string(size, end) + "\r\n" + std::string(bytes) + "\r\n";
}

void RecordedEvents::received(Untrusted<std::string> message, std::optional<BrokerId> stream_of) {
  std::string text = std::move(message).open_unchecked();
  log.push_back("received" + (stream_of ? "[" + std::to_string(*stream_of) + "]" : "") + ": " +
                text);
  auto id = answered_by(text);
  if (id && link != nullptr) link->abandon(*id);
}

void RecordedEvents::lost(BrokerId request, Refusal why) {
  log.push_back("lost[" + std::to_string(request) + "]: " + std::string(reason_name(why.reason)) +
                ": " + why.detail);
  last = std::move(why);
}

void RecordedEvents::closed(Refusal why) {
  log.push_back("closed: " + std::string(reason_name(why.reason)) + ": " + why.detail);
  last = std::move(why);
}

std::size_t RecordedEvents::count(std::string_view prefix) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      log, [&](const std::string& line) { return line.starts_with(prefix); }));
}

}  // namespace toolgate::testing

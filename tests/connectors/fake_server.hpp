#pragma once
// A server of raw bytes on a loopback port of its own, for the tests of what talks HTTP to servers.
// It reads one request after the other and answers each with what the test's function says, byte
// for byte.

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "connectors/url.hpp"
#include "gateway/core/server_link.hpp"
#include "gateway/core/task.hpp"
#include "gateway/core/task_group.hpp"

namespace toolgate::testing {

inline constexpr std::chrono::seconds patience{20};  // a test that needs longer hangs

// Runs the loop until the task has ended, and returns its result.
template <class T>
T run(asio::io_context& io, Task<T> task) {
  std::optional<T> out;
  std::exception_ptr thrown;
  asio::co_spawn(io, std::move(task), [&](std::exception_ptr fault, T value) {
    thrown = fault;
    out.emplace(std::move(value));
  });
  auto end = std::chrono::steady_clock::now() + patience;
  io.restart();
  while (!out) {
    io.run_one_until(end);
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error("the task does not end");
  }
  if (thrown) std::rethrow_exception(thrown);
  return std::move(*out);
}

void run(asio::io_context& io, Task<> task);
// Runs the loop until the condition holds.
void run_until(asio::io_context& io, const std::function<bool()>& holds);

enum class After { keep, close, reset, drip, silence };

struct Reply {
  std::string bytes;
  After after =
      After::keep;  // drip: one byte every few milliseconds; silence: read nothing any more
};

struct Seen {
  std::size_t connection = 0;  // counted from 0
  std::string head;
  std::string body;
  std::chrono::steady_clock::time_point when{};
  bool has(std::string_view line) const { return head.find(line) != std::string::npos; }
};

class FakeServer {
 public:
  using Answer = std::function<Reply(const Seen&)>;

  FakeServer(asio::io_context& io, Answer answer, asio::ssl::context* tls = nullptr);
  ~FakeServer();  // ends all connections

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  Url url(std::string_view path = "/mcp", std::string_view host = "127.0.0.1") const;
  const std::vector<Seen>& seen() const { return seen_; }
  std::size_t count(std::string_view line) const;  // requests whose head has it
  std::size_t connections() const { return connections_; }
  // Those that neither side has ended, as far as the server has noticed: it notices where it reads.
  std::size_t open_connections() const { return open_.size(); }
  // Sends more on a connection that was kept.
  void push(std::size_t connection, std::string bytes);
  void hang_up(std::size_t connection);

 private:
  using Plain = asio::ip::tcp::socket;
  using Secure = asio::ssl::stream<Plain&>;

  Task<> accept();
  Task<> connection(std::size_t number, Plain socket);
  template <class Stream>
  Task<> serve(std::size_t number, Stream& stream, Plain& socket);

  asio::io_context& io_;
  asio::ip::tcp::acceptor acceptor_;
  Answer answer_;
  asio::ssl::context* tls_;
  TaskGroup group_;
  std::map<std::size_t, Plain*> open_;
  std::vector<Seen> seen_;
  std::size_t connections_ = 0;
};

// HTTP responses.
std::string json_response(std::string_view body, std::string_view more_headers = "");
std::string stream_response(
    std::string_view events);  // close-delimited: ends when the server hangs up
std::string chunk(std::string_view bytes);

// Writes down what a link says, and abandons a request when its answer comes, as the broker does.
class RecordedEvents : public ServerEvents {
 public:
  void received(Untrusted<std::string> message, std::optional<BrokerId> stream_of) override;
  void lost(BrokerId request, Refusal why) override;
  void closed(Refusal why) override;

  ServerLink* link = nullptr;  // to abandon at
  std::vector<std::string> log;
  std::optional<Refusal> last;  // of lost() and closed()
  std::size_t count(std::string_view prefix) const;
};

}  // namespace toolgate::testing

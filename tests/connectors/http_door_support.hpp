#pragma once
// What the tests of the HTTP endpoint share: a doorkeeper with two tokens, a door on a loop of its
// own before scripted conversations, and a client that speaks raw bytes.

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <atomic>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "connectors/http_door.hpp"
#include "gateway/core/message.hpp"
#include "gateway/core/slot.hpp"
#include "signing/keys.hpp"
#include "tests/connectors/http_door_scripted.hpp"

namespace toolgate::door_test {

class TwoTokens final : public Doorkeeper {
 public:
  Result<AgentName> agent_for(std::string_view token) override {
    if (token == "token-a") return AgentName("a");
    if (token == "token-b") return AgentName("b");
    return Refusal(Reason::unauthenticated, "no such token");
  }
  bool accepts_local_user() override { return accepts_local; }
  void refused(std::string_view, const Refusal&) override { ++refusals; }
  std::atomic<bool> accepts_local = false;
  std::atomic<int> refusals = 0;
};

// A door that listens, on a thread of its own. Destroying it stops the door and checks that nothing
// is left.
class RunningDoor {
 public:
  explicit RunningDoor(HttpDoorSettings settings = {})
      : conversations(loop_.get_executor()),
        door(loop_.get_executor(), conversations, tokens, settings) {
    start_cryptography();
    Status listening = door.listen();
    REQUIRE(listening);
    running_ = asio::co_spawn(loop_, door.run(), asio::use_future);
    thread_ = std::thread([this] { loop_.run(); });
  }
  RunningDoor(const RunningDoor&) = delete;
  ~RunningDoor() {
    if (!stopped_) stop(std::chrono::milliseconds(0));
  }

  void stop(std::chrono::milliseconds grace) {
    stopped_ = true;
    asio::co_spawn(loop_, door.stop(grace), asio::use_future).get();
    running_.get();
    thread_.join();
    CHECK(door.connections() == 0);
    CHECK(door.sessions() == 0);
    CHECK(conversations.open_now == 0);
    CHECK(conversations.stateless.open.empty());
  }
  // Stops without waiting for it.
  std::future<void> begin_stop(std::chrono::milliseconds grace) {
    return asio::co_spawn(loop_, door.stop(grace), asio::use_future);
  }
  void finish_stop(std::future<void> stopping) {
    stopped_ = true;
    stopping.get();
    running_.get();
    thread_.join();
  }

  // Runs a function on the door's thread.
  template <class F>
  auto on_loop(F function) {
    return asio::post(loop_, asio::use_future(std::move(function))).get();
  }
  // Waits, by taking turns on the door's loop, until a condition about it holds.
  template <class F>
  bool eventually(F condition) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < give_up) {
      if (on_loop(condition)) return true;
      std::this_thread::yield();
    }
    return false;
  }

  TwoTokens tokens;

 private:
  asio::io_context loop_{1};

 public:
  ScriptedConversations conversations;
  HttpDoor door;

 private:
  std::future<void> running_;
  std::thread thread_;
  bool stopped_ = false;
};

struct Answer {
  int status = 0;
  std::string head;
  std::string body;
  bool chunked = false;
  // The value of a header, or "".
  std::string header(std::string_view name) const {
    const std::size_t at = head.find("\r\n" + std::string(name) + ": ");
    if (at == std::string::npos) return "";
    const std::size_t begin = at + name.size() + 4;
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
};

// Raw bytes over a blocking socket. An answer that does not come within 20 s throws.
template <class Stream>
class BasicClient {
 public:
  template <class... Arguments>
  explicit BasicClient(std::uint16_t port, Arguments&... arguments) : stream_(loop_, arguments...) {
    auto& socket = stream_.lowest_layer();
    socket.connect({asio::ip::make_address_v4("127.0.0.1"), port});
    const timeval limit{20, 0};
    setsockopt(socket.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    port_ = port;
  }

  Stream& stream() { return stream_; }
  void send(std::string_view bytes) { asio::write(stream_, asio::buffer(bytes)); }
  void close() { stream_.lowest_layer().close(); }

  // A request with the usual headers.
  static std::string request(std::string_view method, std::uint16_t port, std::string_view session,
                             std::string_view body, std::string_view more = "",
                             std::string_view token = "token-a") {
    std::string out(method);
    out += " /mcp HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) + "\r\n";
    if (!token.empty()) out += "Authorization: Bearer " + std::string(token) + "\r\n";
    out += "Accept: application/json, text/event-stream\r\n";
    if (!session.empty()) out += "Mcp-Session-Id: " + std::string(session) + "\r\n";
    if (method == "POST") {
      out += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
             "\r\n";
    }
    out += std::string(more) + "\r\n";
    if (method == "POST") out += body;
    return out;
  }
  Answer post(std::string_view session, std::string_view body, std::string_view more = "") {
    send(request("POST", port_, session, body, more));
    return read();
  }
  // A new session's id.
  std::string initialize(std::string_view revision = "2025-11-25",
                         std::string_view token = "token-a") {
    const std::string body =
        R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":")" +
        std::string(revision) + R"("}})";
    send(request("POST", port_, "", body, "", token));
    return read().header("Mcp-Session-Id");
  }

  Answer read_head() {
    const std::size_t end = fill_until("\r\n\r\n");
    Answer answer;
    answer.head = input_.substr(0, end + 2);
    input_.erase(0, end + 4);
    answer.status = std::stoi(answer.head.substr(9, 3));
    answer.chunked = !answer.header("Transfer-Encoding").empty();
    return answer;
  }
  // One answer with its whole body.
  Answer read() {
    Answer answer = read_head();
    if (answer.status != 100) read_body(answer);
    return answer;
  }
  void read_body(Answer& answer) {
    if (answer.chunked) {
      for (std::string chunk = read_chunk(); !chunk.empty(); chunk = read_chunk())
        answer.body += chunk;
      return;
    }
    const std::size_t size = std::stoul("0" + answer.header("Content-Length"));
    while (input_.size() < size) fill();
    answer.body = input_.substr(0, size);
    input_.erase(0, size);
  }
  std::string read_chunk() {
    const std::size_t end = fill_until("\r\n");
    const std::size_t size = std::stoul(input_.substr(0, end), nullptr, 16);
    while (input_.size() < end + 2 + size + 2) fill();
    std::string chunk = input_.substr(end + 2, size);
    input_.erase(0, end + 2 + size + 2);
    return chunk;
  }
  // Reads chunks until the text is there; returns all of it.
  std::string read_stream_until(std::string_view text) {
    std::string seen;
    while (seen.find(text) == std::string::npos) {
      const std::string chunk = read_chunk();
      if (chunk.empty()) throw std::runtime_error("the stream ended early: " + seen);
      seen += chunk;
    }
    return seen;
  }
  // Is the connection closed by the door, after at most `input` more bytes?
  bool is_closed() {
    boost::system::error_code error;
    std::array<char, 65536> bytes;
    for (;;) {
      stream_.read_some(asio::buffer(bytes), error);
      if (error) return error != asio::error::would_block && error != asio::error::timed_out;
    }
  }

 private:
  void fill() {
    std::array<char, 65536> bytes;
    const std::size_t size = stream_.read_some(asio::buffer(bytes));
    input_.append(bytes.data(), size);
  }
  std::size_t fill_until(std::string_view text) {
    std::size_t at = input_.find(text);
    for (; at == std::string::npos; at = input_.find(text)) fill();
    return at;
  }

  asio::io_context loop_;
  Stream stream_;
  std::uint16_t port_ = 0;
  std::string input_;
};
using Client = BasicClient<asio::ip::tcp::socket>;

inline std::string call_text(int id, std::string_view method, std::string_view params = "{}") {
  return R"({"jsonrpc":"2.0","id":)" + std::to_string(id) + R"(,"method":")" + std::string(method) +
         R"(","params":)" + std::string(params) + "}";
}
inline std::string notification(std::string_view method, std::string_view params = "{}") {
  return R"({"jsonrpc":"2.0","method":")" + std::string(method) + R"(","params":)" +
         std::string(params) + "}";
}

// The ids and data of the "message" events in a stream's text.
struct SeenEvent {
  std::string id;
  std::string data;
};
inline std::vector<SeenEvent> events_in(std::string_view text) {
  std::vector<SeenEvent> events;
  while (!text.empty()) {
    const std::size_t end = text.find("\n\n");
    std::string_view block = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
    SeenEvent event;
    while (!block.empty()) {
      const std::size_t line_end = std::min(block.find('\n'), block.size());
      const std::string_view line = block.substr(0, line_end);
      if (line.starts_with("id: ")) event.id = line.substr(4);
      if (line.starts_with("data: ")) event.data += line.substr(6);
      block.remove_prefix(std::min(line_end + 1, block.size()));
    }
    if (!event.data.empty()) events.push_back(event);
  }
  return events;
}

}  // namespace toolgate::door_test

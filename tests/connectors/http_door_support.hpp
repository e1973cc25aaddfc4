#pragma once
// What the tests of the HTTP endpoint share: a scripted conversation, a doorkeeper with two tokens,
// a door on a loop of its own, and a client that speaks raw bytes.
//
// The scripted conversation's requests (params in brackets):
//   initialize {protocolVersion}   as the real one; an unknown version is refused
//   echo {notifications?: k}       sends k notifications first, then answers its own params
//   big {bytes}                    answers that many characters
//   gate                           says "before", waits for the notification `open`, says "after",
//   answers hang                           never answers; closing the conversation ends it
//   unanswered fault                          throws
// and notifications: `open`, and `say` (its params go to the general stream).

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
#include <deque>
#include <future>
#include <list>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "connectors/http_door.hpp"
#include "gateway/core/message.hpp"
#include "gateway/core/slot.hpp"
#include "inspectors/gate.hpp"
#include "signing/keys.hpp"

namespace toolgate::door_test {

inline Inspected note(const std::string& params) {
  return InspectionGate::own(notification_text("notifications/message", params));
}

class ScriptedConversation final : public Conversation {
 public:
  ScriptedConversation(AgentStream& general, asio::any_io_executor executor,
                       std::atomic<int>& open_conversations)
      : general_(general), executor_(std::move(executor)), open_conversations_(open_conversations) {
    ++open_conversations_;
  }
  ~ScriptedConversation() override {
    CHECK(closed_);
    --open_conversations_;
  }

  Task<std::optional<Inspected>> handle(Message message, AgentStream& related) override {
    const std::string& method = message.method();
    if (message.is_response()) co_return std::nullopt;
    if (message.is_notification()) {
      if (method == "open") open_gates();
      if (method == "say") general_.send(note(std::string(message.params()->raw())));
      co_return std::nullopt;
    }
    if (method == "fault") throw std::runtime_error("scripted fault");
    if (method == "initialize") co_return initialize(message);
    if (method == "echo") co_return echo(message, related);
    if (method == "big") {
      const auto bytes = static_cast<std::size_t>(*message.params()->find("bytes")->integer());
      co_return result(message, "{\"text\":\"" + std::string(bytes, 'x') + "\"}");
    }
    if (method == "gate") related.send(note(R"({"say":"before"})"));
    if (method == "gate" || method == "hang") {
      bool opened = co_await pass_gate(method == "gate");
      if (!opened) co_return std::nullopt;
      related.send(note(R"({"say":"after"})"));
      co_return result(message, R"({"passed":true})");
    }
    co_return InspectionGate::own(
        error_text(message.id().raw(), Refusal(Reason::unknown_method, "no such method")));
  }

  Inspected refuse(const BadMessage& bad) override {
    return InspectionGate::own(error_text(bad.id_raw, bad.refusal));
  }
  std::optional<Revision> revision() const override { return revision_; }
  Task<> close() override {
    closed_ = true;
    for (Gate& gate : gates_) gate.passed.set(false);
    co_return;
  }

 private:
  struct Gate {
    explicit Gate(asio::any_io_executor executor) : passed(std::move(executor)) {}
    Slot<bool> passed;
    bool opens = false;
  };

  static Inspected result(const Message& message, const std::string& json) {
    return InspectionGate::own(result_text(message.id().raw(), json));
  }
  Inspected initialize(const Message& message) {
    revision_ = legacy_revision_from(message.params()->find("protocolVersion")->text());
    if (revision_) return result(message, R"({"capabilities":{}})");
    return InspectionGate::own(
        error_text(message.id().raw(), Refusal(Reason::invalid_params, "no such revision")));
  }
  static Inspected echo(const Message& message, AgentStream& related) {
    std::int64_t count = 0;
    if (auto asked = message.params()->find("notifications")) count = *asked->integer();
    for (std::int64_t i = 1; i <= count; ++i)
      related.send(note("{\"n\":" + std::to_string(i) + "}"));
    return result(message, std::string(message.params()->raw()));
  }
  Task<bool> pass_gate(bool opens) {
    Gate& gate = gates_.emplace_back(executor_);
    gate.opens = opens;
    bool passed = co_await gate.passed.wait();
    gates_.remove_if([&](const Gate& other) { return &other == &gate; });
    co_return passed;
  }
  void open_gates() {
    for (Gate& gate : gates_) {
      if (gate.opens) gate.passed.set(true);
    }
  }

  AgentStream& general_;
  asio::any_io_executor executor_;
  std::atomic<int>& open_conversations_;
  std::optional<Revision> revision_;
  std::list<Gate> gates_;
  bool closed_ = false;
};

class ScriptedConversations final : public Conversations {
 public:
  explicit ScriptedConversations(asio::any_io_executor executor) : executor_(std::move(executor)) {}
  std::unique_ptr<Conversation> open(AgentName, AgentStream& general,
                                     std::string transport) override {
    CHECK(transport == "http");
    return std::make_unique<ScriptedConversation>(general, executor_, open_now);
  }
  std::unique_ptr<StatelessConversation> open_stateless(AgentName,
                                                        std::vector<HeaderField>) override {
    return nullptr;
  }
  std::atomic<int> open_now = 0;

 private:
  asio::any_io_executor executor_;
};

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
    if (!event.id.empty() && !event.data.empty()) events.push_back(event);
  }
  return events;
}

}  // namespace toolgate::door_test

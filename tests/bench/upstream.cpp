#include "tests/bench/upstream.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include "tests/bench/mailbox.hpp"
#include "tests/bench/process.hpp"

namespace json = boost::json;

namespace toolgate::bench {
namespace {

std::string make_prose() {
  constexpr std::array<std::string_view, 40> words{
      "the",     "report", "shows",   "that",   "order",  "number", "was",     "sent",
      "to",      "Berlin", "on",      "Monday", "with",   "seven",  "parts",   "and",
      "one",     "label",  "missing", "so",     "our",    "team",   "moved",   "its",
      "review",  "into",   "March",   "where",  "costs",  "fell",   "by",      "12.5",
      "percent", "while",  "stock",   "grew",   "slowly", "across", "regions", "again"};
  std::string text;
  text.reserve(largest_text + 128);
  std::uint32_t state = 1;
  std::size_t line = 0;
  while (text.size() < largest_text) {
    state = state * 1664525U + 1013904223U;
    const std::string_view word = words[(state >> 16) % words.size()];
    text += word;
    line += word.size() + 1;
    text += line > 80 ? ".\\n" : " ";
    if (line > 80) line = 0;
  }
  return text;
}

// An answer in three pieces, so that a large text is copied once.
struct Answer {
  std::string before;
  std::string_view text;
  std::string_view after;
  std::size_t size() const { return before.size() + text.size() + after.size(); }
};

Answer whole(const std::string& id, std::string_view result) {
  return Answer{R"({"jsonrpc":"2.0","id":)" + id + R"(,"result":)", result, "}"};
}

Answer call(const std::string& id, const json::object& params) {
  const json::object& arguments = params.at("arguments").as_object();
  const std::string_view tag = arguments.at("tag").as_string();
  const auto bytes = static_cast<std::size_t>(arguments.at("bytes").as_int64());
  Answer answer{
      R"({"jsonrpc":"2.0","id":)" + id + R"(,"result":{"content":[{"type":"text","text":")",
      prose(bytes - tag.size() - 1), R"("}]}})"};
  answer.before += tag;
  answer.before += ' ';
  return answer;
}

// Nothing for a notification.
std::optional<Answer> answer(std::string_view body) {
  std::array<unsigned char, 8192> memory;
  json::monotonic_resource resource(memory.data(), memory.size());
  const json::value message = json::parse(body, &resource);
  const json::object& members = message.as_object();
  const json::value* id_value = members.if_contains("id");
  const json::value* method = members.if_contains("method");
  if (id_value == nullptr || method == nullptr) return std::nullopt;
  const std::string id = json::serialize(*id_value);
  const std::string_view name = method->as_string();
  if (name == "tools/call") return call(id, members.at("params").as_object());
  if (name == "tools/list") {
    return whole(id, R"({"tools":[{"name":"echo","description":"Returns its tag and a text.",)"
                     R"("inputSchema":{"type":"object","properties":{"tag":{"type":"string"},)"
                     R"("bytes":{"type":"integer"}},"required":["tag","bytes"]}}]})");
  }
  if (name == "initialize") {
    return whole(id, R"({"protocolVersion":"2025-11-25","capabilities":{"tools":{}},)"
                     R"("serverInfo":{"name":"bench","version":"1"}})");
  }
  if (name == "ping") return whole(id, "{}");
  return Answer{R"({"jsonrpc":"2.0","id":)" + id + R"(,"error":)",
                R"({"code":-32601,"message":"no such method"})", "}"};
}

void append(std::string& out, const Answer& answer) {
  out += answer.before;
  out += answer.text;
  out += answer.after;
}

void answer_http(const Part& part, std::string& out) {
  if (!part.head.starts_with("POST ")) {
    out += part.head.starts_with("DELETE ") ? "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
                                            : "HTTP/1.1 405 Method Not Allowed\r\n"
                                              "Content-Length: 0\r\n\r\n";
    return;
  }
  const auto reply = answer(part.body);
  if (!reply) {
    out += "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";
    return;
  }
  out += "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(reply->size()) + "\r\n\r\n";
  append(out, *reply);
}

struct Peer {
  explicit Peer(Descriptor accepted) : socket(std::move(accepted)), inbox(Framing::http) {}
  Descriptor socket;
  Inbox inbox;
  Outbox outbox;
  bool waits_for_room = false;
};

class HttpServer {
 public:
  explicit HttpServer(Descriptor listener)
      : listener_(std::move(listener)), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    watch(listener_.number(), EPOLL_CTL_ADD, EPOLLIN);
  }

  void run() {
    std::array<epoll_event, 256> events;
    for (;;) {
      const int count =
          ::epoll_wait(epoll_.number(), events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < count; ++i) {
        const int descriptor = events[static_cast<std::size_t>(i)].data.fd;
        descriptor == listener_.number() ? accept() : serve(descriptor);
      }
    }
  }

 private:
  void watch(int descriptor, int operation, std::uint32_t wanted) {
    epoll_event event{};
    event.events = wanted;
    event.data.fd = descriptor;
    ::epoll_ctl(epoll_.number(), operation, descriptor, &event);
  }

  void accept() {
    for (;;) {
      Descriptor socket(
          ::accept4(listener_.number(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (socket.number() < 0) return;
      const int on = 1;
      ::setsockopt(socket.number(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      const int number = socket.number();
      watch(number, EPOLL_CTL_ADD, EPOLLIN);
      peers_[number] = std::make_unique<Peer>(std::move(socket));
    }
  }

  void serve(int descriptor) {
    Peer& peer = *peers_.at(descriptor);
    if (!peer.waits_for_room && peer.inbox.fill(descriptor) == Inbox::Filled::end) {
      peers_.erase(descriptor);
      return;
    }
    while (auto part = peer.inbox.next()) answer_http(*part, peer.outbox.bytes());
    try {
      peer.outbox.flush(descriptor);
    } catch (const std::system_error&) {
      peers_.erase(descriptor);
      return;
    }
    if (peer.waits_for_room == peer.outbox.is_empty()) {
      peer.waits_for_room = !peer.waits_for_room;
      watch(descriptor, EPOLL_CTL_MOD, peer.waits_for_room ? EPOLLOUT : EPOLLIN);
    }
  }

  Descriptor listener_;
  Descriptor epoll_;
  std::map<int, std::unique_ptr<Peer>> peers_;
};

}  // namespace

std::string_view prose(std::size_t bytes) {
  static const std::string all = make_prose();
  std::string_view text = std::string_view(all).substr(0, bytes);
  if (text.ends_with('\\')) text.remove_suffix(1);
  return text;
}

int serve_stdio() {
  Inbox inbox(Framing::lines);
  Outbox outbox;
  while (inbox.fill(STDIN_FILENO) != Inbox::Filled::end) {
    while (auto part = inbox.next()) {
      const auto reply = answer(part->body);
      if (!reply) continue;
      append(outbox.bytes(), *reply);
      outbox.bytes() += '\n';
    }
    outbox.flush(STDOUT_FILENO);
  }
  return 0;
}

int serve_http() {
  Listener listener = listen_on_loopback();
  std::printf("%u\n", static_cast<unsigned>(listener.port));
  std::fflush(stdout);
  HttpServer(std::move(listener.socket)).run();
  return 0;
}

}  // namespace toolgate::bench

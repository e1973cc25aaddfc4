#include "tests/bench/load.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <stdexcept>
#include <system_error>

#include "tests/bench/upstream.hpp"

namespace toolgate::bench {
namespace {

// Longer than any call may take, shorter than anybody's patience.
constexpr std::chrono::seconds patience(30);

Descriptor duplicate(int descriptor) { return Descriptor(::fcntl(descriptor, F_DUPFD_CLOEXEC, 3)); }

Descriptor connect_to(std::uint16_t port) {
  Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (::connect(socket.number(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    throw std::system_error(errno, std::system_category(), "connecting to " + std::to_string(port));
  }
  const int on = 1;
  ::setsockopt(socket.number(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::fcntl(socket.number(), F_SETFL, O_NONBLOCK);
  return socket;
}

std::string tag_of(std::size_t caller, std::uint64_t call) {
  return "c" + std::to_string(caller) + "-" + std::to_string(call);
}

// What a wrong answer begins with: from this machine's own programs, for the person who reads it.
[[noreturn]] void wrong(std::string_view what, std::string_view body) {
  throw std::runtime_error(std::string(what) + ": " + std::string(body.substr(0, 300)));
}

}  // namespace

Load::Load(std::string tool) : tool_(std::move(tool)), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

void Load::add_wire(Framing framing, Descriptor in, Descriptor out) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = wires_.size();
  ::epoll_ctl(epoll_.number(), EPOLL_CTL_ADD, in.number(), &event);
  wires_.emplace_back(framing, std::move(in), std::move(out));
}

void Load::add_http(std::uint16_t port) {
  Descriptor in = connect_to(port);
  Descriptor out = duplicate(in.number());
  callers_.push_back(Caller{wires_.size(), 0, {}});
  add_wire(Framing::http, std::move(in), std::move(out));
  wires_.back().port = std::to_string(port);
}

void Load::add_pipe(int input, int output, std::size_t callers) {
  ::fcntl(input, F_SETFL, O_NONBLOCK);
  ::fcntl(output, F_SETFL, O_NONBLOCK);
  for (std::size_t i = 0; i < callers; ++i) callers_.push_back(Caller{wires_.size(), 0, {}});
  add_wire(Framing::lines, duplicate(output), duplicate(input));
}

void Load::append(Wire& wire, std::string_view method, std::string_view body) {
  std::string& out = wire.outbox.bytes();
  if (wire.framing == Framing::lines) {
    out.append(body).append("\n");
    return;
  }
  out.append(method).append(" /mcp HTTP/1.1\r\nHost: 127.0.0.1:").append(wire.port);
  out += "\r\nAccept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2025-11-25\r\n";
  if (!wire.session.empty()) out.append("Mcp-Session-Id: ").append(wire.session).append("\r\n");
  if (!body.empty()) {
    out.append("Content-Type: application/json\r\nContent-Length: ");
    out.append(std::to_string(body.size())).append("\r\n");
  }
  out.append("\r\n").append(body);
}

void Load::watch(std::size_t wire, bool for_room) {
  Wire& watched = wires_[wire];
  if (watched.waits_for_room == for_room) return;
  watched.waits_for_room = for_room;
  epoll_event event{};
  event.events = EPOLLOUT;
  event.data.u64 = wire;
  ::epoll_ctl(epoll_.number(), for_room ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, watched.out.number(),
              &event);
}

void Load::flush(std::size_t wire) {
  wires_[wire].outbox.flush(wires_[wire].out.number());
  watch(wire, !wires_[wire].outbox.is_empty());
}

std::string Load::exchange(std::size_t wire, std::string_view method, std::string_view body) {
  Wire& peer = wires_[wire];
  append(peer, method, body);
  flush(wire);
  for (;;) {
    if (auto part = peer.inbox.next()) {
      const bool refused = peer.framing == Framing::http && !part->head.starts_with("HTTP/1.1 2");
      if (refused) wrong("a session was refused", part->head);
      if (!part->session.empty()) peer.session = part->session;
      return std::string(part->body);
    }
    pollfd watched{peer.in.number(), POLLIN, 0};
    const auto limit = std::chrono::milliseconds(patience).count();
    if (::poll(&watched, 1, static_cast<int>(limit)) != 1) wrong("no answer to", body);
    if (peer.inbox.fill(peer.in.number()) == Inbox::Filled::end)
      wrong("the end instead of an answer to", body);
  }
}

void Load::begin() {
  for (std::size_t wire = 0; wire < wires_.size(); ++wire) {
    const std::string agreed = exchange(
        wire, "POST",
        R"({"jsonrpc":"2.0","id":"hello","method":"initialize","params":{"protocolVersion":"2025-11-25",)"
        R"("capabilities":{},"clientInfo":{"name":"bench","version":"1"}}})");
    if (agreed.find("protocolVersion") == std::string::npos) wrong("initialize failed", agreed);
    const std::string_view initialized =
        R"({"jsonrpc":"2.0","method":"notifications/initialized"})";
    if (wires_[wire].framing == Framing::http) {
      exchange(wire, "POST", initialized);
    } else {
      append(wires_[wire], {}, initialized);
      flush(wire);
    }
  }
}

void Load::end() {
  for (std::size_t wire = 0; wire < wires_.size(); ++wire) {
    if (!wires_[wire].session.empty()) exchange(wire, "DELETE", "");
  }
}

void Load::call(std::size_t caller, std::size_t bytes) {
  Caller& who = callers_[caller];
  const std::uint64_t id = ++who.calls * callers_.size() + caller;
  std::string body = R"({"jsonrpc":"2.0","id":)" + std::to_string(id) +
                     R"(,"method":"tools/call","params":{"name":")" + tool_ +
                     R"(","arguments":{"tag":")" + tag_of(caller, who.calls) + R"(","bytes":)" +
                     std::to_string(bytes) + "}}}";
  who.started = Clock::now();
  append(wires_[who.wire], "POST", body);
  flush(who.wire);
}

// Whose answer it is; every byte of it has been looked at.
std::size_t Load::check(std::string_view body, std::size_t bytes) const {
  constexpr std::string_view id_key = R"("id":)";
  constexpr std::string_view text_key = R"("text":")";
  const std::size_t id_at = body.substr(0, 64).find(id_key);
  const std::size_t text_at = body.substr(0, 256).find(text_key);
  if (id_at == std::string_view::npos || text_at == std::string_view::npos)
    wrong("no result", body);
  std::uint64_t id = 0;
  const char* digits = body.data() + id_at + id_key.size();
  std::from_chars(digits, body.data() + body.size(), id);
  const std::size_t caller = id % callers_.size();
  if (id / callers_.size() != callers_[caller].calls) wrong("an answer twice or unasked", body);
  const std::string tag = tag_of(caller, callers_[caller].calls) + " ";
  const std::string_view rest = prose(bytes - tag.size());
  const std::string_view text = body.substr(text_at + text_key.size());
  if (!text.starts_with(tag)) wrong("somebody else's answer", body);
  if (!text.substr(tag.size()).starts_with(rest)) wrong("another text", body);
  if (!text.substr(tag.size() + rest.size()).starts_with('"')) wrong("a longer text", body);
  return caller;
}

void Load::take(std::size_t wire, std::size_t bytes, Slice& slice) {
  Wire& from = wires_[wire];
  const auto filled = from.inbox.fill(from.in.number());
  if (filled == Inbox::Filled::end) throw std::runtime_error("a connection ended amid calls");
  while (auto part = from.inbox.next()) {
    const std::size_t caller = check(part->body, bytes);
    const auto now = Clock::now();
    slice.latencies_us.push_back(
        std::chrono::duration<double, std::micro>(now - callers_[caller].started).count());
    if (now < call_until_) {
      call(caller, bytes);
    } else {
      --missing_;
    }
  }
}

Slice Load::run(std::chrono::milliseconds time, std::size_t bytes) {
  Slice slice;
  slice.latencies_us.reserve(std::size_t{1} << 18);
  const auto started = Clock::now();
  call_until_ = started + time;
  missing_ = callers_.size();
  for (std::size_t caller = 0; caller < callers_.size(); ++caller) call(caller, bytes);
  std::array<epoll_event, 256> events;
  while (missing_ > 0) {
    const int count =
        ::epoll_wait(epoll_.number(), events.data(), static_cast<int>(events.size()), 1000);
    if (count < 0) throw std::system_error(errno, std::system_category(), "waiting for answers");
    if (Clock::now() > call_until_ + patience) {
      throw std::runtime_error(std::to_string(missing_) + " answers never came");
    }
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      const auto wire = static_cast<std::size_t>(event.data.u64);
      if ((event.events & EPOLLOUT) != 0) flush(wire);
      if ((event.events & ~EPOLLOUT) != 0) take(wire, bytes, slice);
    }
  }
  slice.seconds = std::chrono::duration<double>(Clock::now() - started).count();
  return slice;
}

}  // namespace toolgate::bench

#pragma once
// The callers: each has one call of `echo` outstanding at a time, and every answer is checked:
// whose tag it carries, and every byte of its text. One thread, one epoll descriptor.
//
// Over HTTP a caller is an MCP session on a keep-alive connection of its own. Over stdio a pipe
// carries one session, so the callers are calls in flight on it.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/mailbox.hpp"
#include "tests/bench/process.hpp"

namespace toolgate::bench {

struct Slice {
  std::vector<double> latencies_us;  // one a call
  double seconds = 0;
};

class Load {
 public:
  // The tool's name as the other end lists it.
  explicit Load(std::string tool);

  // Adds one caller over HTTP to 127.0.0.1:port, path /mcp. Throws std::system_error.
  void add_http(std::uint16_t port);
  // Adds callers that share a server's stdin and stdout, which stay the owner's and become
  // nonblocking.
  void add_pipe(int input, int output, std::size_t callers);

  // The handshake of every session.
  void begin();
  // Calls for `time`, and waits for the answers that are missing then. Throws std::runtime_error at
  // a wrong answer, and when answers do not come.
  Slice run(std::chrono::milliseconds time, std::size_t bytes);
  // Ends HTTP sessions.
  void end();

 private:
  using Clock = std::chrono::steady_clock;

  // What goes to one peer, and what comes back.
  struct Wire {
    Wire(Framing framing, Descriptor reading, Descriptor writing)
        : framing(framing), in(std::move(reading)), out(std::move(writing)), inbox(framing) {}
    Framing framing;
    Descriptor in;
    Descriptor out;  // a descriptor of its own, so that each side can be watched by itself
    Inbox inbox;
    Outbox outbox;
    std::string port;
    std::string session;
    bool waits_for_room = false;
  };
  struct Caller {
    std::size_t wire = 0;
    std::uint64_t calls = 0;
    Clock::time_point started;
  };

  void add_wire(Framing framing, Descriptor in, Descriptor out);
  static void append(Wire& wire, std::string_view method, std::string_view body);
  void flush(std::size_t wire);
  void watch(std::size_t wire, bool for_room);
  std::string exchange(std::size_t wire, std::string_view method, std::string_view body);
  void call(std::size_t caller, std::size_t bytes);
  std::size_t check(std::string_view body, std::size_t bytes) const;
  void take(std::size_t wire, std::size_t bytes, Slice& slice);

  std::string tool_;
  Descriptor epoll_;
  std::vector<Wire> wires_;
  std::vector<Caller> callers_;
  Clock::time_point call_until_;
  std::size_t missing_ = 0;  // answers
};

}  // namespace toolgate::bench

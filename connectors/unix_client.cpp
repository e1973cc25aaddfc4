#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "connectors/borrowed_stream.hpp"
#include "connectors/line_reader.hpp"
#include "connectors/unix_door.hpp"
#include "connectors/unix_hello.hpp"
#include "gateway/core/within.hpp"

namespace toolgate {
namespace {

constexpr Milliseconds greeting_ms{15'000};
constexpr std::size_t copy_bytes = std::size_t{64} << 10;

using Stream = asio::posix::stream_descriptor;

Status connect_to(const std::filesystem::path& path, Stream& stream) {
  auto address = unix_address(path);
  if (!address) return address.refusal();
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto* name = reinterpret_cast<const sockaddr*>(&*address);
  if (!socket || ::connect(socket.number(), name, sizeof *address) != 0) {
    return Refusal(Reason::unavailable, "nobody can be reached at '" + path.native() + "' (" +
                                            std::strerror(errno) +
                                            "): start `toolgate serve`, or give its --socket");
  }
  stream.assign(socket.release());
  return done();
}

// Greets, and reads the answer byte by byte: what follows it belongs to the agent.
Task<Status> greet(Stream& socket, AgentName agent) {
  std::string hello = hello_text(agent) + "\n";
  auto [unwritten, count] = co_await asio::async_write(socket, asio::buffer(hello), as_result);
  std::string answer;
  while (!unwritten && answer.size() < hello_bytes) {
    char byte = 0;
    auto [error, read] = co_await socket.async_read_some(asio::buffer(&byte, 1), as_result);
    if (error) break;
    if (byte == '\n') co_return parse_welcome(Untrusted<std::string>(std::move(answer)));
    answer += byte;
  }
  co_return Refusal(Reason::unavailable, "the gateway hung up without an answer: its log says why");
}

// Until either end fails.
Task<> copy(Stream& from, Stream& to) {
  std::vector<char> buffer(copy_bytes);
  for (;;) {
    auto [ended, bytes] = co_await from.async_read_some(asio::buffer(buffer), as_result);
    if (ended) co_return;
    auto [failed, written] =
        co_await asio::async_write(to, asio::buffer(buffer.data(), bytes), as_result);
    if (failed) co_return;
  }
}

// The agent's end of input is passed on; the gateway then answers what it still has, and hangs up.
Task<> copy_up(Stream& input, Stream& socket) {
  co_await copy(input, socket);
  ::shutdown(socket.native_handle(), SHUT_WR);
}

}  // namespace

Task<Status> connect_stdio_to_unix(std::filesystem::path path, AgentName agent, int input,
                                   int output) {
  auto executor = co_await asio::this_coro::executor;
  ignore_broken_pipes();
  BorrowedStream in(executor, input, Direction::reading);
  if (!in.status()) co_return in.status().refusal();
  BorrowedStream out(executor, output, Direction::writing);
  if (!out.status()) co_return out.status().refusal();
  Stream socket(executor);
  auto connected = connect_to(path, socket);
  if (!connected) co_return connected.refusal();
  auto greeted = co_await within(greeting_ms, greet(socket, std::move(agent)), "the greeting");
  if (!greeted) co_return greeted.refusal();

  // Cancelled or not, the group is drained before it goes.
  co_await asio::this_coro::throw_if_cancelled(false);
  TaskGroup upwards(executor, "connect");
  upwards.spawn(copy_up(in.stream(), socket));
  co_await copy(socket, out.stream());
  co_await upwards.drain(Milliseconds(0));
  co_return done();
}

}  // namespace toolgate

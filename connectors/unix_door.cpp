#include "connectors/unix_door.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "connectors/line_session.hpp"
#include "connectors/unix_hello.hpp"
#include "gateway/core/log.hpp"
#include "gateway/core/within.hpp"

namespace toolgate {
namespace {

Refusal cannot(const std::string& what, const std::filesystem::path& path, int error) {
  return Refusal(Reason::unavailable,
                 "cannot " + what + " '" + path.native() + "': " + std::strerror(error));
}

// The gateway's own user, or root.
bool is_welcome(int connection) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == ::geteuid() || peer.uid == 0;
}

// One short line; the socket's buffer is empty and takes it whole.
void say(int connection, std::string line) {
  line += '\n';
  ::send(connection, line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace

UnixDoor::UnixDoor(asio::any_io_executor executor, Conversations& conversations,
                   Doorkeeper& doorkeeper, std::filesystem::path path, const Limits& limits)
    : executor_(executor),
      conversations_(conversations),
      doorkeeper_(doorkeeper),
      path_(std::move(path)),
      limits_(limits),
      acceptor_(executor),
      connections_(executor, "unix socket") {}

UnixDoor::~UnixDoor() { remove_socket(); }

Status UnixDoor::listen() {
  ignore_broken_pipes();
  auto directory = prepare_directory();
  if (!directory) return directory;
  return bind_socket();
}

Status UnixDoor::prepare_directory() {
  const std::filesystem::path folder = path_.parent_path();
  if (folder.empty()) {
    return Refusal(Reason::bad_configuration, "the socket's path '" + path_.native() +
                                                  "' names no directory: write ./ before it");
  }
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return cannot("make", folder, errno);
  struct stat about{};
  if (::stat(folder.c_str(), &about) != 0) return cannot("look at", folder, errno);
  if (!S_ISDIR(about.st_mode) || about.st_uid != ::geteuid() || (about.st_mode & 077) != 0) {
    return Refusal(Reason::forbidden, "the socket's directory '" + folder.native() +
                                          "' must be yours and closed to others: chmod 700 it, or "
                                          "choose another with --socket");
  }
  return done();
}

Status UnixDoor::bind_socket() {
  auto address = unix_address(path_);
  if (!address) return address.refusal();
  // Two gateways that start at once look for a stale socket one after the other.
  Descriptor turn(::open(path_.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!turn || ::flock(turn.number(), LOCK_EX) != 0)
    return cannot("lock", path_.parent_path(), errno);

  struct stat about{};
  if (::lstat(path_.c_str(), &about) == 0) {
    if (!S_ISSOCK(about.st_mode)) {
      return Refusal(Reason::unavailable,
                     "'" + path_.native() + "' exists and is no socket: remove it");
    }
    if (somebody_listens(*address)) {
      return Refusal(Reason::unavailable, "somebody listens at '" + path_.native() +
                                              "' already: stop that `toolgate serve`, or choose "
                                              "another path with --socket");
    }
    if (::unlink(path_.c_str()) != 0) return cannot("remove the stale socket", path_, errno);
  }
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return cannot("make a socket at", path_, errno);
  const auto* name = reinterpret_cast<const sockaddr*>(&*address);
  if (::bind(socket.number(), name, sizeof *address) != 0) return cannot("bind", path_, errno);
  // Nobody can connect before listen().
  if (::lstat(path_.c_str(), &about) != 0) return cannot("look at", path_, errno);
  device_ = about.st_dev;
  inode_ = about.st_ino;
  if (::chmod(path_.c_str(), 0600) != 0) return cannot("restrict", path_, errno);
  if (::listen(socket.number(), SOMAXCONN) != 0) return cannot("listen at", path_, errno);
  acceptor_.assign(socket.release());
  return done();
}

Task<> UnixDoor::run() {
  while (acceptor_.is_open()) {
    Descriptor connection(
        ::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (connection) {
      if (connections_.size() < limits_.door.connections) {
        connections_.spawn(serve(std::move(connection)));
      } else {
        Refusal full(Reason::overloaded, "too many connections: close one");
        say(connection.number(), refused_text(full));
      }
      continue;
    }
    if (errno == ECONNABORTED || errno == EINTR) continue;
    if (errno != EAGAIN) {
      // No descriptors left: the connection waits until some are free again.
      log_line(LogLevel::warning, "unix.accept", {{"error", std::strerror(errno)}});
      asio::steady_timer pause(executor_, std::chrono::milliseconds(100));
      auto [late] = co_await pause.async_wait(as_result);
      if (late) co_return;
      continue;
    }
    auto [error] =
        co_await acceptor_.async_wait(asio::posix::stream_descriptor::wait_read, as_result);
    if (error) co_return;
  }
}

Task<> UnixDoor::stop(Milliseconds grace) {
  remove_socket();
  acceptor_.close();
  co_await connections_.drain(grace);
}

void UnixDoor::remove_socket() {
  struct stat about{};
  if (inode_ == 0 || ::lstat(path_.c_str(), &about) != 0) return;
  if (about.st_dev == device_ && about.st_ino == inode_) ::unlink(path_.c_str());
  inode_ = 0;
}

Task<> UnixDoor::serve(Descriptor connection) {
  asio::posix::stream_descriptor input(executor_);
  asio::posix::stream_descriptor output(executor_);
  Descriptor second(::fcntl(connection.number(), F_DUPFD_CLOEXEC, 3));
  if (!second) co_return;
  input.assign(connection.release());
  output.assign(second.release());

  LineReader lines(limits_.json.bytes);
  auto agent = co_await greeted(input, lines);
  if (!agent) {
    doorkeeper_.refused("unix", agent.refusal());
    say(output.native_handle(), refused_text(agent.refusal()));
    co_return;
  }
  say(output.native_handle(), welcome_text());
  LineSession session(input, output, lines, limits_);
  co_await session.run(conversations_, std::move(*agent), "unix");
}

Task<Result<AgentName>> UnixDoor::greeted(asio::posix::stream_descriptor& stream,
                                          LineReader& lines) {
  if (!is_welcome(stream.native_handle())) {
    co_return Refusal(
        Reason::forbidden,
        "the socket belongs to another user: connect as the user who runs the gateway");
  }
  co_return co_await within(limits_.door.header_ms, read_hello(stream, lines), "the greeting");
}

Task<Result<AgentName>> UnixDoor::read_hello(asio::posix::stream_descriptor& stream,
                                             LineReader& lines) {
  std::size_t read = 0;
  for (;;) {
    auto line = lines.next();
    if (line) co_return parse_hello(Untrusted<std::string>(std::move(line->text)));
    if (read > hello_bytes) break;
    std::span<char> space = lines.space();
    auto [error, bytes] =
        co_await stream.async_read_some(asio::buffer(space.data(), space.size()), as_result);
    if (error) break;
    read += bytes;
    lines.filled(bytes);
  }
  co_return Refusal(Reason::invalid_request,
                    "no greeting came in the first line: connect with `toolgate connect`");
}

}  // namespace toolgate

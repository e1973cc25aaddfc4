#pragma once
// The gateway on a unix socket, for agents of the same user on the same machine: `toolgate
// connect`, and harnesses inside a sandbox that have the socket as their only way out.
//
// Who may connect: the socket has mode 0600 in a directory that is the user's own and closed to
// others, and SO_PEERCRED must name the gateway's own user or root. Within that user an agent's
// name is what it says it is: the socket tells users apart, not programs.
//
// Protocol: the client sends one line, {"toolgate":"connect","version":1,"agent":"NAME"} ("agent"
// may be absent: "local"); the answer is one line, {"toolgate":"connected","version":1} or
// {"toolgate":"refused","why":"…"} and the end. Behind it both speak MCP's stdio framing.

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <filesystem>
#include <string>

#include "connectors/descriptor.hpp"
#include "connectors/line_reader.hpp"
#include "gateway/core/agent.hpp"
#include "gateway/core/limits.hpp"
#include "gateway/core/result.hpp"
#include "gateway/core/task_group.hpp"

namespace toolgate {

class UnixDoor {
 public:
  // All references outlive the door.
  UnixDoor(asio::any_io_executor executor, Conversations& conversations, Doorkeeper& doorkeeper,
           std::filesystem::path path, const Limits& limits);
  UnixDoor(const UnixDoor&) = delete;
  ~UnixDoor();

  // Makes the directory (mode 0700) and the socket. A socket file at which nobody listens is
  // replaced; one at which somebody does is refused, and so is a directory that others can write to
  // or look into.
  Status listen();
  // Accepts until stop(), or until it is cancelled.
  Task<> run();
  // Removes the socket, gives connections so long to finish, then ends them.
  Task<> stop(Milliseconds grace);

  const std::filesystem::path& path() const { return path_; }

 private:
  Status prepare_directory();
  Status bind_socket();
  Task<> serve(Descriptor connection);
  Task<Result<AgentName>> greeted(asio::posix::stream_descriptor& stream, LineReader& lines);
  Task<Result<AgentName>> read_hello(asio::posix::stream_descriptor& stream, LineReader& lines);
  void remove_socket();

  asio::any_io_executor executor_;
  Conversations& conversations_;
  Doorkeeper& doorkeeper_;
  std::filesystem::path path_;
  const Limits& limits_;
  asio::posix::stream_descriptor acceptor_;
  TaskGroup connections_;
  dev_t device_ = 0;  // of the socket file that this door made
  ino_t inode_ = 0;
};

// `toolgate connect`: joins `input` and `output` (see serve_stdio) to the door at `path`, until
// either side ends. `agent` may be empty. Refuses when nobody listens there or the door refuses;
// the detail says why.
Task<Status> connect_stdio_to_unix(std::filesystem::path path, AgentName agent, int input,
                                   int output);

}  // namespace toolgate

#include "connectors/launcher/runsc_control.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

namespace toolgate {

bool make_control_sockets(ControlSockets& sockets) {
  sockets.listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockets.connected = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (sockets.listening < 0 || sockets.connected < 0) return false;
  // An address of the kernel's choice, in the network namespace of the sandbox and in no directory.
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socklen_t size = sizeof address;
  return bind(sockets.listening, reinterpret_cast<const sockaddr*>(&address),
              sizeof(sa_family_t)) == 0 &&
         getsockname(sockets.listening, reinterpret_cast<sockaddr*>(&address), &size) == 0 &&
         listen(sockets.listening, 1) == 0 &&
         connect(sockets.connected, reinterpret_cast<const sockaddr*>(&address), size) == 0;
}

bool ask_control(int socket, const char* request) {
  const std::size_t size = std::strlen(request);
  for (std::size_t at = 0; at < size;) {
    const ssize_t count = send(socket, request + at, size - at, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    at += static_cast<std::size_t>(count);
  }
  // The answer begins with whether it is a success; the end of the object follows it.
  char answer[4096];
  std::size_t length = 0;
  while (length + 1 < sizeof answer) {
    const ssize_t count = read(socket, answer + length, sizeof answer - 1 - length);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    length += static_cast<std::size_t>(count);
    answer[length] = '\0';
    if (answer[length - 1] == '}') break;
  }
  constexpr char success[] = R"({"success":true)";
  return std::strncmp(answer, success, sizeof success - 1) == 0;
}

}  // namespace toolgate

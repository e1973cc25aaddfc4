// Not attacks: what the host does while one runs. They need what a sandbox has not.

#include <linux/keyctl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "tests/programs/escape/attacks.hpp"

extern char** environ;

namespace escape {
namespace {

// Takes datagrams at PATH until one comes or SECONDS are over, and says what came.
long await_datagram(char** a) {
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  std::strncpy(at.sun_path, a[0], sizeof at.sun_path - 1);
  int socket_ = socket(AF_UNIX, SOCK_DGRAM, 0);
  if (socket_ < 0 || bind(socket_, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) {
    return -1;
  }
  if (write(STDERR_FILENO, "ready\n", 6) != 6) return -1;
  pollfd watched{socket_, POLLIN, 0};
  if (poll(&watched, 1, std::atoi(a[1]) * 1000) <= 0) return denied(ETIMEDOUT);
  char text[64] = {};
  const ssize_t count = recv(socket_, text, sizeof text - 1, 0);
  if (count >= 0) say("%s", text);
  return count;
}

// Executes COMMAND with a key "escape" in its session keyring and in its user's.
long with_key(char** a) {
  if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) < 0) return -1;
  for (long keyring : {KEY_SPEC_SESSION_KEYRING, KEY_SPEC_USER_KEYRING}) {
    if (syscall(SYS_add_key, "user", "escape", "SECRET", 6, keyring) < 0) return -1;
  }
  alarm(0);
  // What is not written yet of "succeeded" never will be.
  return execve(a[0], a, environ);
}

constexpr auto attacks = std::to_array<Attack>({
    {"await_datagram", await_datagram},
    {"with_key", with_key},
});

}  // namespace

std::span<const Attack> host_helpers() { return attacks; }

}  // namespace escape

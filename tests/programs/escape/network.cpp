// Attacks over sockets: every way that a kernel knows to reach somebody.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "tests/programs/escape/attacks.hpp"

namespace escape {
namespace {

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
  const sockaddr* pointer() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Address address_of(const char* text, const char* port) {
  Address to;
  const auto number = htons(static_cast<std::uint16_t>(std::atoi(port)));
  auto* four = reinterpret_cast<sockaddr_in*>(&to.storage);
  auto* six = reinterpret_cast<sockaddr_in6*>(&to.storage);
  if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = number;
    to.length = sizeof *four;
  } else if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1) {
    six->sin6_family = AF_INET6;
    six->sin6_port = number;
    to.length = sizeof *six;
  }
  return to;
}

Address path_of(const char* path) {
  Address to;
  auto* local = reinterpret_cast<sockaddr_un*>(&to.storage);
  local->sun_family = AF_UNIX;
  std::strncpy(local->sun_path, path, sizeof local->sun_path - 1);
  to.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path));
  if (path[0] == '!') local->sun_path[0] = '\0';  // abstract
  return to;
}

// Waits for a connection that is under way: only its end says whether there was a way.
long connect_to(int type, int protocol, const Address& to) {
  int socket_ = socket(to.storage.ss_family, type, protocol);
  if (socket_ < 0) return -1;
  if (connect(socket_, to.pointer(), to.length) == 0) return 0;
  return -1;
}

long connect_tcp(char** a) { return connect_to(SOCK_STREAM, 0, address_of(a[0], a[1])); }
long connect_mptcp(char** a) { return connect_to(SOCK_STREAM, 262, address_of(a[0], a[1])); }
long connect_sctp(char** a) { return connect_to(SOCK_STREAM, 132, address_of(a[0], a[1])); }
long send_udp(char** a) {
  const Address to = address_of(a[0], a[1]);
  int socket_ = socket(to.storage.ss_family, SOCK_DGRAM, 0);
  return socket_ < 0 ? -1 : sendto(socket_, "x", 1, 0, to.pointer(), to.length);
}
long send_fast_open(char** a) {
  const Address to = address_of(a[0], a[1]);
  int socket_ = socket(to.storage.ss_family, SOCK_STREAM, 0);
  return socket_ < 0 ? -1 : sendto(socket_, "x", 1, MSG_FASTOPEN, to.pointer(), to.length);
}
long message_fast_open(char** a) {
  Address to = address_of(a[0], a[1]);
  int socket_ = socket(to.storage.ss_family, SOCK_STREAM, 0);
  char byte = 'x';
  iovec part{&byte, 1};
  msghdr message{};
  message.msg_name = &to.storage;
  message.msg_namelen = to.length;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  return socket_ < 0 ? -1 : sendmsg(socket_, &message, MSG_FASTOPEN);
}
long fast_open_connect(char**) {
  int socket_ = socket(AF_INET, SOCK_STREAM, 0);
  int on = 1;
  return socket_ < 0 ? -1 : setsockopt(socket_, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on);
}
// The numbers as the kernel takes them: of the family the low 32 bits.
long make_socket(char** a) {
  return syscall(SYS_socket, std::strtoul(a[0], nullptr, 0), std::strtoul(a[1], nullptr, 0),
                 std::strtoul(a[2], nullptr, 0));
}
long make_pair(char** a) {
  int ends[2];
  return syscall(SYS_socketpair, std::strtoul(a[0], nullptr, 0), std::strtoul(a[1], nullptr, 0), 0,
                 ends);
}
long listen_everywhere(char** a) {
  const Address at = address_of("0.0.0.0", a[0]);
  int socket_ = socket(AF_INET, SOCK_STREAM, 0);
  if (socket_ < 0 || bind(socket_, at.pointer(), at.length) != 0) return -1;
  return listen(socket_, 1);
}
// A port is given even to who listens without asking for one; nobody outside reaches it.
long listen_without_bind(char**) {
  int socket_ = socket(AF_INET, SOCK_STREAM, 0);
  return socket_ < 0 ? -1 : listen(socket_, 1);
}
long connect_unix(char** a) { return connect_to(SOCK_STREAM, 0, path_of(a[0])); }
// Without socket(2): one end of a pair of datagram sockets sends to any path.
long send_from_pair(char** a) {
  int ends[2];
  if (socketpair(AF_UNIX, std::atoi(a[1]), 0, ends) != 0) return -1;
  const Address to = path_of(a[0]);
  return sendto(ends[0], "attack", 6, 0, to.pointer(), to.length);
}
long bind_pair(char** a) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return -1;
  const Address at = path_of(a[0]);
  return bind(ends[0], at.pointer(), at.length);
}
// A stream's end is connected; after its peer is gone it still is.
long connect_pair(char** a) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return -1;
  close(ends[1]);
  const Address to = path_of(a[0]);
  return connect(ends[0], to.pointer(), to.length);
}
long lists_interfaces(char**) {
  // As getifaddrs(3) asks.
  int socket_ = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
  return socket_;
}

constexpr auto attacks = std::to_array<Attack>({
    {"connect", connect_tcp},
    {"connect_mptcp", connect_mptcp},
    {"connect_sctp", connect_sctp},
    {"send_udp", send_udp},
    {"send_fast_open", send_fast_open},
    {"message_fast_open", message_fast_open},
    {"fast_open_connect", fast_open_connect},
    {"socket", make_socket},
    {"socketpair", make_pair},
    {"listen", listen_everywhere},
    {"listen_without_bind", listen_without_bind},
    {"connect_unix", connect_unix},
    {"send_from_pair", send_from_pair},
    {"bind_pair", bind_pair},
    {"connect_pair", connect_pair},
    {"list_interfaces", lists_interfaces},
});

}  // namespace

std::span<const Attack> network_attacks() { return attacks; }

}  // namespace escape

#include "connectors/launcher/handover.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace toolgate {

bool send_with(int socket, iovec* parts, std::size_t count, int descriptor) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = count;
  if (descriptor >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  }
  ssize_t sent = 0;
  do {
    sent = sendmsg(socket, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent > 0;
}

Received receive_with(int socket, void* bytes, std::size_t size, int flags) {
  iovec part{bytes, size};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  Received received;
  received.length = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
  if (received.length < 0) return received;
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_type == SCM_RIGHTS) {
    std::memcpy(&received.descriptor, CMSG_DATA(header), sizeof received.descriptor);
  }
  received.is_cut = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
  return received;
}

bool hand_over(int socket, int descriptor) {
  char byte = 'd';
  iovec part{&byte, 1};
  return send_with(socket, &part, 1, descriptor);
}

int take_over(int socket, int flags) {
  char byte = 0;
  return receive_with(socket, &byte, 1, flags).descriptor;
}

}  // namespace toolgate

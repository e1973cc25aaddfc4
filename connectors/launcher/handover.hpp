#pragma once
// Descriptors over a unix socket (unix(7), SCM_RIGHTS), with bytes beside them.

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>

namespace toolgate {

// One message. Without a descriptor (-1) it is bytes alone. errno on failure.
bool send_with(int socket, iovec* parts, std::size_t count, int descriptor);

struct Received {
  ssize_t length = -1;  // as recvmsg(2) returns it; then errno
  int descriptor = -1;  // closed on execution; belongs to the caller
  bool is_cut = false;  // there was more than room for it
};
Received receive_with(int socket, void* bytes, std::size_t size, int flags);

// A descriptor alone. errno on failure.
bool hand_over(int socket, int descriptor);
// -1 when the socket ended or brought something else.
int take_over(int socket, int flags = 0);

}  // namespace toolgate

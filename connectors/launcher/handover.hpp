#pragma once
// One descriptor over a unix socket (unix(7), SCM_RIGHTS), with a byte beside it.

namespace toolgate {

// errno on failure.
bool hand_over(int socket, int descriptor);
// Closed on execution. -1 when the socket ended or brought something else.
int take_over(int socket);

}  // namespace toolgate

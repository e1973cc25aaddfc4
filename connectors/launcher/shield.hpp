#pragma once
// The server and its supervisor have the same user, so that the one could stop the other with a
// signal in the middle of a call: between what was checked and what is done about it. A filter of
// system calls, made when the supervisor's number is known, takes that away.

#include <sys/types.h>

namespace toolgate {

// In the child, before it executes the server: from now on it and what descends from it reaches
// this process neither by a signal nor by its scheduling. Whether it worked; errno.
bool shield(pid_t supervisor, pid_t group);

}  // namespace toolgate

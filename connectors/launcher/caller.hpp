#pragma once
// The thread of the sandbox that made a system call, which waits for its end.

#include <sys/types.h>

namespace toolgate {

struct Caller {
  pid_t thread = 0;
  int memory = -1;  // its memory, to be read

  // Out of /proc/PID/status, which is slow to read: only where they matter. Where it cannot be
  // read, -1, and a mask that leaves no right.
  pid_t process() const;
  mode_t umask() const;
};

}  // namespace toolgate

#pragma once
// What the launcher is told: text fields, each ended by a NUL byte, then the seccomp filter as the
// kernel takes it (an array of sock_filter). One description for the writer
// (connectors/sandbox/orders.cpp) and the reader (order_reader.cpp):
//
//   "toolgate-launcher 5"
//   "terminal" where stdin is a terminal that shall become the controlling one, or ""
//   "speaks" where the program gets the status pipe (4) and itself says there that the server was
//     executed, or ""
//   "", or where the program is a virtual machine's: the folder that holds what the machine sees,
//     which no path that is told to the gateway begins with
//   count, then so many TCP ports to listen on, at 127.0.0.1
//   count, then so many resource limits:  number of the resource (RLIMIT_*), value
//   count, then so many Landlock rules:   class, path inside the sandbox
//   count, then so many TCP ports that may be connected to
//   count, then the writable scopes whose names a supervisor holds (supervisor.hpp); with none
//     there is no supervisor
//   count, then those of them that are staged: no name in them disappears (custody.hpp)
//   count, then the protected names in them
//   count, then the arguments of the program (its name first)
//   count, then its environment, NAME=value
//   the number of instructions of the filter of system calls, then that of the filter that stops
//   calls for the supervisor, then the instructions of both
//
// A count is a decimal number.

#include <cstdint>

namespace toolgate {

inline constexpr char launcher_orders_version[] = "toolgate-launcher 5";

// The descriptors that the launcher is started with, beside 0, 1 and 2.
inline constexpr int launcher_orders_number = 3;  // a memfd with the orders
inline constexpr int launcher_status_number = 4;  // a pipe to the keeper: LauncherSays
inline constexpr int launcher_handoff_number =
    5;  // a socket: takes the listeners, if there are any
inline constexpr int launcher_custody_number =
    6;  // a socket to who keeps content, if a scope is staged

// The first byte that the launcher writes to the status pipe. A text without a NUL may follow.
enum class LauncherSays : char {
  executing = 'x',     // all is in place; the end of the pipe after it says that execve succeeded
  not_executed = 'n',  // execve failed; the text is errno in decimal
  refused = 'r',       // a step failed; the text says which and why
  tampered = 't',      // the frozen package is another (said by who enters the sandbox, not here)
  missing = 'm',       // the host lacks what a step needs; the text says what
};

// The launcher's exit status when it refuses.
inline constexpr int launcher_refused_status = 125;

// The first byte of what the supervisor tells the gateway (custody.hpp), and of what it hears.
enum class CustodySays : char {
  keep = 'k',     // the content of this file, before it changes
  remove = 'r',   // a name was not removed
  move = 'm',     // a name was not moved
  replace = 'p',  // what stands under a name was not replaced
};
enum class CustodyOrder : char {
  window = 'w',    // no call was under way until now
  kept = 'y',      // the content is kept
  not_kept = 'n',  // it is not; an errno in decimal follows
};
// Two paths, their NULs and the byte before them.
inline constexpr int custody_message_bytes = 2 * 4096 + 1;

// What a Landlock rule allows beneath a path. Documented where they are spelled out: landlock.cpp.
enum class LandlockClass : char {
  read = 'r',           // read files, list directories
  execute = 'x',        // and execute
  write = 'w',          // and write, create, rename, remove
  keep = 'k',           // and write and create, but no name ever disappears or is replaced
  terminal = 't',       // a device file, with its ioctls
  device = 'd',         // read and write a device file
  write_execute = 'W',  // write and execute
  keep_execute = 'K',   // keep and execute
};

}  // namespace toolgate

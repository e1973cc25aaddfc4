#pragma once
// Where the two programs of the tier `gvisor` find what they need: the driver (runsc_driver.cpp),
// which starts runsc(8) in the sandbox of the tier `process`, and the first process of the machine
// that runsc makes (runsc_first.cpp), which starts the server. Both see the same files: what runsc
// shows inside is what bubblewrap shows to runsc.
//
// The orders of the first process are text fields, each ended by a NUL byte, then a seccomp filter
// as in orders.hpp:
//
//   "toolgate-runsc 1"
//   the working directory
//   seconds on the processor, or 0 (that kernel minds a limit only when a process sets it)
//   count, then the arguments of the server (its name first)
//   count, then its environment, NAME=value
//   the number of instructions of the filter of system calls, "0", then the instructions

#include <cstddef>

namespace toolgate {

inline constexpr char runsc_orders_version[] = "toolgate-runsc 1";

inline constexpr char runsc_program[] = "/usr/bin/runsc";
// What `runsc --version` says first. The driver speaks to runsc's inner commands, which are another
// release's own; one that is not known here is refused.
inline constexpr char runsc_known_version[] = "runsc version 0.0~20221219.0";

// Those that the gofer serves beside the root: each is a socket pair of its own.
inline constexpr std::size_t runsc_most_mounts = 256;

inline constexpr char runsc_driver_path[] = "/run/toolgate/runsc-driver";
inline constexpr char runsc_first_path[] = "/run/toolgate/runsc-first";
inline constexpr char runsc_orders_path[] = "/run/toolgate/runsc-orders";
inline constexpr char runsc_bundle[] = "/run/toolgate/bundle";
inline constexpr char runsc_bundle_file[] = "/run/toolgate/bundle/config.json";

// A memory file system of its own. The first process says in the file there, as LauncherSays has
// it, what became of the server: no descriptor but 0, 1 and 2 leads out of runsc's machine.
inline constexpr char runsc_word_folder[] = "/run/toolgate/word";
inline constexpr char runsc_word_path[] = "/run/toolgate/word/said";

}  // namespace toolgate

#pragma once
// Which system calls a sandboxed program may make: a seccomp filter (seccomp(2)), made once in a
// gateway with libseccomp, which takes a millisecond for it, and handed by the keeper to the
// launcher as the kernel takes it.
//
// The default is to allow, since a list of what every interpreter needs would be out of date with
// its next version; what is denied is what reaches past namespaces, mounts and Landlock:
// - what makes or enters namespaces and mounts, traces, loads code into the kernel, keyrings,
//   handles of files, and set-user-id bits: EPERM;
// - clone3, openat2, io_uring: ENOSYS, because their arguments lie in memory that a filter cannot
//   read; libraries fall back to the calls that it can judge;
// - sockets but TCP and UDP (AF_INET, AF_INET6) and the routing netlink: EAFNOSUPPORT. Unix sockets
//   are among them: neither a read-only mount nor Landlock stops connecting to a path. A socketpair
//   is allowed, but not of datagrams, since each of its ends can send to a path;
// - another architecture's calls (int 0x80, x32) end the process.
//
// Arguments of 32 bits are compared by their low half: the kernel ignores the rest.

#include <string>

#include "connectors/sandbox/plan.hpp"
#include "gateway/core/result.hpp"

namespace toolgate {

// An array of sock_filter. Refused: a libseccomp that cannot express it.
Result<std::string> system_call_filter();

// For runsc(8) in the place of a server (runsc.hpp): the same, but that it may trace (its own
// children, within the sandbox), make a unix socket that streams (the driver forbids even that
// before runsc starts), and that chroot says yes and does nothing: it asks for "/" alone.
Result<std::string> runsc_call_filter();

// For QEMU in the place of a server (machine.hpp): the same, and it may ask KVM.
Result<std::string> machine_call_filter();

// A second one, for servers that may write somewhere: the calls that make, move or remove a name,
// or open a file for writing, wait for the supervisor (connectors/launcher/supervisor.hpp). What
// the first one denies stays denied.
Result<std::string> supervised_calls_filter();

// Those of one sandbox.
struct CallFilters {
  std::string calls;  // of what is executed in it: the server, runsc or QEMU
  std::string guest;  // of the server where that is another program; else empty
  std::string stops;  // supervised_calls_filter(); empty where nothing is writable
  bool operator==(const CallFilters&) const = default;
};
// Refused: `uncontained` where the kernel has nothing to filter with.
Result<CallFilters> call_filters(const SandboxPlan& plan);

}  // namespace toolgate

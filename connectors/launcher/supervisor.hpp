#pragma once
// The supervisor: what stays of the launcher beside a server that may write somewhere. It holds the
// names that no mount can hold because they do not exist yet: hooks of git, start-up files of
// shells, configurations of harnesses (guard.hpp).
//
// The server's system calls that make, move or remove a name, or open a file for writing, stop in a
// seccomp filter and come here (seccomp_unotify(2)). The supervisor reads the path once into
// memory of its own, walks it as the server would (place.hpp), judges the place that it found, and
// makes the call itself on exactly that place. Nothing goes on with arguments that the server could
// change in between (but opens with O_PATH, which can neither make nor write), so there is no race
// between the check and the use; and since every such call of the sandbox goes through here, one
// after another, none among its processes.
//
// - It has the server's user, mounts, Landlock rules, limits and filter: a server that deceived it
//   could do no more than the server may anyway.
// - It cannot be stopped or slowed down by the server (shield.hpp), which has a session of its own.
// - When it is gone, the calls fail with ENOSYS, and the sandbox ends with it.
// - What differs from a call of the server's own: a pipe on disk is opened without waiting for its
//   other end; a terminal never becomes the controlling one by being opened; a process that hides
//   its memory (PR_SET_DUMPABLE) may not make these calls; a signal with a handler may interrupt
//   them (EINTR); a file that is made and then finds no room among the caller's descriptors stays;
//   a directory deeper than PATH_MAX can be left only upwards; linkat knows no AT_EMPTY_PATH.
//   Limits that a server sets for some of its own processes by Landlock would not bind the
//   supervisor: where it is, Landlock is not there for the server (ENOSYS).
// - What it does not hold: what another process on the host, or another server with the same
//   scope, renames in the moment between the check and the call.

#include <linux/filter.h>
#include <sys/types.h>

#include "connectors/launcher/name_calls.hpp"

namespace toolgate {

// Forks. Returns 0 in the child, which then calls stop_at; in the parent a socket that the
// listener comes through is in `socket`, and the child's process id is returned. -1: errno.
pid_t part_from_server(int& socket);

// In the child, directly before it executes the server: from now on the calls that the filter
// names wait for the supervisor. Whether it worked; errno.
bool stop_at_supervisor(const sock_fprog& filter, int socket);

// In the parent: serves until the child has ended. Returns its exit status, or 128 and its signal.
int supervise(pid_t child, int socket, const Rules& rules);

}  // namespace toolgate

#pragma once
// Whether a host can give what a sandbox is made of. The difference matters: what a host lacks is
// `uncontained`, for which an administrator may have written out what remains; what merely failed
// (no memory, a file that changed, a limit that is used up for the moment) never counts as lacking,
// or whoever can make things fail would choose the boundary.

#include <optional>
#include <string>

#include "gateway/core/result.hpp"

namespace toolgate {

// Of a step that failed with this errno: the host forbids it or has not what it needs. Everything
// else may pass.
bool is_lacking(int error);
// `uncontained` or `unavailable`, as that is.
Reason reason_of(int error);

// What is lacking and how to get it; nothing where bubblewrap can be executed.
std::optional<std::string> lacking_bubblewrap();

// The same for the filters of system calls.
std::optional<std::string> lacking_seccomp();

// After unshare(2) failed with this error; nothing where that may pass.
std::optional<std::string> lacking_namespaces(int error);

// Tries all that bubblewrap needs of the kernel, in a process of its own, as the user that a
// sandbox has: namespaces, their maps, a /proc. To be asked after bubblewrap failed, since it says
// why in words alone.
std::optional<std::string> try_namespaces();

}  // namespace toolgate

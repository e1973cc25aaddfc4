#pragma once
// Whether a host can give what a sandbox is made of. The difference matters: what a host lacks is
// `uncontained`, for which an administrator may have written out what remains; what merely failed
// (no memory, a file that changed, a limit that is used up for the moment) never counts as lacking,
// or whoever can make things fail would choose the boundary.

#include <optional>
#include <string>

namespace toolgate {

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

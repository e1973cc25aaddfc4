#pragma once
// Puts the mounts of a sandbox together before bubblewrap begins, in a mount namespace of its own.
//
// Everything is attached by descriptor (open_tree(2), move_mount(2)): what lies within a scope is
// looked up beneath that scope's own mount, without symbolic links (openat2(2)), and the mount is
// put on the very object that was found. bubblewrap looks up where to mount by path and follows
// links, which somebody else who may write to the scope could swap at that moment; so it gets the
// outermost mounts alone, whose places nobody can write to.
//
// For a gateway that root started: nothing in a sandbox ever has the host's user id 0. sysctl files
// and much else ask for the id alone, whatever namespaces and capabilities say. So the server runs
// as
// - the owner of its writable scopes, when they have one owner and that is not root, or
// - the user 65534 ("nobody"), and scopes of other owners are shown to it through an id-mapped
// mount
//   (mount_setattr(2), MOUNT_ATTR_IDMAP): it acts there as the owner of the scope and as nobody
//   else, and what it makes belongs to that owner.
// Writable scopes that cannot be shown so (a file system without id-mapped mounts) are refused.

#include "connectors/sandbox/mounts.hpp"
#include "gateway/core/result.hpp"

namespace toolgate {

struct SandboxUser {
  unsigned user = 0;
  unsigned group = 0;
};

// The user that a server with these scopes runs as, for a gateway of root.
SandboxUser sandbox_user(const std::vector<ScopeTree>& scopes);

// A mount namespace of its own; for an ordinary user with a user namespace around it, in which it
// has the right to mount. What was opened before cannot be mounted after. Refused (`uncontained`)
// where the host has no user namespaces.
Status leave_mount_namespace();

// Puts them together. What stays in `mounts` are the outermost, with their places as sources.
Status stage(std::vector<Mount>& mounts, SandboxUser user);

// Gives up root for good.
Status become(SandboxUser user);

}  // namespace toolgate

#pragma once
// For a gateway that root started. Nothing in a sandbox ever has the host's user id 0: sysctl files
// and much else ask for the id alone, whatever namespaces and capabilities say. So the server runs
// as
// - the owner of its writable scopes, when they have one owner and that is not root, or
// - the user 65534 ("nobody"), and scopes of other owners are shown to it through an id-mapped
//   mount (mount_setattr(2), MOUNT_ATTR_IDMAP): it acts there as their owner, and what it makes
//   belongs to them.
// Writable scopes that cannot be shown so (a file system without id-mapped mounts) are refused.
//
// All mounts are first put into a private mount namespace, where the path to them is open for that
// user, then the user id is given up. A gateway that an ordinary user started needs none of this.

#include "connectors/sandbox/mounts.hpp"
#include "gateway/core/result.hpp"

namespace toolgate {

struct SandboxUser {
  unsigned user = 0;
  unsigned group = 0;
};

// The user that a server with these scopes runs as.
SandboxUser sandbox_user(const std::vector<ScopeTree>& scopes);

// To be called before anything is opened: a private mount namespace (as root).
Status leave_mount_namespace();

// Replaces the sources of the mounts by staged ones.
Status stage(std::vector<Mount>& mounts, SandboxUser user);

// Gives up root for good.
Status become(SandboxUser user);

}  // namespace toolgate

#pragma once
// One file scope as it is on the host at the start of a server: opened once, without following a
// symbolic link, and looked through for what must not be changed in it.
//
// Runs in the server's keeper, before the sandbox is made: a large tree delays nobody else.
// What it cannot hold is a protected name that does not exist yet: a mount needs something to be
// mounted on, and a stub would stay on the host. The supervisor of names does that
// (connectors/launcher/supervisor.hpp).

#include <string>
#include <vector>

#include "connectors/descriptor.hpp"
#include "connectors/sandbox/plan.hpp"
#include "connectors/sandbox/protected_names.hpp"
#include "gateway/core/result.hpp"

namespace toolgate {

// Something in a scope that gets a mount of its own. Its ancestors do too, so that they cannot be
// moved away from under it.
struct HeldPath {
  std::string path;  // relative to the scope, no symbolic link in it
  Protection protection = Protection::unchanged;
  bool is_directory = false;
};

class ScopeTree {
 public:
  // Opens it. Refused: a path that does not exist or leads over a symbolic link, one that is, holds
  // or lies in a forbidden directory, and what no server may be given: /, /proc, /sys, /dev, /etc,
  // /run, the user's home itself, and the like.
  static Result<ScopeTree> open(const FileScope& scope, const SandboxPlan& plan);

  // Looks through it: hidden names, in a read-only scope fifos too, and in a writable one protected
  // names and files that have a second name outside of it (a hard link; writing to such a file
  // would write outside). Refused: more than two million names, or more of either than can be
  // mounted.
  Status hold(const ProtectedNames& names);

  // Opens it anew, after a mount namespace was left: mounts of the former one cannot be used.
  // Refused when it is not the same any more.
  Status reopen();

  const FileScope& scope() const { return scope_; }
  const std::vector<HeldPath>& held() const { return held_; }
  const Descriptor& root() const { return root_; }
  bool is_directory() const { return is_directory_; }
  unsigned owner() const { return owner_; }
  unsigned group() const { return group_; }

 private:
  FileScope scope_;
  Descriptor root_;
  bool is_directory_ = false;
  unsigned owner_ = 0;
  unsigned group_ = 0;
  std::vector<HeldPath> held_;
};

// Without following a symbolic link anywhere: openat2(2), RESOLVE_NO_SYMLINKS. errno on failure.
Descriptor open_without_links(int directory, const std::string& path, int flags);

}  // namespace toolgate

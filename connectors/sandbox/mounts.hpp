#pragma once
// What a sandboxed server sees: an ordered list of mounts, made from the plan and from what the
// scopes look like now, and written down as the arguments of bubblewrap (bwrap(1)).
//
// Outer paths stand before inner ones, so that an inner scope decides for what is beneath it; what
// is held inside of a scope (a protected name, an inner scope) has mounts on all its ancestors up
// to the scope, since a directory that is no mount point could be moved away with all that is in
// it. Sources are descriptors, opened before and never looked up again by path.

#include <string>
#include <vector>

#include "connectors/sandbox/plan.hpp"
#include "connectors/sandbox/scope_tree.hpp"
#include "gateway/core/result.hpp"

namespace toolgate {

// One thing of the host, open, at its path in the sandbox.
struct Mount {
  enum class Kind { read_only, writable, hidden_file, hidden_directory };
  std::string path;
  Kind kind = Kind::read_only;
  Descriptor source;  // none where something is hidden
};

class Mounts {
 public:
  // Refused: scopes that contradict each other (the same path twice, a rw-no-delete scope inside of
  // a rw one, which Landlock cannot express) or cannot be opened.
  static Result<Mounts> make(const SandboxPlan& plan, std::vector<ScopeTree>& scopes);

  std::vector<Mount>& all() { return mounts_; }
  const std::vector<Mount>& all() const { return mounts_; }

 private:
  Status add_scope(const ScopeTree& scope, const std::vector<ScopeTree>& scopes);
  Status pin_ancestors(const ScopeTree& scope, const std::string& path);
  bool has(const std::string& path) const;

  std::vector<Mount> mounts_;
};

}  // namespace toolgate

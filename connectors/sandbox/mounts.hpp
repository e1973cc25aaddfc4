#pragma once
// What a sandboxed server sees: an ordered list of mounts, made from the plan and from what the
// scopes look like now. staging.hpp puts together what lies within one another, by descriptors;
// only the outermost are left for bubblewrap (bwrap(1)), which looks up where to mount by path.
//
// Outer paths stand before inner ones, so that an inner scope decides for what is beneath it; what
// is held inside of a scope (a protected name, an inner scope) has mounts on all its ancestors up
// to the scope, since a directory that is no mount point could be moved away with all that is in
// it. What lies in an inner scope or in a program is the matter of that: nothing writable is ever
// mounted beneath what is read-only, but a scope that somebody wrote down.

#include <string>
#include <utility>
#include <vector>

#include "connectors/sandbox/plan.hpp"
#include "connectors/sandbox/scope_tree.hpp"
#include "gateway/core/result.hpp"

namespace toolgate {

// One thing of the host at its path in the sandbox.
struct Mount {
  enum class Kind { read_only, writable, hidden };
  std::string path;
  Kind kind = Kind::read_only;
  // Of a scope or program, open. None for what is held or hidden within one: that is what stands
  // there in the mount around it.
  Descriptor source;
};

class Mounts {
 public:
  // Refused: scopes that contradict each other (the same path twice, a rw-no-delete scope inside of
  // a rw one, which Landlock cannot express) or cannot be opened.
  // A program that `opened` names is shown by its descriptor there, whatever its path leads to.
  static Result<Mounts> make(const SandboxPlan& plan, std::vector<ScopeTree>& scopes,
                             const std::vector<std::pair<std::string, int>>& opened = {});

  std::vector<Mount>& all() { return mounts_; }
  const std::vector<Mount>& all() const { return mounts_; }

 private:
  void add_held(const ScopeTree& scope, const std::vector<std::string>& inner);
  void pin_ancestors(const ScopeTree& scope, const std::string& path,
                     const std::vector<std::string>& inner);
  bool has(const std::string& path) const;

  std::vector<Mount> mounts_;
};

}  // namespace toolgate

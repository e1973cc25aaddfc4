#pragma once
// The limits of a sandbox for all of its processes together: rlimits count for each process, a
// cgroup for what descends from it. One for each server, "toolgate.TOKEN.SERVER" with the token of
// its keeper (cgroup_place.hpp), which makes it before the server is there and removes it when
// nothing of the server is left. What a keeper that was killed left behind, the next one removes:
// cgroups of this name alone, whose keeper is gone and that hold nobody.
//
// No file of a cgroup is shown in a sandbox, so nothing in it leaves the tree.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/descriptor.hpp"
#include "connectors/sandbox/cgroup_place.hpp"
#include "connectors/sandbox/plan.hpp"
#include "gateway/core/result.hpp"

namespace toolgate {

struct TreeLimits {
  std::uint64_t memory_bytes = 0;  // without swap
  std::uint64_t processes = 0;
};
// Those of the plan, and room for what makes the boundary.
TreeLimits tree_limits(const SandboxPlan& plan);

class ProcessTree {
 public:
  // Refused: with what is missing and the remedy (`uncontained`), or with what merely failed
  // (`unavailable`). `gateway` as in place_for_cgroups().
  static Result<std::unique_ptr<ProcessTree>> make(std::string_view server,
                                                   const TreeLimits& limits, int gateway);
  // The same in these directories.
  static Result<std::unique_ptr<ProcessTree>> make_in(const std::vector<CgroupFolder>& place,
                                                      std::string_view server,
                                                      const TreeLimits& limits);
  ProcessTree(const ProcessTree&) = delete;
  ~ProcessTree();  // waits a moment for the last process to be gone

  // In a child, which has one thread: from now on it and what descends from it belong to the tree.
  bool enter() const;
  bool holds(int process) const;
  // Readable once memory ran out, where the kernel does not end the whole tree then by itself: the
  // rest is for the caller to end. -1 where it does.
  int out_of_memory() const { return out_of_memory_.number(); }
  // Was a process ended since the memory of the tree ran out?
  bool ran_out() const;

 private:
  ProcessTree() = default;
  Status add(const CgroupFolder& folder, const std::string& name, const TreeLimits& limits);
  bool set_limits(const CgroupFolder& folder, const TreeLimits& limits);

  std::vector<CgroupFolder> folders_;
  std::vector<Descriptor> doors_;  // the file of each that takes a process
  Descriptor out_of_memory_;
};

}  // namespace toolgate

#pragma once
// Where cgroups of the gateway's own can be made: the directory of the unified hierarchy that is
// delegated to it (systemd's Delegate=, a slice of the user's own, or anywhere as root), else, as
// root, those of the old hierarchies of memory and pids. cgroups(7);
// Documentation/admin-guide/cgroup-v2.rst of Linux, "Delegation" and "No Internal Process
// Constraint".
//
// In the unified hierarchy a cgroup that hands controllers down holds no process itself. So where
// nobody but the gateway and what it started lives in its cgroup, they move into a leaf of it,
// "toolgate.TOKEN.gateway"; where others live there too, a cgroup above is taken if it hands the
// controllers down already. A gateway does so before it starts anything: a server that it started
// before could fork faster than everybody is moved. The leaf is there as long as its gateway is,
// and after that, empty, until a server of the next gateway is given a tree in the same place, or
// systemd removes the scope: the last process of all cannot leave it before it ends.

#include <string>
#include <string_view>
#include <vector>

#include "gateway/core/result.hpp"

namespace toolgate {

struct CgroupFolder {
  enum class Controller { unified, memory, pids } controller = Controller::unified;
  std::string path;
  bool operator==(const CgroupFolder&) const = default;
};

// The cgroups of the process whose /proc/PID/mountinfo and /proc/PID/cgroup these are, as far as
// they can be seen; of the old hierarchies those of memory and pids alone.
std::vector<CgroupFolder> own_cgroups(std::string_view mountinfo, std::string_view cgroups);

// One directory, or two of the old hierarchies (memory, pids). Refused: with the remedy where there
// is none (`uncontained`), or with what merely failed (`unavailable`). `gateway` is the process
// that may be moved into a leaf with all that descends from it.
Result<std::vector<CgroupFolder>> place_for_cgroups(const std::vector<CgroupFolder>& own,
                                                    int gateway);
// The same of this process's own cgroups.
Result<std::vector<CgroupFolder>> place_for_cgroups(int gateway);

// "PID-START-NAMESPACE": no other process of this machine ever has it while it is up.
std::string process_token(int process);
// Is the process surely gone whose token stands in "toolgate.TOKEN.NAME"? Not if it belongs to
// another pid namespace.
bool is_left_behind(std::string_view cgroup_name);

}  // namespace toolgate

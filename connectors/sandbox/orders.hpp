#pragma once
// The two texts that a sandbox is made from: bubblewrap's arguments and the launcher's orders. Both
// travel in anonymous files, so that neither a process list on the host nor /proc in the sandbox
// shows them.

#include <string>
#include <utility>
#include <vector>

#include "connectors/sandbox/mounts.hpp"
#include "connectors/sandbox/paths.hpp"
#include "connectors/sandbox/plan.hpp"
#include "connectors/sandbox/protected_names.hpp"

namespace toolgate {

// What is executed in the sandbox, as the launcher takes it.
struct SandboxedProgram {
  std::vector<std::string> argv;
  std::vector<std::string> env;  // NAME=value
  std::string cwd;               // inside the sandbox
};

// Anonymous files with the contents of small files of the sandbox.
class SandboxFiles {
 public:
  // A sealed copy of the bytes, to be read from its start; a fault when there is no memory.
  int add(std::string_view bytes);

 private:
  std::vector<Descriptor> files_;
};

struct Machine;  // sandbox/machine.hpp

// NUL after each argument. Puts the descriptors that the arguments name into `files`. With the
// machine that a plan of the tier `vm` needs.
std::string bubblewrap_arguments(const SandboxPlan& plan, const Mounts& mounts,
                                 const SandboxedProgram& program, const Machine* machine,
                                 SandboxFiles& files);

// Of a server: RLIMIT_*, value.
using ResourceLimits = std::vector<std::pair<int, std::size_t>>;
ResourceLimits resource_limits(const SandboxLimits& limits);

// What the launcher filters and holds; both filters as system_calls.hpp makes them.
struct LauncherRules {
  std::string filter;
  std::string stops;  // supervised_calls_filter(); empty where nothing is writable
  ProtectedNames names;
};

// As connectors/launcher/orders.hpp describes them.
std::string launcher_orders(const SandboxPlan& plan, const SandboxedProgram& program,
                            const LauncherRules& held);

}  // namespace toolgate

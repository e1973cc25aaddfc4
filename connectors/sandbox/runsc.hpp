#pragma once
// The tier `gvisor`: a sandbox of the tier `process` in which runsc(8) runs in the place of the
// server, and the server on runsc's kernel. What reaches the host's kernel comes from runsc alone,
// and what runsc does to files is bound by the same mounts, Landlock rules and supervisor of names
// as a server's own calls would be; so every mode of a scope means the same in both tiers.
//
//   bubblewrap > launcher (Landlock, filter, supervisor of names) > driver > runsc: gofer, sandbox
//   in runsc's sandbox: first process > server
//
// The driver and the first process: connectors/launcher/runsc_{driver,first}.cpp. Platform
// "ptrace", the only one that needs neither privileges nor a device. Files that were in memory, and
// all others beside the scopes, are gone with the sandbox.

#include <string>
#include <utility>
#include <vector>

#include "connectors/sandbox/orders.hpp"
#include "connectors/sandbox/plan.hpp"
#include "gateway/core/result.hpp"

namespace toolgate {

// Refused: a plan with what this tier does not have, a host without what it needs. Says how to
// repair it.
Status check_runsc(const SandboxPlan& plan);

// What `runsc --version` says, one line; empty where it cannot be run.
std::string installed_runsc();

// What stands in the place of the server.
struct RunscGuest {
  SandboxedProgram driver;
  std::string arguments;  // bubblewrap's, in front of all others: the files of both programs
};
// `filter` is the server's own.
RunscGuest runsc_guest(const SandboxPlan& plan, const SandboxedProgram& server,
                       const std::string& filter, SandboxFiles& files);

// The description of the machine that runsc makes (OCI runtime specification 1.0).
std::string runsc_bundle_text(const SandboxPlan& plan, unsigned user, unsigned group);

// The orders of its first process (connectors/launcher/runsc_orders.hpp).
std::string runsc_first_orders(const SandboxPlan& plan, const SandboxedProgram& server,
                               const std::string& filter);

// The limits of runsc's own processes: with room for its kernel around the server, which has the
// plan's limits inside.
std::vector<std::pair<int, std::size_t>> runsc_limits(const SandboxPlan& plan);
// Processes and threads of the host that it may need for so many of the server's.
std::size_t runsc_threads(const SandboxLimits& limits);

}  // namespace toolgate

#pragma once
// The last thing that a server's process does before it is bubblewrap's: from a plan to the
// execution of bwrap(1), which makes the namespaces and the mounts and starts the launcher, which
// takes away the rest and starts the server.
//
// Called in the keeper's child, which is a process of its own with one thread: what is opened here
// belongs to nobody else. Fails closed: on any refusal nothing is executed, and nothing ever falls
// back to less.

#include <string>
#include <vector>

#include "connectors/frozen/view.hpp"
#include "connectors/sandbox/orders.hpp"
#include "connectors/sandbox/plan.hpp"
#include "connectors/sandbox/system_calls.hpp"
#include "gateway/core/result.hpp"

namespace toolgate {

inline constexpr const char* bubblewrap_program = "/usr/bin/bwrap";

// What the launcher is started with, above the numbers that it has them under.
struct LauncherDescriptors {
  int status = -1;   // the pipe that it says through what became of it
  int handoff = -1;  // the socket that it hands its listeners to, or -1
  int custody = -1;  // the socket to who keeps content, or -1
};

// Returns only with the refusal: `uncontained` where the host lacks what the sandbox is made of,
// `bad_signature` where what is frozen is another. `filters` are those of call_filters(); `parent`
// is the keeper; `frozen` may be null.
Refusal enter_sandbox(const SandboxPlan& plan, const SandboxedProgram& program,
                      const CallFilters& filters, const LauncherDescriptors& given,
                      const FrozenSource* frozen, int parent);

}  // namespace toolgate

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

#include "connectors/sandbox/orders.hpp"
#include "connectors/sandbox/plan.hpp"
#include "gateway/core/result.hpp"

namespace toolgate {

inline constexpr const char* bubblewrap_program = "/usr/bin/bwrap";

// Returns only with the refusal. `status` is the pipe that the launcher says through what became of
// it; `handoff` the socket that it hands its listeners to, or -1; both above the numbers that the
// launcher is started with. `parent` is the keeper.
Refusal enter_sandbox(const SandboxPlan& plan, const SandboxedProgram& program, int status,
                      int handoff, int parent);

}  // namespace toolgate

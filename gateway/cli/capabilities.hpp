#pragma once
// What this host can do, as `doctor` prints it.

#include <string>
#include <vector>

#include "connectors/sandbox/plan.hpp"
#include "gateway/core/result.hpp"

namespace toolgate {

struct Capability {
  enum class State { ok, degraded, missing };
  std::string name;
  State state = State::missing;
  std::string needed_for;
  std::string remedy;  // empty when all is well
};

// Whether a server of the configuration needs a sandbox: what is missing for it is then a failure,
// else a remark.
enum class Need { now, later };

// Everything that sandboxes need, each tried out rather than asked about, and in the end whether a
// real one holds against the canary's attacks.
void examine_sandbox(Need need, std::vector<Capability>& rows);

// The same for what only virtual machines need.
void examine_machine(Need need, std::vector<Capability>& rows);

// The same of the tier `gvisor`, which is optional: nobody needs runsc but servers that ask for it.
void examine_runsc(Need need, std::vector<Capability>& rows);

// The attacks of the canary in a sandbox of this tier (connectors/sandbox/proof.hpp).
Status prove_tier(SandboxTier tier);

}  // namespace toolgate

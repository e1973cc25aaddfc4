#include "connectors/launcher/runsc_orders.hpp"
#include "connectors/sandbox/runsc.hpp"
#include "gateway/cli/capabilities.hpp"

namespace toolgate {
namespace {

using State = Capability::State;

Capability program(const std::string& version) {
  Capability row{"runsc", State::missing, "tier gvisor", ""};
  SandboxPlan plan;
  plan.tier = SandboxTier::gvisor;
  const Status there = check_runsc(plan);
  if (!there) {
    row.remedy = there.refusal().detail;
  } else if (version != runsc_known_version) {
    row.remedy = "\"" + version + "\" is installed, and this build drives \"" +
                 runsc_known_version + "\" alone (Debian 12: apt-get install runsc)";
  } else {
    row.state = State::ok;
    row.needed_for += " (here: " + version + ", platform ptrace)";
  }
  return row;
}

}  // namespace

void examine_runsc(Need need, std::vector<Capability>& rows) {
  Capability runsc = program(installed_runsc());
  Capability tier{"tier:gvisor", State::missing, "servers with isolation \"gvisor\"",
                  "it needs runsc, see above"};
  if (runsc.state == State::ok) {
    const Status status = prove_tier(SandboxTier::gvisor);
    tier.state = status ? State::ok : State::missing;
    tier.remedy = status ? "" : status.refusal().detail;
  }
  for (Capability* row : {&runsc, &tier}) {
    if (need == Need::later && row->state == State::missing) row->state = State::degraded;
    rows.push_back(std::move(*row));
  }
}

}  // namespace toolgate

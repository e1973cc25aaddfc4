#include <unistd.h>

#include "connectors/sandbox/machine.hpp"
#include "connectors/sandbox/machine_kernel.hpp"
#include "gateway/cli/capabilities.hpp"

namespace toolgate {
namespace {

using State = Capability::State;

constexpr const char* needed_by_machine = "tier vm";

Capability qemu() {
  const bool found = ::access(machine_program, X_OK) == 0;
  return {"qemu", found ? State::ok : State::missing, needed_by_machine,
          found ? ""
                : std::string("apt-get install --no-install-recommends qemu-system-x86 (") +
                      machine_program + ")"};
}

Capability machine_kernel() {
  const auto kernel = find_machine_kernel();
  return {"machine_kernel", kernel ? State::ok : State::missing,
          std::string(needed_by_machine) + (kernel ? " (here: " + kernel->image + ")" : ""),
          kernel ? "" : kernel.refusal().detail};
}

Capability kvm() {
  const bool found = has_kvm();
  return {"kvm", found ? State::ok : State::degraded, "tier vm: a processor that is not emulated",
          found ? ""
                : std::string(kvm_device) +
                      " cannot be opened: machines are emulated, many times slower, and QEMU "
                      "promises isolation with KVM alone. Run the gateway as an ordinary user "
                      "in the group kvm; a gateway of root needs a device that is everybody's"};
}

// A machine is started only where there can be one.
Capability machine_tier() {
  Status status = machine_is_possible();
  if (status) status = prove_tier(SandboxTier::vm);
  return {"tier:vm", status ? State::ok : State::missing,
          "stronger isolation, chosen per server (isolation \"vm\")",
          status ? "" : status.refusal().detail};
}

}  // namespace

void examine_machine(Need need, std::vector<Capability>& rows) {
  for (auto examine : {qemu, machine_kernel, kvm, machine_tier}) {
    Capability row = examine();
    if (row.state == State::missing && need == Need::later) row.state = State::degraded;
    rows.push_back(std::move(row));
  }
}

}  // namespace toolgate

#pragma once
// The virtual machine of a server in the tier `vm`: what QEMU is started with, and what the machine
// finds when it starts.
//
// QEMU is the program of a sandbox of the tier `process`, which holds it as it would hold the
// server: the same mounts, supervisor of names, Landlock and system calls. What the server shall
// see lies beneath `guest_root` in that sandbox, and is exported to the machine as its root
// directory (9p). There is no network device, no disk, no monitor and no display; the server's
// pipes are ports of the machine (virtio-serial), carried by the attendant
// (connectors/guest/attendant.cpp). The machine's kernel is the host's package, its first process
// is connectors/guest/init.cpp; both are in memory, as all that the machine writes outside of a
// scope.

#include <string>
#include <utility>
#include <vector>

#include "connectors/sandbox/orders.hpp"
#include "connectors/sandbox/plan.hpp"
#include "gateway/core/result.hpp"

namespace toolgate {

inline constexpr const char* machine_program = "/usr/bin/qemu-system-x86_64";
inline constexpr const char* kvm_device = "/dev/kvm";

// Whether a server may use KVM; without it QEMU emulates the processor, many times slower. No
// server runs as root: for a gateway of root it is what everybody may.
bool has_kvm();

// What of the tier is missing on this host; the same refusals as at a server's start.
Status machine_is_possible();

struct Machine {
  std::string kernel;         // its image on the host
  std::string initial_files;  // as sandbox/initial_files.hpp makes them
  SandboxedProgram program;   // the attendant, with QEMU's command line
};

// For the user that this process has, with the filter of system calls that the server gets inside.
// Refused: what the host lacks, and a plan that a machine cannot carry out.
Result<Machine> make_machine(const SandboxPlan& plan, const SandboxedProgram& server,
                             const std::string& filter);

// RLIMIT_* and value, for QEMU: the machine's memory and what QEMU needs beside it. Those of the
// server hold inside.
std::vector<std::pair<int, std::size_t>> machine_limits(const SandboxPlan& plan);
// Threads of the host for a machine; QEMU has 64 for files at most.
inline constexpr std::size_t machine_threads = 128;

// What the guest's init reads (connectors/guest/orders.hpp).
std::string guest_orders(const SandboxPlan& plan, const SandboxedProgram& server,
                         const std::string& filter);

}  // namespace toolgate

#pragma once
// What a sandbox shall be: the plan for one local server, made by the gateway
// from its configuration, carried to the server's keeper, and turned there into namespaces, mounts
// and limits (connectors/sandbox/enter.hpp).
//
// What every such sandbox has, whatever the plan says
// - user, pid, mount, network, ipc, uts and cgroup namespaces of its own; no network but an own
//   loopback; no capabilities, no new privileges, no user id 0, neither inside nor on the host;
// - a root made of the system's /usr, parts of /etc, a private /proc, /dev, /tmp and home, all gone
//   with the process; the scopes and programs of the plan at the paths that they have on the host;
// - Landlock and seccomp on top, applied by connectors/launcher/launcher.cpp.

#include <algorithm>
#include <compare>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gateway/core/file_scope.hpp"
#include "gateway/core/limits.hpp"

namespace toolgate {

// What stands between a server and the host. Each is chosen by name and never replaced by another.
enum class SandboxTier {
  process,  // namespaces, Landlock and seccomp on the host's kernel
  gvisor,   // the kernel of runsc(8) in between
  vm,       // a virtual machine with a kernel of its own
};

// What sandboxes have in common that are proven together (proof.hpp).
struct SandboxForm {
  SandboxTier tier = SandboxTier::process;
  bool writes = false;
  auto operator<=>(const SandboxForm&) const = default;
};

struct SandboxPlan {
  SandboxTier tier = SandboxTier::process;
  std::vector<FileScope> files;
  // Files and directories that the server's program consists of: readable and executable, nothing
  // else. Absolute; those that /usr holds already need not be named.
  std::vector<std::string> programs;
  // Names that stay as they are even inside writable scopes, on top of the default list; one that
  // starts with "!" takes a default name off it. See protected_names.hpp.
  std::vector<std::string> protect;
  // Directories of the host that no scope may be, hold or lie in: the gateway's own home.
  std::vector<std::string> forbidden;
  // The user's home on the host, which no scope may be or hold.
  std::string home;
  SandboxLimits limits;
  // Small files in the sandbox's own home, which is empty otherwise: path below it, content.
  std::vector<std::pair<std::string, std::string>> home_files;
  // The standard descriptors are a terminal of the sandbox's own, which becomes its controlling
  // one.
  bool terminal = false;
  // TCP ports at 127.0.0.1 inside the sandbox whose listening sockets are handed to the gateway;
  // the only ones that the server can connect to.
  std::vector<std::uint16_t> doors;

  // Then a supervisor of names stays beside the server (connectors/launcher/supervisor.hpp).
  bool writes() const { return std::ranges::any_of(files, &FileScope::is_writable); }
  SandboxForm form() const { return {tier, writes()}; }
  // Then it needs somebody who keeps content (connectors/custody_desk.hpp).
  bool stages() const { return std::ranges::any_of(files, &FileScope::is_staged); }
};

}  // namespace toolgate

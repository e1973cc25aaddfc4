#pragma once
// The kernel of the virtual machines: one of the host's own packages, with the modules that a
// machine needs for its files and ports. Debian's linux-image-amd64 has them; the smaller kernels
// for clouds have no 9p.

#include <string>
#include <vector>

#include "gateway/core/result.hpp"

namespace toolgate {

struct MachineKernel {
  std::string image;                 // its path
  std::vector<std::string> modules;  // their paths, each after those that it needs
};

// The newest one in `boot` whose modules lie in `modules` (by default /boot and /lib/modules).
// Refused where there is none, with what is missing and the package that brings it.
Result<MachineKernel> find_machine_kernel(const std::string& boot = "/boot",
                                          const std::string& modules = "/lib/modules");

// What is in the file of a module; those that are compressed go through xz(1), zstd(1) or gzip(1).
Result<std::string> read_module(const std::string& path);

// Of modules.dep (depmod(8)): the paths of these modules and of all that they need, each after what
// it needs, without those that modules.builtin says to be in the kernel itself. Refused: a name
// that neither knows, which is then the whole detail.
Result<std::vector<std::string>> modules_in_order(const std::vector<std::string>& names,
                                                  const std::string& dependencies,
                                                  const std::string& builtin);

}  // namespace toolgate

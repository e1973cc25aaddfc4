#pragma once
// Where things are inside every sandbox.

namespace toolgate {

inline constexpr const char* sandbox_home = "/home/toolgate";
inline constexpr const char* launcher_path = "/run/toolgate/launcher";
inline constexpr const char* canary_path = "/run/toolgate/canary";

// In the sandbox that a virtual machine runs in.
inline constexpr const char* guest_root = "/guest";  // what the machine sees, and nothing else
inline constexpr const char* attendant_path = "/run/toolgate/attendant";
inline constexpr const char* machine_kernel_path = "/run/toolgate/kernel";
inline constexpr const char* initial_files_path = "/run/toolgate/initial-files";

}  // namespace toolgate

#pragma once
// Where things are inside every sandbox.

namespace toolgate {

inline constexpr const char* sandbox_home = "/home/toolgate";
inline constexpr const char* launcher_path = "/run/toolgate/launcher";
inline constexpr const char* canary_path = "/run/toolgate/canary";

}  // namespace toolgate

#pragma once
// The programs that run inside a sandbox, as bytes of this program: what is executed there is what
// was built here, wherever toolgate was copied to. Statically linked; launcher.cpp and canary.cpp
// beside this file are their sources.

#include <span>

namespace toolgate {

std::span<const char> launcher_program();
std::span<const char> canary_program();

}  // namespace toolgate

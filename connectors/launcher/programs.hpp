#pragma once
// The programs that run inside a sandbox or a virtual machine, as bytes of this program: what is
// executed there is what was built here, wherever toolgate was copied to. Statically linked; their
// sources are launcher.cpp and canary.cpp beside this file, and those in connectors/guest.

#include <span>

namespace toolgate {

std::span<const char> launcher_program();
std::span<const char> canary_program();
std::span<const char> attendant_program();   // connectors/guest/attendant.cpp
std::span<const char> guest_init_program();  // connectors/guest/init.cpp
std::span<const char> runsc_driver_program();
std::span<const char> runsc_first_program();

}  // namespace toolgate

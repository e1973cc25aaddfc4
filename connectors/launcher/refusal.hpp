#pragma once
// How the launcher ends when a step fails: it says on the status pipe which one and why, and
// nothing is executed.

#include "connectors/launcher/orders.hpp"

namespace toolgate {

[[noreturn]] void say_and_end(LauncherSays what, const char* text);

// The step, and errno.
[[noreturn]] void refuse(const char* step);

[[noreturn]] void refuse_orders();

}  // namespace toolgate

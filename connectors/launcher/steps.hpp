#pragma once
// The steps that every program of toolgate's own takes directly before it executes a server. One
// that fails ends the program (refusal.hpp).

#include <linux/filter.h>
#include <sys/resource.h>

#include <cstdint>

#include "connectors/launcher/order_reader.hpp"

namespace toolgate {

// To at most so much; what is tighter already stays so.
void limit_resource(__rlimit_resource_t resource, std::uint64_t most);

// All but that of time, which is returned (none: the highest number): it is the server's alone,
// since the supervisor works for all its processes.
std::uint64_t limit_resources(OrderReader& orders);

// No keyring of who started it.
void leave_keyring();

// No capability, no new privileges; it refuses user id 0.
void give_up_privileges();

void apply_filter(const sock_fprog& filter);

// Looked up in PATH, whose empty and relative entries are skipped. (Not execvp: it hands what it
// cannot execute to a shell.) Returns with errno.
void execute(char** argv, char** environment);

}  // namespace toolgate

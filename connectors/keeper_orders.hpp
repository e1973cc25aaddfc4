#pragma once
// How the orders travel from the gateway to a keeper: text fields in an anonymous file, each ended
// by a NUL byte, and behind them the filters of system calls, whose lengths they tell. Written and
// read by the same program, so a text that does not fit is a bug, and the keeper ends.

#include <sys/resource.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "connectors/keeper.hpp"
#include "connectors/sandbox/system_calls.hpp"

namespace toolgate {

// The orders as the keeper has them.
struct ReceivedOrders {
  int parent = 0;
  mode_t umask = 022;
  rlim_t descriptors = 0;
  std::string cwd;
  std::vector<std::string> argv;
  std::vector<std::string> env;  // NAME=value
  std::vector<std::string> leftovers;
  std::optional<SandboxPlan> sandbox;
  CallFilters filters;  // of the sandbox
  std::optional<FrozenSource> frozen;
};

// `parent` is the gateway's process id; `filters` those of call_filters().
std::string keeper_orders_text(const KeeperOrders& orders, const CallFilters& filters, int parent);
std::optional<ReceivedOrders> parse_keeper_orders(const std::string& text);
std::optional<ReceivedOrders> read_keeper_orders(int file);

}  // namespace toolgate

#pragma once
// What a keeper's child does until it is the server.

#include "connectors/keeper_orders.hpp"
#include "connectors/sandbox/process_tree.hpp"

namespace toolgate {

// The keeper's own descriptors, beside 0, 1 and 2.
inline constexpr int control_number = 3;
inline constexpr int orders_number = 4;
inline constexpr int handoff_number = 5;  // /dev/null where no listener is to be handed out
inline constexpr int custody_number = 6;  // /dev/null where no content is to be kept

// In the child: becomes the server; or writes to `failure` why not (of a sandbox as the launcher
// would, else a KeeperReport and a text), and ends. `keeper` is its parent; `tree` may be null.
[[noreturn]] void become_server(ReceivedOrders& orders, int keeper, int failure,
                                const ProcessTree* tree);

}  // namespace toolgate

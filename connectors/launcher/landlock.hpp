#pragma once
// Landlock, as the orders tell: who calls this reaches from then on no file, port, abstract socket
// or process but those of the rules. Without version 3 at least it refuses. Source: landlock(7).

#include "connectors/launcher/order_reader.hpp"

namespace toolgate {

// Reads the rules for paths and those for ports.
void apply_landlock(OrderReader& orders);

}  // namespace toolgate

#pragma once
// The kernel's modules and the machine's ports (virtio_console), for init. What fails ends it
// (refusal.hpp).

#include "connectors/guest/orders.hpp"

namespace toolgate {

void load_modules();

// Waits until the port is there. Does not block when it is read or written.
int open_port(GuestPort port);

// Waits until QEMU has opened its end of this port.
void wait_for_connection(int port);

}  // namespace toolgate

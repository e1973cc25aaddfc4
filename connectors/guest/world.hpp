#pragma once
// What the server sees in the machine: the folder that QEMU exports, as the root, read-only; memory
// of its own for /tmp, /dev/shm and its home; the mounts that the orders name; a small /dev and
// /proc. What may be written is decided on the host, by the sandbox that QEMU runs in; here stand
// once more what the host cannot know of: what may be executed, and that no device and no
// set-user-id bit counts.

#include "connectors/launcher/order_reader.hpp"

namespace toolgate {

struct GuestUser {
  unsigned user = 0;
  unsigned group = 0;
};

// Becomes the root directory of this process. One step that fails ends it (refusal.hpp).
void make_world(OrderReader& orders, GuestUser user);

}  // namespace toolgate

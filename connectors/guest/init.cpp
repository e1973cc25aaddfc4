// The guest's init: the first process of a virtual machine that holds one server. It is read top to
// bottom:
//
//   load the modules that the machine's ports and files need, open the ports, read the orders,
//   make what the server sees (world.hpp), start the server without privileges, carry its bytes
//   between its pipes and the ports (server.hpp), say how it ended.
//
// The boundary is the machine, and the sandbox around it on the host, not what is done here. It is
// done all the same, so that a server has no more rights in its machine than in a sandbox of the
// tier `process`.

#include <fcntl.h>
#include <linux/reboot.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>

#include "connectors/guest/machine_ports.hpp"
#include "connectors/guest/orders.hpp"
#include "connectors/guest/server.hpp"
#include "connectors/guest/world.hpp"
#include "connectors/launcher/order_reader.hpp"
#include "connectors/launcher/orders.hpp"
#include "connectors/launcher/refusal.hpp"

namespace {

using namespace toolgate;

void begin() {
  if (mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, nullptr) != 0) _exit(1);
  load_modules();
  const int port = open_port(GuestPort::control);
  if (dup3(port, guest_control_number, O_CLOEXEC) < 0) _exit(1);
  close(port);
  wait_for_connection(guest_control_number);
}

// Nothing else is in this network, and nothing leads out of it.
void bring_up_loopback() {
  const int socket_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::memcpy(request.ifr_name, "lo", sizeof "lo");
  if (socket_ < 0 || ioctl(socket_, SIOCGIFFLAGS, &request) != 0) refuse("the loopback");
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  if (ioctl(socket_, SIOCSIFFLAGS, &request) != 0) refuse("the loopback");
  close(socket_);
}

[[noreturn]] void switch_off() {
  constexpr unsigned seconds_to_be_ended_from_outside = 5;
  sleep(seconds_to_be_ended_from_outside);
  syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_RESTART, nullptr);
  _exit(0);
}

}  // namespace

int main() {
  begin();
  const int file = open(guest_orders_file, O_RDONLY | O_CLOEXEC);
  if (file < 0) refuse_orders();
  OrderReader orders(file);
  if (std::strcmp(orders.text(), guest_orders_version) != 0) refuse_orders();
  const GuestUser user{static_cast<unsigned>(orders.number()),
                       static_cast<unsigned>(orders.number())};
  bring_up_loopback();
  if (sethostname("sandbox", sizeof "sandbox" - 1) != 0) refuse("the name of the machine");
  // Before the devices of the machine are out of reach.
  static GuestServer server;
  server.open_ports();
  make_world(orders, user);
  server.start(orders, user);
  server.serve();
  switch_off();
}

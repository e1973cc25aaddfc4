#pragma once
// The server in the machine: its process, its pipes, and what is said of them to the attendant
// (orders.hpp).

#include <sys/types.h>

#include "connectors/guest/stream.hpp"
#include "connectors/guest/world.hpp"
#include "connectors/launcher/order_reader.hpp"
#include "connectors/launcher/orders.hpp"

namespace toolgate {

// The control port stands where the launcher's steps expect their status pipe: what they refuse
// goes to the attendant.
inline constexpr int guest_control_number = launcher_status_number;

class GuestServer {
 public:
  GuestServer() = default;
  GuestServer(const GuestServer&) = delete;

  void open_ports();
  // Reads the rest of the orders, in a process of the server's own.
  void start(OrderReader& orders, GuestUser user);
  // Until it has ended; everything that it left is ended, and what it wrote has been said and
  // saved.
  void serve();

 private:
  void wait_and_move();
  void hear_start();
  void hear_attendant();
  void say_output_ended();
  bool has_ended();
  void end_the_rest();

  pid_t process_ = -1;
  int status_ = 0;
  int start_ = -1;  // the end of it says that the server's program is executed
  int signals_ = -1;
  int ports_[3] = {-1, -1, -1};
  bool output_has_ended_ = false;
  Stream input_;
  Stream output_;
  Stream errors_;
};

}  // namespace toolgate

// The launcher: the last program of toolgate's own that runs in a sandbox, directly before a
// server does. bubblewrap has made the namespaces and the mounts; this takes away what is left,
// and then executes the server. It is read top to bottom:
//
//   read the orders, listen where told and hand the sockets out, close every other descriptor,
//   limit resources, leave the session keyring, check that no capability and no root is left,
//   give up new privileges for ever, apply Landlock, apply seccomp, execute; where the server may
//   write, stay beside it as the supervisor of names (supervisor.hpp).
//
// Every step fails closed: the status pipe says which one failed, and nothing is executed. It is
// linked statically, has one thread, allocates nothing after the orders are read but by malloc, and
// trusts nothing in the sandbox. Sources: landlock(7), seccomp(2), keyctl(2), capabilities(7).

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "connectors/launcher/handover.hpp"
#include "connectors/launcher/landlock.hpp"
#include "connectors/launcher/order_reader.hpp"
#include "connectors/launcher/orders.hpp"
#include "connectors/launcher/refusal.hpp"
#include "connectors/launcher/shield.hpp"
#include "connectors/launcher/steps.hpp"
#include "connectors/launcher/supervisor.hpp"

namespace {

using namespace toolgate;

// The sockets live in the network namespace of the sandbox; whoever accepts on them knows by the
// socket whom it talks to.
void hand_out_listeners(OrderReader& orders) {
  std::uint64_t count = orders.number();
  for (; count > 0; --count) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(orders.number()));
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 ||
        bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        listen(listener, 128) != 0) {
      refuse("a listener in the sandbox");
    }
    if (!hand_over(launcher_handoff_number, listener)) {
      refuse("the hand-off of a listener");
    }
    close(listener);
  }
}

// A session of its own, led by the server, without a terminal or with one of the sandbox's: never
// the user's, so what is typed into it from inside stays inside.
void begin_session(bool with_terminal) {
  if (setsid() < 0 && errno != EPERM)
    refuse("a session of its own");  // EPERM: it leads one already
  if (with_terminal && ioctl(STDIN_FILENO, TIOCSCTTY, 0) != 0) refuse("the terminal");
}

// The supervisor compares with the paths that the kernel tells.
void check_scopes(const Texts& scopes) {
  for (std::size_t i = 0; i < scopes.count; ++i) {
    char told[PATH_MAX];
    const OpenFile scope(open(scopes.begin[i], O_PATH | O_CLOEXEC));
    if (!scope || text_of(scope.number(), told, sizeof told) != 0) refuse(scopes.begin[i]);
    if (std::strcmp(told, scopes.begin[i]) != 0) refuse_orders();
  }
}

}  // namespace

int main() {
  OrderReader orders(launcher_orders_number);
  if (std::strcmp(orders.text(), launcher_orders_version) != 0) refuse_orders();
  fcntl(launcher_status_number, F_SETFD, FD_CLOEXEC);

  const bool with_terminal = std::strcmp(orders.text(), "terminal") == 0;
  const bool program_speaks = std::strcmp(orders.text(), "speaks") == 0;
  const char* root = orders.text();
  hand_out_listeners(orders);
  close(launcher_handoff_number);
  close_range(launcher_custody_number + 1, ~0U, 0);
  fcntl(launcher_custody_number, F_SETFD, FD_CLOEXEC);
  const std::uint64_t seconds = limit_resources(orders);
  leave_keyring();
  give_up_privileges();
  apply_landlock(orders);

  const Texts scopes = orders.texts();
  const Texts staged = orders.texts();
  const Texts names = orders.texts();
  char** argv = orders.list();
  char** environment = orders.list();
  if (argv[0] == nullptr) refuse_orders();
  const Filters filters = orders.filters();
  if ((scopes.count > 0) != (filters.stops.len > 0)) refuse_orders();
  if (staged.count > 0 && fcntl(launcher_custody_number, F_GETFD) < 0) refuse("custody");
  check_scopes(scopes);
  apply_filter(filters.calls);
  int socket = -1;
  if (scopes.count == 0) {
    begin_session(with_terminal);
  } else {
    const pid_t supervisor = getpid();
    const pid_t group = getpgrp();
    const pid_t server = part_from_server(socket);
    if (server < 0) refuse("the supervisor of names");
    if (server > 0) {
      close(launcher_status_number);
      const Guard guard(scopes, staged, names);
      Custody custody(staged.count > 0 ? launcher_custody_number : -1, root);
      return supervise(server, socket, Rules{guard, custody});
    }
    begin_session(with_terminal);  // not the supervisor's
    if (!shield(supervisor, group)) refuse("the shield of the supervisor");
    if (!stop_at_supervisor(filters.stops, socket)) refuse("the filter of the supervisor");
    close(socket);
  }
  close(launcher_custody_number);
  limit_resource(RLIMIT_CPU, seconds);
  const char executing = static_cast<char>(LauncherSays::executing);
  if (program_speaks) {
    fcntl(launcher_status_number, F_SETFD, 0);
  } else if (write(launcher_status_number, &executing, 1) != 1) {
    _exit(launcher_refused_status);
  }
  execute(argv, environment);
  char error[16];
  std::snprintf(error, sizeof error, "%d", errno);
  say_and_end(LauncherSays::not_executed, error);
}

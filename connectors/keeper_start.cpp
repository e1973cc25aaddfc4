#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <system_error>

#include "connectors/keeper_orders.hpp"

namespace toolgate {
namespace {

[[noreturn]] void fault(int error, const char* what) {
  throw std::system_error(error, std::system_category(), what);
}

bool has_nul(const std::string& text) { return text.find('\0') != std::string::npos; }

Status check(const KeeperOrders& orders) {
  const bool is_janitor = orders.argv.empty() && !orders.leftovers.empty();
  if (!is_janitor && (orders.argv.empty() || orders.argv.front().empty())) {
    return Refusal(Reason::bad_configuration, "there is no command: set \"command\"");
  }
  for (const std::string& file : orders.leftovers) {
    if (has_nul(file)) {
      return Refusal(Reason::bad_configuration, "a path holds a NUL character: remove it");
    }
  }
  for (const std::string& argument : orders.argv) {
    if (has_nul(argument)) {
      return Refusal(Reason::bad_configuration, "an argument holds a NUL character: remove it");
    }
  }
  for (const auto& [name, value] : orders.env) {
    if (name.empty() || name.find('=') != std::string::npos || has_nul(name) || has_nul(value)) {
      return Refusal(Reason::bad_configuration,
                     "an environment variable has an empty name, a '=' in its name or a NUL "
                     "character: rename or remove it");
    }
  }
  if (has_nul(orders.cwd)) {
    return Refusal(Reason::bad_configuration, "the working directory holds a NUL character");
  }
  return done();
}

Descriptor orders_file(const KeeperOrders& orders, const CallFilters& filters) {
  Descriptor file(::memfd_create("keeper-orders", MFD_CLOEXEC));
  if (!file) fault(errno, "memfd_create");
  std::string text = keeper_orders_text(orders, filters, ::getpid());
  for (std::size_t at = 0; at < text.size();) {
    ssize_t count = ::write(file.number(), text.data() + at, text.size() - at);
    if (count < 0 && errno != EINTR) fault(errno, "write to memfd");
    if (count > 0) at += static_cast<std::size_t>(count);
  }
  return file;
}

// A copy above the numbers that the keeper uses, so that no dup2 in the child overwrites what
// another needs.
Descriptor out_of_the_way(const Descriptor& original) {
  Descriptor copy(::fcntl(original.number(), F_DUPFD_CLOEXEC, 16));
  if (!copy) fault(errno, "F_DUPFD_CLOEXEC");
  return copy;
}

// What posix_spawn shall do in the child: the descriptors at 0..6, a session and default signals.
class SpawnPlan {
 public:
  SpawnPlan() {
    if (::posix_spawn_file_actions_init(&actions) != 0) fault(ENOMEM, "posix_spawn");
    if (::posix_spawnattr_init(&attributes) != 0) fault(ENOMEM, "posix_spawn");
    sigset_t signals;
    ::sigfillset(&signals);
    ::posix_spawnattr_setsigmask(&attributes, &signals);
    ::posix_spawnattr_setsigdefault(&attributes, &signals);
    ::posix_spawnattr_setflags(&attributes,
                               POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
  void hand_down(const Descriptor& own, int number) {
    int error = ::posix_spawn_file_actions_adddup2(&actions, own.number(), number);
    if (error != 0) fault(error, "posix_spawn_file_actions_adddup2");
  }

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

}  // namespace

Result<KeeperProcess> start_keeper(const std::string& program, const std::string& label,
                                   const KeeperOrders& orders, ServerPipes pipes,
                                   SandboxSockets sockets) {
  auto sound = check(orders);
  if (!sound) return sound.refusal();
  auto filters = orders.sandbox ? call_filters(*orders.sandbox) : CallFilters();
  if (!filters) return filters.refusal();

  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    fault(errno, "socketpair");
  Descriptor ours(ends[0]);
  Descriptor theirs(ends[1]);

  for (Descriptor* socket : {&sockets.handoff, &sockets.custody}) {
    if (!*socket) *socket = Descriptor(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!*socket) fault(errno, "open of /dev/null");
  }
  const Descriptor handed[] = {out_of_the_way(pipes.input),
                               out_of_the_way(pipes.output),
                               out_of_the_way(pipes.errors),
                               out_of_the_way(theirs),
                               out_of_the_way(orders_file(orders, *filters)),
                               out_of_the_way(sockets.handoff),
                               out_of_the_way(sockets.custody)};
  SpawnPlan plan;
  int number = 0;
  for (const Descriptor& descriptor : handed) plan.hand_down(descriptor, number++);

  std::string name = "toolgate-keeper";
  std::string shown = label;
  char* argv[] = {name.data(), shown.data(), nullptr};
  char* no_environment[] = {nullptr};
  pid_t process_id = -1;
  int error = ::posix_spawn(&process_id, program.c_str(), &plan.actions, &plan.attributes, argv,
                            no_environment);
  if (error != 0) fault(error, "posix_spawn of the keeper");

  KeeperProcess keeper;
  keeper.process_id = process_id;
  keeper.process = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, process_id, 0)));
  keeper.control = std::move(ours);
  set_blocking(keeper.control.number(), false);
  if (!keeper.process) {
    int why = errno;
    keeper.control.close();  // the keeper ends by itself
    ::waitpid(process_id, nullptr, 0);
    fault(why, "pidfd_open");
  }
  return keeper;
}

}  // namespace toolgate

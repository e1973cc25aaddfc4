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
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "connectors/launcher/handover.hpp"
#include "connectors/launcher/orders.hpp"
#include "connectors/launcher/supervisor.hpp"

namespace {

using namespace toolgate;

[[noreturn]] void say_and_end(LauncherSays what, const char* text) {
  char line[512];
  int length = std::snprintf(line, sizeof line, "%c%s", static_cast<char>(what), text);
  if (length >= static_cast<int>(sizeof line)) length = sizeof line - 1;
  [[maybe_unused]] ssize_t written =
      write(launcher_status_number, line, static_cast<std::size_t>(length));
  _exit(launcher_refused_status);
}

[[noreturn]] void refuse(const char* step) {
  char text[256];
  std::snprintf(text, sizeof text, "%s: %s", step, std::strerror(errno));
  say_and_end(LauncherSays::refused, text);
}

[[noreturn]] void refuse_orders() {
  say_and_end(LauncherSays::refused, "the orders of the launcher cannot be read");
}

// --- The orders ---------------------------------------------------------------------------------

struct Filters {
  sock_fprog calls;
  sock_fprog stops;  // those that wait for the supervisor
};

class Orders {
 public:
  Orders() {
    struct stat about{};
    if (fstat(launcher_orders_number, &about) != 0 || about.st_size <= 0) refuse_orders();
    size_ = static_cast<std::size_t>(about.st_size);
    text_ = static_cast<char*>(std::malloc(size_));
    if (text_ == nullptr) refuse("memory for the orders");
    for (std::size_t at = 0; at < size_;) {
      ssize_t count = pread(launcher_orders_number, text_ + at, size_ - at, static_cast<off_t>(at));
      if (count <= 0) refuse_orders();
      at += static_cast<std::size_t>(count);
    }
    close(launcher_orders_number);
  }

  char* text() {
    char* field = text_ + at_;
    void* end = std::memchr(field, '\0', size_ - at_);
    if (end == nullptr) refuse_orders();
    at_ = static_cast<std::size_t>(static_cast<char*>(end) - text_) + 1;
    return field;
  }
  std::uint64_t number() {
    char* field = text();
    char* end = nullptr;
    errno = 0;
    std::uint64_t value = std::strtoull(field, &end, 10);
    if (errno != 0 || end == field || *end != '\0') refuse_orders();
    return value;
  }
  // The fields that follow, as execve takes them.
  char** list() {
    std::uint64_t count = number();
    if (count > size_) refuse_orders();
    char** fields = static_cast<char**>(std::calloc(count + 1, sizeof(char*)));
    if (fields == nullptr) refuse("memory for the orders");
    for (std::uint64_t i = 0; i < count; ++i) fields[i] = text();
    return fields;
  }
  Texts texts() {
    const std::size_t begin = at_;
    const std::uint64_t count = number();
    at_ = begin;
    return Texts{list(), static_cast<std::size_t>(count)};
  }
  Filters filters() {
    const std::uint64_t calls = number();
    const std::uint64_t stops = number();
    if (calls == 0 || calls > BPF_MAXINSNS || stops > BPF_MAXINSNS ||
        size_ - at_ != (calls + stops) * sizeof(sock_filter)) {
      refuse_orders();
    }
    auto* copy = static_cast<sock_filter*>(std::malloc(size_ - at_));
    if (copy == nullptr) refuse("memory for the filters");
    std::memcpy(copy, text_ + at_, size_ - at_);
    return Filters{{static_cast<unsigned short>(calls), copy},
                   {static_cast<unsigned short>(stops), copy + calls}};
  }

 private:
  char* text_ = nullptr;
  std::size_t size_ = 0;
  std::size_t at_ = 0;
};

// --- Landlock -----------------------------------------------------------------------------------

// From linux/landlock.h; spelled out here since the headers of a distribution are older than the
// kernels that it meets.
constexpr std::uint64_t fs_execute = 1U << 0, fs_write_file = 1U << 1, fs_read_file = 1U << 2,
                        fs_read_dir = 1U << 3, fs_remove_dir = 1U << 4, fs_remove_file = 1U << 5,
                        fs_make_dir = 1U << 7, fs_make_reg = 1U << 8, fs_make_sym = 1U << 12,
                        fs_refer = 1U << 13, fs_truncate = 1U << 14;
constexpr std::uint64_t fs_all_of_version_3 = (1U << 15) - 1;
constexpr std::uint64_t fs_ioctl_dev = 1U << 15;                    // version 5
constexpr std::uint64_t net_bind_tcp = 1, net_connect_tcp = 2;      // version 4
constexpr std::uint64_t scope_abstract_unix = 1, scope_signal = 2;  // version 6

constexpr int least_landlock = 3;  // from here on truncation can be denied

struct Ruleset {
  std::uint64_t files = fs_all_of_version_3;
  std::uint64_t net = 0;
  std::uint64_t scopes = 0;
};
struct [[gnu::packed]] PathRule {
  std::uint64_t allowed;
  std::int32_t parent;
};
struct PortRule {
  std::uint64_t allowed;
  std::uint64_t port;
};

// Never among them: character and block devices, fifos and sockets cannot be made, and devices
// take no ioctl. A rule for a file takes the rights of a file alone.
std::uint64_t rights(LandlockClass of_rule) {
  constexpr std::uint64_t read = fs_read_file | fs_read_dir;
  constexpr std::uint64_t keep = read | fs_write_file | fs_truncate | fs_make_reg | fs_make_dir;
  constexpr std::uint64_t write = keep | fs_make_sym | fs_remove_file | fs_remove_dir | fs_refer;
  switch (of_rule) {
    case LandlockClass::read:
      return read;
    case LandlockClass::execute:
      return read | fs_execute;
    case LandlockClass::write:
      return write;
    case LandlockClass::write_execute:
      return write | fs_execute;
    case LandlockClass::keep:
      return keep;
    case LandlockClass::keep_execute:
      return keep | fs_execute;
    case LandlockClass::device:
      return fs_read_file | fs_write_file | fs_truncate;
    case LandlockClass::terminal:
      return fs_read_file | fs_write_file | fs_truncate | fs_ioctl_dev;
  }
  refuse_orders();
}

void allow_path(const Ruleset& handled, int ruleset, const char* of_rule, const char* path) {
  PathRule rule{rights(static_cast<LandlockClass>(of_rule[0])) & handled.files, -1};
  rule.parent = open(path, O_PATH | O_CLOEXEC);
  if (rule.parent < 0) refuse(path);
  struct stat about{};
  if (fstat(rule.parent, &about) != 0) refuse(path);
  if (!S_ISDIR(about.st_mode)) {
    rule.allowed &= fs_execute | fs_write_file | fs_read_file | fs_truncate | fs_ioctl_dev;
  }
  constexpr int path_beneath = 1;
  if (syscall(SYS_landlock_add_rule, ruleset, path_beneath, &rule, 0) != 0) refuse(path);
  close(rule.parent);
}

void apply_landlock(Orders& orders) {
  constexpr unsigned version_flag = 1;
  long version = syscall(SYS_landlock_create_ruleset, nullptr, 0, version_flag);
  if (version < 0) refuse("this kernel has no Landlock");
  if (version < least_landlock) {
    say_and_end(LauncherSays::refused,
                "the Landlock of this kernel is older than version 3 (Linux 6.2)");
  }
  Ruleset handled;
  if (version >= 5) handled.files |= fs_ioctl_dev;
  if (version >= 4) handled.net = net_bind_tcp | net_connect_tcp;
  if (version >= 6) handled.scopes = scope_abstract_unix | scope_signal;
  std::size_t size = version >= 6   ? sizeof(Ruleset)
                     : version >= 4 ? offsetof(Ruleset, scopes)
                                    : offsetof(Ruleset, net);
  int ruleset = static_cast<int>(syscall(SYS_landlock_create_ruleset, &handled, size, 0));
  if (ruleset < 0) refuse("a Landlock ruleset");

  for (std::uint64_t count = orders.number(); count > 0; --count) {
    const char* of_rule = orders.text();
    allow_path(handled, ruleset, of_rule, orders.text());
  }
  for (std::uint64_t count = orders.number(); count > 0; --count) {
    PortRule rule{net_connect_tcp, orders.number()};
    constexpr int net_port = 2;
    if (version < 4) continue;  // the network namespace has no other way out
    if (syscall(SYS_landlock_add_rule, ruleset, net_port, &rule, 0) != 0) refuse("a Landlock port");
  }
  if (syscall(SYS_landlock_restrict_self, ruleset, 0) != 0) refuse("Landlock");
  close(ruleset);
}

// --- The other steps ----------------------------------------------------------------------------

// The sockets live in the network namespace of the sandbox; whoever accepts on them knows by the
// socket whom it talks to.
void hand_out_listeners(Orders& orders) {
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
void begin_session(Orders& orders) {
  if (setsid() < 0 && errno != EPERM)
    refuse("a session of its own");  // EPERM: it leads one already
  if (std::strcmp(orders.text(), "terminal") != 0) return;
  if (ioctl(STDIN_FILENO, TIOCSCTTY, 0) != 0) refuse("the terminal");
}

void limit_resource(__rlimit_resource_t resource, std::uint64_t most) {
  rlimit limit{most, most};
  rlimit now{};
  if (getrlimit(resource, &now) == 0 && now.rlim_max < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max = now.rlim_max;  // what is tighter already stays so
  }
  if (setrlimit(resource, &limit) != 0) refuse("a resource limit");
}

// All but that of time, which is returned (none: the highest number): it is the server's alone,
// since the supervisor works for all its processes.
std::uint64_t limit_resources(Orders& orders) {
  std::uint64_t seconds = RLIM_INFINITY;
  for (std::uint64_t count = orders.number(); count > 0; --count) {
    auto resource = static_cast<__rlimit_resource_t>(orders.number());
    const std::uint64_t most = orders.number();
    if (resource == RLIMIT_CPU) {
      seconds = most;
    } else {
      limit_resource(resource, most);
    }
  }
  return seconds;
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

void give_up_privileges() {
  if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) < 0 && errno != ENOSYS) {
    refuse("a session keyring of its own");
  }
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct held[2] = {};
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 ||
      syscall(SYS_capset, &header, held) != 0 || syscall(SYS_capget, &header, held) != 0) {
    refuse("giving up capabilities");
  }
  if (getuid() == 0 || geteuid() == 0) {
    say_and_end(LauncherSays::refused, "the sandbox has the user id 0");
  }
  if (held[0].permitted != 0 || held[1].permitted != 0 || held[0].effective != 0) {
    say_and_end(LauncherSays::refused, "the sandbox still has capabilities");
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) refuse("giving up new privileges");
}

void apply_filter(const sock_fprog& filter) {
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0) refuse("the seccomp filter");
}

// Looked up in PATH, whose empty and relative entries are skipped. (Not execvp: it hands what it
// cannot execute to a shell.) Returns with errno.
void execute(char** argv, char** environment) {
  if (std::strchr(argv[0], '/') != nullptr) {
    execve(argv[0], argv, environment);
    return;
  }
  const char* path = "/usr/local/bin:/usr/bin:/bin";
  for (char** entry = environment; *entry != nullptr; ++entry) {
    if (std::strncmp(*entry, "PATH=", 5) == 0) path = *entry + 5;
  }
  int error = ENOENT;
  while (*path != '\0') {
    std::size_t length = std::strcspn(path, ":");
    char candidate[4096];
    int used = std::snprintf(candidate, sizeof candidate, "%.*s/%s", static_cast<int>(length), path,
                             argv[0]);
    if (path[0] == '/' && used > 0 && used < static_cast<int>(sizeof candidate)) {
      execve(candidate, argv, environment);
      if (errno == EACCES) error = EACCES;
      if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) return;
    }
    path += length;
    if (*path == ':') ++path;
  }
  errno = error;
}

}  // namespace

int main() {
  Orders orders;
  if (std::strcmp(orders.text(), launcher_orders_version) != 0) refuse_orders();
  fcntl(launcher_status_number, F_SETFD, FD_CLOEXEC);

  begin_session(orders);
  hand_out_listeners(orders);
  close(launcher_handoff_number);
  close_range(launcher_custody_number + 1, ~0U, 0);
  fcntl(launcher_custody_number, F_SETFD, FD_CLOEXEC);
  const std::uint64_t seconds = limit_resources(orders);
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
  if (scopes.count > 0) {
    const pid_t server = part_from_server(socket);
    if (server < 0) refuse("the supervisor of names");
    if (server > 0) {
      close(launcher_status_number);
      const Guard guard(scopes, staged, names);
      Custody custody(staged.count > 0 ? launcher_custody_number : -1);
      return supervise(server, socket, Rules{guard, custody});
    }
    if (!stop_at_supervisor(filters.stops, socket)) refuse("the filter of the supervisor");
    close(socket);
  }
  close(launcher_custody_number);
  limit_resource(RLIMIT_CPU, seconds);
  const char executing = static_cast<char>(LauncherSays::executing);
  if (write(launcher_status_number, &executing, 1) != 1) _exit(launcher_refused_status);
  execute(argv, environment);
  char error[16];
  std::snprintf(error, sizeof error, "%d", errno);
  say_and_end(LauncherSays::not_executed, error);
}

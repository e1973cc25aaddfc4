#include "connectors/launcher/landlock.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

#include "connectors/launcher/orders.hpp"
#include "connectors/launcher/refusal.hpp"

namespace toolgate {
namespace {

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

}  // namespace

void apply_landlock(OrderReader& orders) {
  constexpr unsigned version_flag = 1;
  long version = syscall(SYS_landlock_create_ruleset, nullptr, 0, version_flag);
  if (version < 0) {
    say_and_end(LauncherSays::missing,
                "this kernel has no Landlock: one of 6.2 or newer with landlock in its `lsm=` list "
                "is needed");
  }
  if (version < least_landlock) {
    say_and_end(LauncherSays::missing,
                "the Landlock of this kernel is older than version 3: Linux 6.2 is needed");
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

}  // namespace toolgate

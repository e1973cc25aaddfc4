#include "connectors/launcher/steps.hpp"

#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>

#include "connectors/launcher/refusal.hpp"

namespace toolgate {

void limit_resource(__rlimit_resource_t resource, std::uint64_t most) {
  rlimit limit{most, most};
  rlimit now{};
  if (getrlimit(resource, &now) == 0 && now.rlim_max < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max = now.rlim_max;  // what is tighter already stays so
  }
  if (setrlimit(resource, &limit) != 0) refuse("a resource limit");
}

std::uint64_t limit_resources(OrderReader& orders) {
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

void leave_keyring() {
  if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) < 0 && errno != ENOSYS) {
    refuse("a session keyring of its own");
  }
}

void give_up_privileges() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct held[2] = {};
  // A kernel that has no ambient ones says EINVAL (runsc's); none is without being permitted.
  const bool ambient_gone =
      prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0 || errno == EINVAL;
  if (!ambient_gone || syscall(SYS_capset, &header, held) != 0 ||
      syscall(SYS_capget, &header, held) != 0) {
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

}  // namespace toolgate

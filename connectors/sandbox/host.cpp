#include "connectors/sandbox/host.hpp"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <iterator>

#include "connectors/descriptor.hpp"
#include "connectors/sandbox/enter.hpp"
#include "connectors/sandbox/staging.hpp"

namespace toolgate {
namespace {

constexpr auto limits_of_namespaces = std::to_array<const char*>(
    {"/proc/sys/user/max_user_namespaces", "/proc/sys/user/max_mnt_namespaces",
     "/proc/sys/user/max_pid_namespaces", "/proc/sys/user/max_net_namespaces",
     "/proc/sys/user/max_ipc_namespaces", "/proc/sys/user/max_uts_namespaces",
     "/proc/sys/user/max_cgroup_namespaces"});

constexpr unsigned nobody = 65534;

bool is_zero(const char* file) {
  char text[4] = {};
  const Descriptor opened(::open(file, O_RDONLY | O_CLOEXEC));
  return opened && ::read(opened.number(), text, sizeof text - 1) > 0 && text[0] == '0' &&
         text[1] == '\n';
}

// A limit that is used up will be free again; one of 0 will not.
std::optional<std::string> forbidden_namespaces() {
  for (const char* file : limits_of_namespaces) {
    if (!is_zero(file)) continue;
    return std::string(file) + " is 0: set it to 10000 (sysctl)";
  }
  return std::nullopt;
}

enum class Step : char { namespaces = 'n', maps = 'm', proc = 'p' };
struct Failure {
  Step step;
  int error;
};

[[noreturn]] void end_with(int report, Step step) {
  const Failure failure{step, errno};
  [[maybe_unused]] const ssize_t written = ::write(report, &failure, sizeof failure);
  ::_exit(1);
}

bool write_map(const char* file, unsigned id) {
  const std::string line = std::to_string(id) + " " + std::to_string(id) + " 1\n";
  const Descriptor opened(::open(file, O_WRONLY | O_CLOEXEC));
  return opened && ::write(opened.number(), line.data(), line.size()) > 0;
}

[[noreturn]] void try_all(int report) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::geteuid() == 0 && !become(SandboxUser{nobody, nobody})) ::_exit(1);
  const unsigned user = ::geteuid();
  const unsigned group = ::getegid();
  constexpr int all = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
                      CLONE_NEWUTS | CLONE_NEWCGROUP;
  if (::unshare(all) != 0) end_with(report, Step::namespaces);
  ::prctl(PR_SET_DUMPABLE, 1);  // or the files of /proc/self would be root's
  const Descriptor groups(::open("/proc/self/setgroups", O_WRONLY | O_CLOEXEC));
  if (!groups || ::write(groups.number(), "deny", 4) != 4 ||
      !write_map("/proc/self/uid_map", user) || !write_map("/proc/self/gid_map", group)) {
    end_with(report, Step::maps);
  }
  const pid_t first = ::fork();
  if (first == 0) {
    if (::mount("", "/", "", MS_REC | MS_SLAVE, nullptr) != 0 ||
        ::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) {
      end_with(report, Step::proc);
    }
    ::_exit(0);
  }
  ::waitpid(first, nullptr, 0);
  ::_exit(0);
}

}  // namespace

bool is_lacking(int error) {
  constexpr int lacking[] = {ENOENT, EACCES, EPERM, EROFS, ENOSYS, EOPNOTSUPP, ENODEV};
  return std::ranges::find(lacking, error) != std::end(lacking);
}

Reason reason_of(int error) {
  return is_lacking(error) ? Reason::uncontained : Reason::unavailable;
}

std::optional<std::string> lacking_bubblewrap() {
  if (::access(bubblewrap_program, X_OK) == 0 || !is_lacking(errno)) return std::nullopt;
  const std::string why = std::strerror(errno);
  return std::string(bubblewrap_program) + " cannot be executed (" + why +
         "): install it (apt-get install bubblewrap)";
}

std::optional<std::string> lacking_seccomp() {
  for (const unsigned action : {SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_USER_NOTIF}) {
    if (::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0) continue;
    if (errno != ENOSYS && errno != EOPNOTSUPP) continue;
    return "this kernel has no seccomp that kills and notifies: one of 5.6 or newer with "
           "CONFIG_SECCOMP_FILTER is needed";
  }
  return std::nullopt;
}

std::optional<std::string> lacking_namespaces(int error) {
  if (error == ENOSPC) return forbidden_namespaces();
  if (error == EPERM || error == EACCES) {
    return "this host forbids user namespaces: sysctl -w kernel.unprivileged_userns_clone=1, or "
           "allow them in what confines the gateway";
  }
  if (error == EINVAL || error == ENOSYS) {
    return "this kernel has not all the namespaces that a sandbox needs (user, mount, pid, "
           "network, "
           "ipc, uts, cgroup)";
  }
  return std::nullopt;
}

std::optional<std::string> try_namespaces() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
  const Descriptor reading(ends[0]);
  Descriptor writing(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) try_all(writing.number());
  writing.close();
  if (child < 0) return std::nullopt;
  Failure failure{};
  const bool failed = ::read(reading.number(), &failure, sizeof failure) == sizeof failure;
  ::waitpid(child, nullptr, 0);
  if (!failed) return std::nullopt;
  if (failure.step == Step::namespaces) return lacking_namespaces(failure.error);
  if (failure.error != EPERM && failure.error != EACCES) return std::nullopt;
  if (failure.step == Step::maps) {
    return "this host lets nobody map users into a user namespace (on Ubuntu 24.04: "
           "kernel.apparmor_restrict_unprivileged_userns, or an AppArmor profile for bwrap)";
  }
  return "this host lets no sandbox have a /proc of its own: parts of its own are hidden, as in a "
         "container (run the gateway outside of it, or with an unmasked /proc)";
}

}  // namespace toolgate

#include "connectors/launcher/shield.hpp"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace toolgate {
namespace {

// A call with this value in that argument gets EPERM.
struct Rule {
  long call;
  unsigned argument;
  pid_t value;
};

constexpr unsigned short load = BPF_LD | BPF_W | BPF_ABS;
constexpr unsigned short is_equal = BPF_JMP | BPF_JEQ | BPF_K;
constexpr unsigned short answer = BPF_RET | BPF_K;

class Program {
 public:
  // The lower half is what the kernel takes of a number of a process.
  void add(const Rule& rule) {
    add_call(rule.call, 3);
    add({load, 0, 0,
         static_cast<std::uint32_t>(offsetof(seccomp_data, args) +
                                    rule.argument * sizeof(std::uint64_t))});
    add({is_equal, 0, 1, static_cast<std::uint32_t>(rule.value)});
    add({answer, 0, 0, SECCOMP_RET_ERRNO | EPERM});
  }
  // A call without this value there gets it.
  void add_other(const Rule& rule) {
    add_call(rule.call, 3);
    add({load, 0, 0,
         static_cast<std::uint32_t>(offsetof(seccomp_data, args) +
                                    rule.argument * sizeof(std::uint64_t))});
    add({is_equal, 1, 0, static_cast<std::uint32_t>(rule.value)});
    add({answer, 0, 0, SECCOMP_RET_ERRNO | EPERM});
  }
  void add_missing(long call) {
    add_call(call, 1);
    add({answer, 0, 0, SECCOMP_RET_ERRNO | ENOSYS});
  }
  bool apply() {
    add({answer, 0, 0, SECCOMP_RET_ALLOW});
    const sock_fprog program{static_cast<unsigned short>(used_), steps_};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
  }

 private:
  void add_call(long call, unsigned char others) {
    add({load, 0, 0, static_cast<std::uint32_t>(offsetof(seccomp_data, nr))});
    add({is_equal, 0, others, static_cast<std::uint32_t>(call)});
  }
  void add(const sock_filter& step) { steps_[used_++] = step; }

  sock_filter steps_[128] = {};
  std::size_t used_ = 0;
};

}  // namespace

bool shield(pid_t supervisor, pid_t group) {
  const Rule rules[] = {
      {SYS_kill, 0, supervisor},
      {SYS_kill, 0, -1},  // everybody
      {SYS_kill, 0, -group},
      {SYS_tkill, 0, supervisor},
      {SYS_tgkill, 0, supervisor},
      {SYS_tgkill, 1, supervisor},
      {SYS_rt_sigqueueinfo, 0, supervisor},
      {SYS_rt_tgsigqueueinfo, 0, supervisor},
      {SYS_rt_tgsigqueueinfo, 1, supervisor},
      {SYS_pidfd_open, 0, supervisor},
      // What comes on a descriptor is sent to its owner as any signal; but for this as SIGIO, which
      // the supervisor does not take.
      {SYS_fcntl, 1, F_SETSIG},
      {SYS_sched_setaffinity, 0, supervisor},
      {SYS_sched_setscheduler, 0, supervisor},
      {SYS_sched_setparam, 0, supervisor},
      {SYS_sched_setattr, 0, supervisor},
      {SYS_setpriority, 1, supervisor},
      {SYS_ioprio_set, 1, supervisor},
  };
  Program program;
  for (const Rule& rule : rules) program.add(rule);
  // Those of a group, or of the user: the supervisor's too.
  program.add_other({SYS_setpriority, 0, PRIO_PROCESS});
  constexpr pid_t one_process = 1;  // IOPRIO_WHO_PROCESS
  program.add_other({SYS_ioprio_set, 0, one_process});
  program.add_missing(SYS_pidfd_send_signal);  // it takes a directory of /proc for a process, too
  return program.apply();
}

}  // namespace toolgate

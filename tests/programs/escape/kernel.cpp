// Attacks over calls that a server has no business with: namespaces, mounts, tracing, keyrings.

#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/fanotify.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <ctime>

#include "tests/programs/escape/attacks.hpp"

namespace escape {
namespace {

long leave_namespace(char** a) { return unshare(static_cast<int>(std::strtoul(a[0], nullptr, 0))); }
long clone_with(char** a) {
  return syscall(SYS_clone, std::strtoul(a[0], nullptr, 0) | SIGCHLD, nullptr, nullptr, nullptr, 0);
}
long clone_third(char**) {
  std::uint64_t arguments[11] = {CLONE_NEWUSER};
  return syscall(SYS_clone3, arguments, sizeof arguments);
}
long enter_namespace(char** a) {
  int file = open(a[0], O_RDONLY);
  return setns(file < 0 ? STDIN_FILENO : file, 0);
}
long mount_memory(char** a) { return mount("none", a[0], "tmpfs", 0, ""); }
long mount_again(char** a) { return mount(a[0], a[0], "", MS_BIND, nullptr); }
long remount_writable(char** a) { return mount("none", a[0], "", MS_REMOUNT | MS_BIND, nullptr); }
long take_mount_away(char** a) { return umount2(a[0], MNT_DETACH); }
long change_root(char** a) { return chroot(a[0]); }
long turn_root(char** a) { return syscall(SYS_pivot_root, a[0], a[0]); }
long open_file_system(char**) { return syscall(SYS_fsopen, "proc", 0); }
long copy_mount(char** a) { return syscall(SYS_open_tree, AT_FDCWD, a[0], 1); }
long copy_mount_with_attributes(char** a) {
  constexpr long open_tree_attr = 467;
  return syscall(open_tree_attr, AT_FDCWD, a[0], 1, nullptr, 0);
}
long move_a_mount(char** a) { return syscall(SYS_move_mount, AT_FDCWD, a[0], AT_FDCWD, a[0], 0); }
long change_mount(char** a) {
  std::uint64_t attributes[4] = {0, 1 /* MOUNT_ATTR_RDONLY, to be cleared */, 0, 0};
  return syscall(SYS_mount_setattr, AT_FDCWD, a[0], 0, attributes, sizeof attributes);
}
long trace(char** a) { return ptrace(PTRACE_SEIZE, std::atoi(a[0]), nullptr, nullptr); }
long be_traced(char**) { return ptrace(PTRACE_TRACEME, 0, nullptr, nullptr); }
long read_memory(char** a) {
  char text[8];
  iovec here{text, sizeof text}, there{reinterpret_cast<void*>(0x400000), sizeof text};
  return process_vm_readv(std::atoi(a[0]), &here, 1, &there, 1, 0);
}
long steal_descriptor(char** a) {
  int process = static_cast<int>(syscall(SYS_pidfd_open, std::atoi(a[0]), 0));
  return syscall(SYS_pidfd_getfd, process, 0, 0);
}
long compare_processes(char** a) { return syscall(SYS_kcmp, std::atoi(a[0]), getpid(), 0, 0, 0); }
long add_key(char**) {
  return syscall(SYS_add_key, "user", "escape", "x", 1, KEY_SPEC_SESSION_KEYRING);
}
long request_key(char** a) {
  return syscall(SYS_request_key, "user", a[0], nullptr, KEY_SPEC_SESSION_KEYRING);
}
long search_keyring(char** a) {
  return syscall(SYS_keyctl, KEYCTL_SEARCH, std::atol(a[0]), "user", a[1], 0);
}
long read_key(char** a) {
  char text[64] = {};
  const long count = syscall(SYS_keyctl, KEYCTL_READ, std::atol(a[0]), text, sizeof text - 1);
  if (count >= 0) say("%s", text);
  return count;
}
long set_up_ring(char**) {
  char parameters[256] = {};
  return syscall(SYS_io_uring_setup, 4, parameters);
}
long enter_ring(char**) { return syscall(SYS_io_uring_enter, 0, 1, 0, 0, nullptr, 0); }
long handle_faults(char**) { return syscall(SYS_userfaultfd, O_CLOEXEC | 1); }
long load_program(char**) {
  char attributes[128] = {};
  return syscall(SYS_bpf, 5, attributes, sizeof attributes);
}
long count_events(char**) {
  char attributes[128] = {};
  return syscall(SYS_perf_event_open, attributes, 0, -1, -1, 0);
}
long watch_everything(char**) { return fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID, O_RDONLY); }
long change_segments(char**) { return syscall(SYS_modify_ldt, 0, nullptr, 0); }
long fix_addresses(char**) { return personality(ADDR_NO_RANDOMIZE); }
long fix_addresses_high_bits(char**) { return syscall(SYS_personality, 0x7'0004'0000UL); }
long hide_memory(char**) { return syscall(SYS_memfd_secret, 0); }
long load_kernel(char**) { return syscall(SYS_kexec_load, 0, 0, nullptr, 0); }
long load_module(char**) { return syscall(SYS_init_module, "", 0, ""); }
long read_kernel_log(char**) { return syscall(SYS_syslog, 3, nullptr, 0); }
long name_host(char**) { return sethostname("escape", 6); }
long set_clock(char**) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return clock_settime(CLOCK_REALTIME, &now);
}
long open_ports(char**) { return syscall(SYS_iopl, 3); }
long limit_quota(char**) { return syscall(SYS_quotactl, 0x80000100, "/dev/vda", 0, nullptr); }
long move_memory(char**) { return syscall(SYS_move_pages, 1, 0, nullptr, nullptr, nullptr, 0); }
long swap_here(char** a) { return syscall(SYS_swapon, a[0], 0); }
long account_here(char** a) { return syscall(SYS_acct, a[0]); }

// Another architecture's way in: a call of i386 by its number, and one with x32's bit.
long call_of_i386(char** a) {
#if defined(__x86_64__)
  long result = std::atol(a[0]);
  asm volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
  return result < 0 ? denied(static_cast<int>(-result)) : 0;
#else
  return denied(ENOSYS);
#endif
}
long call_of_x32(char** a) { return syscall(0x4000'0000L | std::atol(a[0])); }

constexpr auto attacks = std::to_array<Attack>({
    {"unshare", leave_namespace},
    {"clone", clone_with},
    {"clone3", clone_third},
    {"setns", enter_namespace},
    {"mount", mount_memory},
    {"mount_again", mount_again},
    {"remount_writable", remount_writable},
    {"umount", take_mount_away},
    {"chroot", change_root},
    {"pivot_root", turn_root},
    {"fsopen", open_file_system},
    {"open_tree", copy_mount},
    {"open_tree_attr", copy_mount_with_attributes},
    {"move_mount", move_a_mount},
    {"mount_setattr", change_mount},
    {"ptrace", trace},
    {"be_traced", be_traced},
    {"read_memory", read_memory},
    {"steal_descriptor", steal_descriptor},
    {"kcmp", compare_processes},
    {"add_key", add_key},
    {"request_key", request_key},
    {"search_keyring", search_keyring},
    {"read_key", read_key},
    {"io_uring_setup", set_up_ring},
    {"io_uring_enter", enter_ring},
    {"userfaultfd", handle_faults},
    {"bpf", load_program},
    {"perf", count_events},
    {"fanotify", watch_everything},
    {"modify_ldt", change_segments},
    {"personality", fix_addresses},
    {"personality_high_bits", fix_addresses_high_bits},
    {"memfd_secret", hide_memory},
    {"kexec", load_kernel},
    {"init_module", load_module},
    {"syslog", read_kernel_log},
    {"sethostname", name_host},
    {"clock_settime", set_clock},
    {"iopl", open_ports},
    {"quotactl", limit_quota},
    {"move_pages", move_memory},
    {"swapon", swap_here},
    {"acct", account_here},
    {"int80", call_of_i386},
    {"x32", call_of_x32},
});

}  // namespace

std::span<const Attack> kernel_attacks() { return attacks; }

}  // namespace escape

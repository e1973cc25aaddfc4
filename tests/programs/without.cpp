// Runs a command on a host that lacks something:
//
//   without WHAT COMMAND...
//
// bubblewrap, user_namespaces, landlock, seccomp, cgroups: it is really not there for the command
// and what descends from it: /usr/bin/bwrap is /dev/null in a mount namespace of its own; no user
// namespace can be made in one whose limit is 0; the kernel answers the first call of Landlock or
// seccomp with ENOSYS; /sys/fs/cgroup is an empty folder.
//
// memory_to_unshare, memory_to_clone: the kernel answers with ENOMEM when a namespace is to be made
// by unshare(2), as the keeper does, or by clone(2), as bubblewrap does.

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

void need(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "without: %s: %s\n", what, std::strerror(errno));
  std::exit(126);
}

bool write_text(const std::string& file, const std::string& text) {
  const int opened = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
  if (opened < 0) return false;
  const bool good = ::write(opened, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(opened);
  return good;
}

// With the ids that there are already: root keeps all of them, which takes root outside to write.
void enter_user_namespace() {
  const bool is_root = ::geteuid() == 0;
  const std::string user = std::to_string(::geteuid());
  const std::string group = std::to_string(::getegid());
  const std::string users = is_root ? "0 0 4294967295" : user + " " + user + " 1";
  const std::string groups = is_root ? "0 0 4294967295" : group + " " + group + " 1";
  int ends[2];
  need(::pipe(ends) == 0, "pipe");
  const pid_t self = ::getpid();
  const pid_t writer = ::fork();
  if (writer == 0) {
    char entered = 0;
    need(::read(ends[0], &entered, 1) == 1, "the user namespace");
    const std::string process = "/proc/" + std::to_string(self);
    need(is_root || write_text(process + "/setgroups", "deny"), "setgroups");
    need(write_text(process + "/uid_map", users), "uid_map");
    need(write_text(process + "/gid_map", groups), "gid_map");
    std::exit(0);
  }
  need(::unshare(CLONE_NEWUSER) == 0, "a user namespace");
  need(::write(ends[1], "e", 1) == 1, "the writer of the maps");
  int status = 1;
  need(::waitpid(writer, &status, 0) == writer && status == 0, "the maps");
  ::close(ends[0]);
  ::close(ends[1]);
}

void leave_mount_namespace() {
  if (::geteuid() != 0) enter_user_namespace();
  need(::unshare(CLONE_NEWNS) == 0, "a mount namespace");
  need(::mount("", "/", "", MS_REC | MS_SLAVE, nullptr) == 0, "a mount namespace");
}

void hide_cgroups() {
  leave_mount_namespace();
  need(::mount("tmpfs", "/sys/fs/cgroup", "tmpfs", MS_RDONLY, nullptr) == 0, "/sys/fs/cgroup");
}

void hide_bubblewrap() {
  leave_mount_namespace();
  need(::mount("/dev/null", "/usr/bin/bwrap", "", MS_BIND, nullptr) == 0, "/usr/bin/bwrap");
}

void forbid_user_namespaces() {
  enter_user_namespace();
  need(write_text("/proc/sys/user/max_user_namespaces", "0"), "max_user_namespaces");
}

void filter_calls(sock_filter* program, std::size_t length) {
  const sock_fprog filter{static_cast<unsigned short>(length), program};
  need(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
  need(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0, "seccomp");
}

void refuse_call(unsigned number) {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  filter_calls(program, sizeof program / sizeof program[0]);
}

// Where the first argument has one of the flags; it would be too late to look into clone3(2), for
// which everybody has clone(2).
void want_memory(unsigned number) {
  constexpr unsigned namespaces = CLONE_NEWUSER | CLONE_NEWNS;
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 4, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 2),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[0])),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, namespaces, 2, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOMEM),
  };
  filter_calls(program, sizeof program / sizeof program[0]);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 2 ? argv[1] : "";
  if (what == "bubblewrap") {
    hide_bubblewrap();
  } else if (what == "cgroups") {
    hide_cgroups();
  } else if (what == "user_namespaces") {
    forbid_user_namespaces();
  } else if (what == "landlock") {
    refuse_call(SYS_landlock_create_ruleset);
  } else if (what == "seccomp") {
    refuse_call(SYS_seccomp);
  } else if (what == "memory_to_unshare") {
    want_memory(SYS_unshare);
  } else if (what == "memory_to_clone") {
    want_memory(SYS_clone);
  } else {
    std::fprintf(stderr,
                 "usage: without bubblewrap|user_namespaces|landlock|seccomp|cgroups|"
                 "memory_to_unshare|memory_to_clone COMMAND...\n");
    return 2;
  }
  ::execv(argv[2], argv + 2);
  need(false, argv[2]);
}

// Attacks on the supervisor of names: what it judges is changed by other threads between the
// moment in which it looks and the moment in which it acts, or it is held up there. A race has
// FOLDER, a writable scope in which ".envrc" and ".git/hooks/pre-commit" must never appear, and
// succeeds when one of them did.

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <thread>

#include "tests/programs/escape/attacks.hpp"

namespace escape {
namespace {

bool exists(const std::string& path) { return faccessat(AT_FDCWD, path.c_str(), F_OK, 0) == 0; }

// Runs `use` TRIES times while a thread runs `change`. EAGAIN when one way of the race was hardly
// ever taken (`use` says whether what it did was allowed), for then nothing was raced.
long race_of(int tries, const std::function<void()>& change, const std::function<bool()>& use,
             const std::string& forbidden) {
  std::atomic<bool> stop = false;
  std::thread changing([&] {
    while (!stop) change();
  });
  int allowed = 0, refused = 0;
  bool appeared = false;
  for (int i = 0; i < tries && !appeared; ++i) {
    ++(use() ? allowed : refused);
    appeared = exists(forbidden);
  }
  stop = true;
  changing.join();
  if (appeared) return 0;
  say("%d allowed, %d refused: ", allowed, refused);
  const int least = tries / 100;
  return denied(allowed < least || refused < least ? EAGAIN : EPERM);
}

bool makes(int folder, const char* path) {
  const int file = openat(folder, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (file >= 0) close(file);
  return file >= 0;
}

// The text of the path changes: FOLDER/.envrc, FOLDER/_envrc.
long race_text(char** a) {
  std::string path = std::string(a[0]) + "/_envrc";
  volatile char* first = &path[path.size() - std::strlen("_envrc")];
  return race_of(
      std::atoi(a[1]),
      [=] {
        *first = '.';
        *first = '_';
      },
      [&] { return makes(AT_FDCWD, path.c_str()); }, std::string(a[0]) + "/.envrc");
}

// The same of the path that a name is moved to.
long race_move(char** a) {
  const std::string from = std::string(a[0]) + "/from";
  std::string path = std::string(a[0]) + "/_envrc";
  volatile char* first = &path[path.size() - std::strlen("_envrc")];
  return race_of(
      std::atoi(a[1]),
      [=] {
        *first = '.';
        *first = '_';
      },
      [&] {
        makes(AT_FDCWD, from.c_str());
        return rename(from.c_str(), path.c_str()) == 0;
      },
      std::string(a[0]) + "/.envrc");
}

// The descriptor leads to another folder: FOLDER/plain, FOLDER/.git/hooks.
long race_descriptor(char** a) {
  const std::string base = a[0];
  const int plain = open((base + "/plain").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const int hooks = open((base + "/.git/hooks").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const int turn = dup(plain);
  if (plain < 0 || hooks < 0 || turn < 0) return denied(ENOTDIR);
  return race_of(
      std::atoi(a[1]),
      [=] {
        dup2(hooks, turn);
        dup2(plain, turn);
      },
      [=] { return makes(turn, "pre-commit"); }, base + "/.git/hooks/pre-commit");
}

// The working directory, which all threads share, is another one.
long race_working_directory(char** a) {
  const std::string base = a[0];
  const std::string plain = base + "/plain", hooks = base + "/.git/hooks";
  return race_of(
      std::atoi(a[1]),
      [&] {
        if (chdir(hooks.c_str()) != 0 || chdir(plain.c_str()) != 0) std::abort();
      },
      [] { return makes(AT_FDCWD, "pre-commit"); }, hooks + "/pre-commit");
}

// A link on the way leads to another folder.
long race_link(char** a) {
  const std::string base = a[0];
  const std::string turn = base + "/turn", other = base + "/other", path = turn + "/pre-commit";
  if (symlink("plain", turn.c_str()) != 0 || symlink(".git/hooks", other.c_str()) != 0) return -1;
  constexpr unsigned exchange = 2;
  return race_of(
      std::atoi(a[1]),
      [&] { syscall(SYS_renameat2, AT_FDCWD, turn.c_str(), AT_FDCWD, other.c_str(), exchange); },
      [&] { return makes(AT_FDCWD, path.c_str()); }, base + "/.git/hooks/pre-commit");
}

// A folder gets the name ".git" while "hooks" is made in it. SUB has no ".git" yet.
long race_beginning(char** a) {
  const std::string base = std::string(a[0]) + "/sub";
  const std::string plain = base + "/g", git = base + "/.git", hooks = plain + "/hooks";
  if (mkdir(base.c_str(), 0755) != 0 || mkdir(plain.c_str(), 0755) != 0) return -1;
  return race_of(
      std::atoi(a[1]),
      [&] {
        rename(plain.c_str(), git.c_str());
        rename(git.c_str(), plain.c_str());
      },
      [&] {
        const bool made = mkdir(hooks.c_str(), 0755) == 0;
        if (made) rmdir(hooks.c_str());
        return made;
      },
      git + "/hooks");
}

int number(const char* text) { return std::atoi(text); }

// All ways to a process that is not the caller's: PID, in some with a SIGNAL.
long signal_thread(char** a) { return syscall(SYS_tkill, number(a[0]), number(a[1])); }
long signal_thread_of(char** a) {
  return syscall(SYS_tgkill, number(a[0]), number(a[1]), number(a[2]));
}
siginfo_t told(int signal) {
  siginfo_t info{};
  info.si_signo = signal;
  info.si_code = SI_QUEUE;
  info.si_pid = getpid();
  info.si_uid = getuid();
  return info;
}
long queue_signal(char** a) {
  siginfo_t info = told(number(a[1]));
  return syscall(SYS_rt_sigqueueinfo, number(a[0]), number(a[1]), &info);
}
long queue_thread_signal(char** a) {
  siginfo_t info = told(number(a[2]));
  return syscall(SYS_rt_tgsigqueueinfo, number(a[0]), number(a[1]), number(a[2]), &info);
}
long open_process(char** a) { return syscall(SYS_pidfd_open, number(a[0]), 0); }
long signal_by_folder(char** a) {
  const int folder = open(("/proc/" + std::string(a[0])).c_str(), O_RDONLY | O_DIRECTORY);
  return folder < 0 ? -1 : syscall(SYS_pidfd_send_signal, folder, number(a[1]), nullptr, 0);
}
long set_signal_of_descriptor(char** a) { return fcntl(STDIN_FILENO, F_SETSIG, number(a[0])); }
long set_affinity(char** a) {
  cpu_set_t none;
  CPU_ZERO(&none);
  CPU_SET(0, &none);
  return sched_setaffinity(number(a[0]), sizeof none, &none);
}
long set_scheduler(char** a) {
  const sched_param idle{};
  return sched_setscheduler(number(a[0]), SCHED_IDLE, &idle);
}
long set_priority(char** a) {
  constexpr int last = 19;
  return setpriority(PRIO_PROCESS, static_cast<id_t>(number(a[0])), last);
}
long set_priority_of_group(char** a) {
  constexpr int last = 19;
  return setpriority(PRIO_PGRP, static_cast<id_t>(number(a[0])), last);
}
long set_priority_of_user(char**) {
  constexpr int last = 19;
  return setpriority(PRIO_USER, getuid(), last);
}
long set_io_priority_of_user(char**) {
  constexpr int user = 3;
  constexpr int idle = 3 << 13;
  return syscall(SYS_ioprio_set, user, getuid(), idle);
}
long set_io_priority(char** a) {
  constexpr int process = 1;
  constexpr int idle = 3 << 13;
  return syscall(SYS_ioprio_set, process, number(a[0]), idle);
}

constexpr auto attacks = std::to_array<Attack>({
    {"tkill", signal_thread},
    {"tgkill", signal_thread_of},
    {"queue_signal", queue_signal},
    {"queue_thread_signal", queue_thread_signal},
    {"pidfd_open", open_process},
    {"signal_by_folder", signal_by_folder},
    {"set_signal_of_descriptor", set_signal_of_descriptor},
    {"set_affinity", set_affinity},
    {"set_scheduler", set_scheduler},
    {"set_priority", set_priority},
    {"set_io_priority", set_io_priority},
    {"set_priority_of_group", set_priority_of_group},
    {"set_priority_of_user", set_priority_of_user},
    {"set_io_priority_of_user", set_io_priority_of_user},
    {"race_text", race_text},
    {"race_move", race_move},
    {"race_descriptor", race_descriptor},
    {"race_working_directory", race_working_directory},
    {"race_link", race_link},
    {"race_beginning", race_beginning},
});

}  // namespace

std::span<const Attack> race_attacks() { return attacks; }

}  // namespace escape

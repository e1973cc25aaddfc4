// Attacks on other processes, on the terminal, on what a process is started with; and what is not
// allowed to outlive a server.

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/programs/escape/attacks.hpp"

extern char** environ;

namespace escape {
namespace {

long send_signal(char** a) { return kill(std::atoi(a[0]), std::atoi(a[1])); }
// Everybody that may be signalled: those of this attack's own, which are none.
long kill_everybody(char**) {
  signal(SIGCONT, SIG_IGN);
  return kill(-1, SIGCONT);
}
long signal_by_descriptor(char** a) {
  int ends[2];
  if (pipe(ends) != 0 || fcntl(ends[0], F_SETOWN, std::atoi(a[0])) != 0) return -1;
  if (fcntl(ends[0], F_SETFL, O_ASYNC | O_NONBLOCK) != 0) return -1;
  return write(ends[1], "x", 1);
}
// Typed as if the user had.
long type_on_terminal(char** a) {
  const char* text = "touch typed\n";
  const unsigned long request = std::strtoul(a[0], nullptr, 0);
  for (; *text != '\0'; ++text) {
    if (syscall(SYS_ioctl, STDIN_FILENO, request, text) != 0) return -1;
  }
  return 0;
}
long paste_on_console(char**) {
  char command[2] = {3, 0};
  return ioctl(STDIN_FILENO, 0x541cUL, command);
}
long take_terminal(char**) {
  setsid();
  return ioctl(STDIN_FILENO, TIOCSCTTY, 1);
}

long count_descriptors(char**) {
  int count = 0;
  for (int number = 3; number < 4096; ++number) {
    if (fcntl(number, F_GETFD) >= 0) ++count;
  }
  if (count == 0) return denied(EBADF);
  say("%d", count);
  return 0;
}
long has_root(char**) {
  unsigned real = 0, effective = 0, saved = 0;
  getresuid(&real, &effective, &saved);
  return real == 0 || effective == 0 || saved == 0 ? 0 : denied(EPERM);
}
long become_root(char**) { return setresuid(0, 0, 0); }
long has_groups(char**) {
  gid_t groups[64];
  const int count = getgroups(64, groups);
  for (int i = 0; i < count; ++i) {
    if (groups[i] != getgid()) return say("%u", groups[i]), 0;
  }
  return denied(EPERM);
}
// "CapEff CapBnd NoNewPrivs Seccomp", from /proc.
long say_status(char**) {
  FILE* file = std::fopen("/proc/self/status", "r");
  if (file == nullptr) return -1;
  char line[256];
  while (std::fgets(line, sizeof line, file) != nullptr) {
    for (const char* name :
         {"CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:", "NoNewPrivs:", "Seccomp:"}) {
      if (std::strncmp(line, name, std::strlen(name)) != 0) continue;
      say("%llx ", std::strtoull(line + std::strlen(name), nullptr, 16));
    }
  }
  return 0;
}
long say_environment(char**) {
  for (char** entry = environ; *entry != nullptr; ++entry) {
    say("%.*s ", static_cast<int>(std::strcspn(*entry, "=")), *entry);
  }
  return 0;
}
// Whether WORD stands in a file of /proc, whose fields NUL bytes end.
long finds(char** a) {
  int file = open(a[0], O_RDONLY);
  if (file < 0) return -1;
  std::string text;
  char part[4096];
  while (const ssize_t count = read(file, part, sizeof part)) {
    if (count < 0) return -1;
    text.append(part, static_cast<std::size_t>(count));
  }
  return text.find(a[1]) == std::string::npos ? denied(ENODATA) : 0;
}
// Any process in /proc whose environment or memory can be read, but those of this attack.
long read_neighbours(char**) {
  DIR* folder = opendir("/proc");
  if (folder == nullptr) return -1;
  long result = denied(EACCES);
  while (const dirent* entry = readdir(folder)) {
    if (std::atoi(entry->d_name) != 1) continue;
    for (const char* name : {"environ", "mem", "maps", "auxv", "fd/0", "cwd", "root", "exe"}) {
      const std::string path = "/proc/" + std::string(entry->d_name) + "/" + name;
      char text[4096];
      const bool is_link = readlink(path.c_str(), text, sizeof text) >= 0;
      int file = open(path.c_str(), O_RDONLY | O_NONBLOCK);
      if (file < 0 && !is_link) continue;
      if (!is_link && read(file, text, 1) <= 0) continue;
      say("%s ", path.c_str());
      result = 0;
    }
  }
  closedir(folder);
  if (result != 0) errno = EACCES;
  return result;
}

long execute(const char* path, char* const* argv) {
  const pid_t child = fork();
  if (child < 0) return -1;
  if (child == 0) {
    int nothing = open("/dev/null", O_RDWR);
    dup2(nothing, 1);
    dup2(nothing, 2);
    execve(path, argv, environ);
    _exit(errno);
  }
  int status = 0;
  waitpid(child, &status, 0);
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
  return code == 0 ? 0 : denied(code);
}
long execute_file(char** a) { return execute(a[0], a); }
// Not a boundary, and documented so: the bytes are the server's own anyway.
long execute_memory(char**) {
  int from = open("/bin/true", O_RDONLY);
  int memory = memfd_create("x", 0);
  char part[65536];
  while (const ssize_t count = read(from, part, sizeof part)) {
    if (count < 0 || write(memory, part, static_cast<std::size_t>(count)) != count) return -1;
  }
  const std::string path = "/proc/self/fd/" + std::to_string(memory);
  char name[] = "true";
  char* argv[] = {name, nullptr};
  return execute(path.c_str(), argv);
}
// A set-user-id program says whom it runs as.
long gain_privileges(char**) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0) return 0;
  return -1;
}
long core_limit(char**) {
  rlimit limit{};
  getrlimit(RLIMIT_CORE, &limit);
  if (limit.rlim_max <= 1) return denied(EPERM);
  return 0;
}
// A core that a program of the host takes (core_pattern "|...") has no limit but this one: of 1.
long core_into_pipe(char**) {
  rlimit limit{};
  getrlimit(RLIMIT_CORE, &limit);
  return limit.rlim_cur == 1 && limit.rlim_max == 1 ? denied(EPERM) : 0;
}
long raise_limit(char**) {
  rlimit limit{RLIM_INFINITY, RLIM_INFINITY};
  return setrlimit(RLIMIT_NPROC, &limit);
}
long raise_priority(char**) { return setpriority(PRIO_PROCESS, 0, -20); }
long spare_from_killing(char**) {
  int file = open("/proc/self/oom_score_adj", O_WRONLY);
  return file < 0 ? -1 : write(file, "-1000", 5);
}

// Leaves COUNT processes behind that have their own session, ignore every signal and hold no pipe.
// Their command line says MARK.
long leave_daemons(char** a) {
  for (int i = 0; i < std::atoi(a[0]); ++i) {
    if (fork() != 0) continue;
    if (fork() != 0) _exit(0);
    setsid();
    if (fork() != 0) _exit(0);
    for (int number = 1; number < NSIG; ++number) signal(number, SIG_IGN);
    for (int number = 0; number < 64; ++number) close(number);
    std::string seconds = "300";
    char* argv[] = {a[1], seconds.data(), nullptr};
    execve("/bin/sleep", argv, environ);
    _exit(1);
  }
  while (waitpid(-1, nullptr, 0) > 0) continue;
  return 0;
}
long storm_of_zombies(char**) {
  for (int i = 0; i < 500; ++i) {
    const pid_t child = fork();
    if (child < 0) break;
    if (child == 0) {
      if (fork() == 0) _exit(0);
      kill(1, SIGTERM);
      kill(1, SIGSTOP);
      _exit(0);
    }
    waitpid(child, nullptr, 0);
  }
  return 0;
}

constexpr auto attacks = std::to_array<Attack>({
    {"kill", send_signal},
    {"kill_everybody", kill_everybody},
    {"signal_by_descriptor", signal_by_descriptor},
    {"type_on_terminal", type_on_terminal},
    {"paste_on_console", paste_on_console},
    {"take_terminal", take_terminal},
    {"descriptors", count_descriptors},
    {"has_root", has_root},
    {"become_root", become_root},
    {"has_groups", has_groups},
    {"status", say_status},
    {"environment", say_environment},
    {"finds", finds},
    {"read_neighbours", read_neighbours},
    {"execute", execute_file},
    {"execute_memory", execute_memory},
    {"gain_privileges", gain_privileges},
    {"core_limit", core_limit},
    {"core_into_pipe", core_into_pipe},
    {"raise_limit", raise_limit},
    {"raise_priority", raise_priority},
    {"spare_from_killing", spare_from_killing},
    {"leave_daemons", leave_daemons},
    {"storm_of_zombies", storm_of_zombies},
});

}  // namespace

std::span<const Attack> process_attacks() { return attacks; }

}  // namespace escape

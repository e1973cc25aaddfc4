// The driver of runsc(8): the program that the launcher executes in the tier `gvisor`, in a sandbox
// of the tier `process` with nothing taken off. It starts runsc's two inner processes by hand
// - the gofer, which opens the files that the machine asks for: the only process that does. Mounts,
//   Landlock and the supervisor of names hold it as they would hold a server;
// - the sandbox itself, with the kernel that the server runs on and no way to open a file;
// tells them to start, and stays as their parent. Not `runsc run`: that makes namespaces and mounts
// of its own, which nothing under Landlock may, so its gofer would be bound by mounts alone.
//
//   runsc-driver FILE_MB MEMORY_MB MOUNTS    the longest file; the memory of the whole machine; how
//                                            many mounts of the bundle the gofer serves
//
// The status pipe is its own (orders.hpp): it says that the server was executed when the first
// process of the machine does. Sources: runsc of 2022-12-19, runsc/container/container.go and
// runsc/sandbox/sandbox.go.

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "connectors/launcher/refusal.hpp"
#include "connectors/launcher/runsc_control.hpp"
#include "connectors/launcher/runsc_orders.hpp"
#include "connectors/launcher/steps.hpp"

namespace {

using namespace toolgate;

constexpr std::uint64_t megabyte = std::uint64_t{1} << 20;
// runsc takes memory for its machine in files that double from here on.
constexpr std::uint64_t least_memory = 1024 * megabyte;

pid_t gofer = -1;
pid_t sandbox = -1;
int words = -1;  // what runsc writes to its stderr before it gives up

[[noreturn]] void end(int status) {
  for (pid_t child : {sandbox, gofer}) {
    if (child > 0) kill(child, SIGKILL);
  }
  _exit(status);
}

// The step, and the line in which runsc says what it died of.
[[noreturn]] void refuse_runsc(const char* step) {
  if (sandbox > 0) kill(sandbox, SIGKILL);
  if (gofer > 0) kill(gofer, SIGKILL);
  while (waitpid(-1, nullptr, 0) > 0) continue;
  char said[300] = {};
  const ssize_t count = pread(words, said, sizeof said - 1, 0);
  if (count > 0) said[std::strcspn(said, "\n")] = '\0';
  char text[480];
  std::snprintf(text, sizeof text, "runsc: %s%s%s", step, count > 0 ? ": " : "", said);
  say_and_end(LauncherSays::refused, text);
}

// Descriptors that one of runsc's processes is started with.
class Handed {
 public:
  void add(int number) {
    if (count_ == most) refuse_orders();
    numbers_[count_++] = number;
  }
  void keep_on_execution() const {
    for (std::size_t i = 0; i < count_; ++i) fcntl(numbers_[i], F_SETFD, 0);
  }
  void close_all() const {
    for (std::size_t i = 0; i < count_; ++i) close(numbers_[i]);
  }

 private:
  static constexpr std::size_t most = 16 + runsc_most_mounts;
  int numbers_[most] = {};
  std::size_t count_ = 0;
};

[[noreturn]] void become(char** argv, const Handed& handed, int output, std::uint64_t file_bytes) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setsid();  // the keeper's SIGTERM is for the server alone
  const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (nothing < 0 || dup2(nothing, 0) < 0 || dup2(output < 0 ? nothing : output, 1) < 0 ||
      dup2(words, 2) < 0) {
    _exit(127);
  }
  handed.keep_on_execution();
  limit_resource(RLIMIT_FSIZE, file_bytes);
  // A file that gets too long is an error for who writes it, and not the end of the process.
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGXFSZ);
  sigprocmask(SIG_SETMASK, &blocked, nullptr);
  char* environment[] = {nullptr};
  execve(runsc_program, argv, environment);
  dprintf(2, "%s: %s\n", runsc_program, std::strerror(errno));
  _exit(127);
}

void check_version() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) refuse("a pipe");
  const pid_t child = fork();
  if (child < 0) refuse("a process");
  if (child == 0) {
    char name[] = "runsc";
    char option[] = "--version";
    char* argv[] = {name, option, nullptr};
    become(argv, Handed(), ends[1], RLIM_INFINITY);
  }
  close(ends[1]);
  char said[256] = {};
  std::size_t length = 0;
  for (ssize_t count = 1; count > 0 && length + 1 < sizeof said;) {
    count = read(ends[0], said + length, sizeof said - 1 - length);
    if (count > 0) length += static_cast<std::size_t>(count);
  }
  close(ends[0]);
  waitpid(child, nullptr, 0);
  said[std::strcspn(said, "\n")] = '\0';
  if (length == 0) refuse_runsc("it does not say its version");
  if (std::strcmp(said, runsc_known_version) == 0) return;
  char text[480];
  std::snprintf(text, sizeof text,
                "the installed runsc is \"%s\", and this build knows how to drive \"%s\" alone: "
                "install that one (Debian 12: apt-get install runsc)",
                said, runsc_known_version);
  say_and_end(LauncherSays::refused, text);
}

// Nothing makes a socket any more: runsc's processes get those that there are.
void forbid_sockets() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  apply_filter(sock_fprog{sizeof filter / sizeof filter[0], filter});
}

// One option with a number; lives as long as the process that is executed with it.
char* option(const char* name, int number) {
  char* text = nullptr;
  if (asprintf(&text, "--%s=%d", name, number) < 0) refuse("memory");
  return text;
}

char* copy(const char* text) {
  char* own = strdup(text);
  if (own == nullptr) refuse("memory");
  return own;
}

// What both have in common. No network, no sockets of the host, nothing cached of files that others
// may change; nor are files kept open that nobody inside has open any more (dcache): the supervisor
// of names sees each time that one is opened for writing. The namespaces and limits are those of
// the sandbox around.
class Command {
 public:
  explicit Command(const char* name) {
    add(copy(name));
    for (const char* flag : {"--platform=ptrace", "--network=none", "--rootless",
                             "--ignore-cgroups", "--overlay2=none", "--host-uds=none",
                             "--file-access=shared", "--file-access-mounts=shared", "--dcache=0"}) {
      add(copy(flag));
    }
  }
  void add(char* word) {
    if (count_ + 1 >= most) refuse_orders();
    argv_[count_++] = word;
  }
  char** argv() { return argv_; }

 private:
  static constexpr std::size_t most = 32 + runsc_most_mounts;
  char* argv_[most] = {};
  std::size_t count_ = 0;
};

int open_bundle() {
  const int file = open(runsc_bundle_file, O_RDONLY | O_CLOEXEC);
  if (file < 0) refuse("the bundle");
  return file;
}

// The ends of what the two processes talk over.
struct Lines {
  std::size_t count;                    // of those that follow
  int files[runsc_most_mounts + 1][2];  // requests for files: of the root, then of each mount
  int mounts[2];                        // the gofer's list of mounts
  int ready[2];                         // the sandbox says that it listens
  ControlSockets control;

  explicit Lines(std::size_t mounts_served) : count(mounts_served + 1) {
    bool made = pipe2(mounts, O_CLOEXEC) == 0 && pipe2(ready, O_CLOEXEC) == 0 &&
                make_control_sockets(control);
    for (std::size_t i = 0; i < count; ++i) {
      made = made && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, files[i]) == 0;
    }
    if (!made) refuse("the sockets of runsc");
  }
};

void hand(Command& command, Handed& handed, const char* name, int number) {
  command.add(option(name, number));
  handed.add(number);
}

void start_gofer(const Lines& lines, std::uint64_t file_bytes) {
  Handed handed;
  Command command("runsc-gofer");
  // Then it serves "/" as it finds it. Its chroot("/") has no effect and needs none: the filter of
  // the launcher answers it (system_calls.hpp).
  command.add(copy("--TESTONLY-unsafe-nonroot"));
  for (const char* word : {"gofer", "--apply-caps=false", "--setup-root=false", "--bundle"}) {
    command.add(copy(word));
  }
  command.add(copy(runsc_bundle));
  hand(command, handed, "spec-fd", open_bundle());
  hand(command, handed, "mounts-fd", lines.mounts[1]);
  for (std::size_t i = 0; i < lines.count; ++i) hand(command, handed, "io-fds", lines.files[i][1]);
  gofer = fork();
  if (gofer < 0) refuse("the gofer");
  if (gofer == 0) become(command.argv(), handed, -1, file_bytes);
  handed.close_all();
}

void start_sandbox(const Lines& lines, std::uint64_t memory_bytes) {
  Handed handed;
  Command command("runsc-sandbox");
  command.add(copy("boot"));
  command.add(copy("--bundle"));
  command.add(copy(runsc_bundle));
  hand(command, handed, "spec-fd", open_bundle());
  hand(command, handed, "mounts-fd", lines.mounts[0]);
  hand(command, handed, "start-sync-fd", lines.ready[1]);
  hand(command, handed, "controller-fd", lines.control.listening);
  for (std::size_t i = 0; i < lines.count; ++i) hand(command, handed, "io-fds", lines.files[i][0]);
  for (int number = 0; number <= 2; ++number) {
    const int copied = fcntl(number, F_DUPFD_CLOEXEC, 3);
    if (copied < 0) refuse("the server's pipes");
    hand(command, handed, "stdio-fds", copied);
  }
  char* memory = nullptr;
  if (asprintf(&memory, "--total-memory=%llu", static_cast<unsigned long long>(memory_bytes)) < 0) {
    refuse("memory");
  }
  command.add(memory);
  command.add(copy("server"));
  std::uint64_t most = least_memory;
  while (most < memory_bytes) most *= 2;
  sandbox = fork();
  if (sandbox < 0) refuse("the sandbox");
  if (sandbox == 0) become(command.argv(), handed, -1, most);
  handed.close_all();
}

// The server's pipes belong to the machine alone, or nobody would ever see their end.
void let_go_of_pipes() {
  const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int number = 0; number <= 2; ++number) {
    if (nothing < 0 || dup2(nothing, number) < 0) close(number);
  }
}

// The file that the first process says in, and what wakes us when it does.
struct Word {
  int file;
  int changes;

  Word() : file(open(runsc_word_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) {
    changes = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (file < 0 || changes < 0 || inotify_add_watch(changes, runsc_word_path, IN_MODIFY) < 0) {
      refuse("the word of the first process");
    }
  }
  // What stands there may be the server's, which has the first process's user: of all that the
  // launcher may say nothing but an errno is believed, and no text.
  [[noreturn]] static void fail_as(const char* said, std::size_t length) {
    std::size_t digits = 1;
    while (digits < length && said[digits] >= '0' && said[digits] <= '9') ++digits;
    if (said[0] != static_cast<char>(LauncherSays::not_executed) || digits != length ||
        length < 2 || length > 5) {
      refuse_runsc("its first process could not start the server");
    }
    [[maybe_unused]] const ssize_t written = write(launcher_status_number, said, length);
    end(launcher_refused_status);
  }
  // Passes it on. Whether there was one; ends when it says that nothing was executed.
  bool pass_on() {
    char events[4096];
    while (read(changes, events, sizeof events) > 0) continue;
    char said[512];
    const ssize_t count = pread(file, said, sizeof said, 0);
    if (count <= 0) return false;
    const bool executing = said[0] == static_cast<char>(LauncherSays::executing);
    if (!executing) fail_as(said, static_cast<std::size_t>(count));
    if (write(launcher_status_number, said, 1) != 1) end(launcher_refused_status);
    close(launcher_status_number);
    unlink(runsc_word_path);
    close(changes);
    close(file);
    return true;
  }
};

// Until the machine has ended; its status is the server's.
int watch(Word& word, int signals) {
  bool has_started = false;
  for (;;) {
    pollfd watched[2] = {{signals, POLLIN, 0}, {has_started ? -1 : word.changes, POLLIN, 0}};
    if (poll(watched, 2, -1) < 0 && errno != EINTR) end(launcher_refused_status);
    signalfd_siginfo got{};
    while (read(signals, &got, sizeof got) == sizeof got) {
      // Passed on to the first process.
      if (got.ssi_signo == SIGTERM) kill(sandbox, SIGTERM);
    }
    if (!has_started) has_started = word.pass_on();
    int status = 0;
    for (pid_t one = 0; (one = waitpid(-1, &status, WNOHANG)) > 0;) {
      if (one != sandbox) continue;
      sandbox = -1;
      if (!has_started && !word.pass_on()) refuse_runsc("it ended before the server was started");
      return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  fcntl(launcher_status_number, F_SETFD, FD_CLOEXEC);
  if (argc != 4) refuse_orders();
  const std::uint64_t file_bytes = std::strtoull(argv[1], nullptr, 10) * megabyte;
  const std::uint64_t memory_bytes = std::strtoull(argv[2], nullptr, 10) * megabyte;
  const std::size_t mounts = std::strtoul(argv[3], nullptr, 10);
  if (file_bytes == 0 || memory_bytes == 0 || mounts > runsc_most_mounts) refuse_orders();
  words = memfd_create("runsc", MFD_CLOEXEC);
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  const int signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
  if (words < 0 || signals < 0) refuse("memory for runsc");
  check_version();
  const Lines lines(mounts);
  forbid_sockets();
  Word word;
  start_gofer(lines, file_bytes);
  start_sandbox(lines, memory_bytes);
  let_go_of_pipes();
  char ready = 1;
  if (read(lines.ready[0], &ready, 1) != 1) refuse_runsc("its sandbox did not start");
  if (!ask_control(lines.control.connected, request_loopback)) {
    refuse_runsc("it gave the machine no loopback");
  }
  if (!ask_control(lines.control.connected, request_start)) {
    refuse_runsc("it did not start the machine");
  }
  close(lines.control.connected);
  end(watch(word, signals));
}

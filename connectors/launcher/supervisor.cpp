#include "connectors/launcher/supervisor.hpp"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "connectors/launcher/handover.hpp"
#include "connectors/launcher/name_calls.hpp"

namespace toolgate {
namespace {

// Newer than some headers: once the supervisor has a call, only a fatal signal takes it back.
constexpr unsigned wait_killable = 1U << 5;

sigset_t before_supervision;

void block_signals() {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before_supervision);
}

// The number after "NAME:" in /proc/PID/status.
long number_after(const char* status, const char* name, int base) {
  const char* line = std::strstr(status, name);
  return line == nullptr ? -1 : std::strtol(line + std::strlen(name), nullptr, base);
}

class Supervisor {
 public:
  Supervisor(pid_t child, int listener, const Guard& guard)
      : child_(child), listener_(listener), guard_(guard) {}

  int run() {
    seccomp_notif_sizes sizes{};
    if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) != 0) return give_up();
    request_size_ = sizes.seccomp_notif;
    request_ = static_cast<seccomp_notif*>(std::calloc(1, request_size_));
    response_ = static_cast<seccomp_notif_resp*>(std::calloc(1, sizes.seccomp_notif_resp));
    sigset_t all;
    sigfillset(&all);
    const int signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
    if (request_ == nullptr || response_ == nullptr || signals < 0) return give_up();
    pollfd watched[2] = {{signals, POLLIN, 0}, {listener_, POLLIN, 0}};
    for (;;) {
      if (poll(watched, 2, -1) < 0) continue;
      signalfd_siginfo got{};
      while (read(signals, &got, sizeof got) == sizeof got) pass_on(got.ssi_signo);
      if (watched[0].revents != 0 && has_ended()) return status_;
      if ((watched[1].revents & POLLIN) != 0) serve();
      if ((watched[1].revents & POLLHUP) != 0) watched[1].fd = -1;
    }
  }

 private:
  // The sandbox ends with its first process, which is waiting for this one.
  int give_up() {
    kill(child_, SIGKILL);
    return 125;
  }

  // The keeper asks the whole process group to end; the server may have left it.
  void pass_on(unsigned signal) {
    if (signal == SIGTERM && getpgid(child_) != getpgrp()) kill(child_, SIGTERM);
  }

  // What the server leaves behind becomes a child of this process.
  bool has_ended() {
    int status = 0;
    bool ended = false;
    for (pid_t one = 0; (one = waitpid(-1, &status, WNOHANG)) > 0;) {
      if (one != child_) continue;
      ended = true;
      status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    return ended;
  }

  void serve() {
    std::memset(request_, 0, request_size_);
    if (ioctl(listener_, SECCOMP_IOCTL_NOTIF_RECV, request_) != 0) return;
    Caller caller;
    OpenFile memory;
    const int stranger = meet(caller, memory);
    if (stranger != 0) return answer(stranger);
    std::uint64_t arguments[6];
    for (int i = 0; i < 6; ++i) arguments[i] = request_->data.args[i];
    const NameCallResult result = make_name_call(caller, guard_, request_->data.nr, arguments);
    if (result.goes_on) return answer(0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
    if (result.error == 0 && result.file) {
      answer_with(result);
    } else {
      answer(result.error);
    }
  }

  // Who called; its entry in /proc is its own as long as its call waits.
  int meet(Caller& caller, OpenFile& memory) {
    caller.thread = static_cast<pid_t>(request_->pid);
    char path[64];
    char status[4096];
    std::snprintf(path, sizeof path, "/proc/%d/status", caller.thread);
    OpenFile file(open(path, O_RDONLY | O_CLOEXEC));
    const ssize_t length = file ? read(file.number(), status, sizeof status - 1) : -1;
    if (length <= 0) return EPERM;
    status[length] = '\0';
    const long process = number_after(status, "\nTgid:", 10);
    const long umask = number_after(status, "\nUmask:", 8);
    std::snprintf(path, sizeof path, "/proc/%d/mem", caller.thread);
    memory.reset(open(path, O_RDONLY | O_CLOEXEC));
    if (process <= 0 || umask < 0 || !memory) return EPERM;
    caller.process = static_cast<pid_t>(process);
    caller.umask = static_cast<mode_t>(umask);
    caller.memory = memory.number();
    return ioctl(listener_, SECCOMP_IOCTL_NOTIF_ID_VALID, &request_->id) == 0 ? 0 : EINTR;
  }

  void answer(int error, unsigned flags = 0) {
    *response_ = {};
    response_->id = request_->id;
    response_->error = -error;
    response_->flags = flags;
    ioctl(listener_, SECCOMP_IOCTL_NOTIF_SEND, response_);
  }

  void answer_with(const NameCallResult& result) {
    seccomp_notif_addfd added{};
    added.id = request_->id;
    added.flags = SECCOMP_ADDFD_FLAG_SEND;
    added.srcfd = static_cast<unsigned>(result.file.number());
    added.newfd_flags = result.close_on_exec ? O_CLOEXEC : 0;
    if (ioctl(listener_, SECCOMP_IOCTL_NOTIF_ADDFD, &added) < 0) answer(errno);
  }

  pid_t child_;
  int listener_;
  const Guard& guard_;
  seccomp_notif* request_ = nullptr;
  std::size_t request_size_ = 0;
  seccomp_notif_resp* response_ = nullptr;
  int status_ = 125;
};

}  // namespace

pid_t part_from_server(int& socket) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return -1;
  // Before the fork, so that no moment is left in which it could be looked into.
  if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0) return -1;
  block_signals();
  const pid_t child = fork();
  if (child < 0) return -1;
  close(ends[child == 0 ? 0 : 1]);
  socket = ends[child == 0 ? 1 : 0];
  if (child == 0) {
    prctl(PR_SET_DUMPABLE, 1);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigprocmask(SIG_SETMASK, &before_supervision, nullptr);
  }
  return child;
}

bool stop_at_supervisor(const sock_fprog& filter, int socket) {
  const long listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                SECCOMP_FILTER_FLAG_NEW_LISTENER | wait_killable, &filter);
  return listener >= 0 && hand_over(socket, static_cast<int>(listener)) &&
         close(static_cast<int>(listener)) == 0;
}

int supervise(pid_t child, int socket, const Guard& guard) {
  // The server's pipes and what the launcher was started with belong to the server alone.
  const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int number = 0; number <= 2; ++number) {
    if (nothing < 0 || dup2(nothing, number) < 0) close(number);
  }
  const int listener = take_over(socket);
  close(socket);
  // Without a listener the child has ended, or is about to say why.
  return Supervisor(child, listener, guard).run();
}

}  // namespace toolgate

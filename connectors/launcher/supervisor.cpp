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

class Supervisor {
 public:
  Supervisor(pid_t child, int listener, const Rules& rules)
      : child_(child), listener_(listener), rules_(rules) {}

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
      if (poll(watched, 2, -1) < 0) {
        if (errno == EINTR) continue;
        return give_up();
      }
      // Read whatever poll said: the listener hangs up directly before the signal comes.
      bool is_signalled = false;
      signalfd_siginfo got{};
      while (read(signals, &got, sizeof got) == sizeof got) {
        is_signalled = true;
        pass_on(got.ssi_signo);
      }
      if (is_signalled && has_ended()) return status_;
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

  // What the keeper asks for is asked of the server's process group, which it leads.
  void pass_on(unsigned signal) {
    if (signal == SIGTERM) kill(-child_, SIGTERM);
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
    rules_.custody.look();
    std::uint64_t arguments[6];
    for (int i = 0; i < 6; ++i) arguments[i] = request_->data.args[i];
    NameCallResult result = make_name_call(caller, rules_, request_->data.nr, arguments);
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
    std::snprintf(path, sizeof path, "/proc/%d/mem", caller.thread);
    memory.reset(open(path, O_RDONLY | O_CLOEXEC));
    if (!memory) return EPERM;
    caller.memory = memory.number();
    return ioctl(listener_, SECCOMP_IOCTL_NOTIF_ID_VALID, &request_->id) == 0 ? 0 : EINTR;
  }

  void answer(int error, unsigned flags = 0, int value = 0) {
    *response_ = {};
    response_->id = request_->id;
    response_->error = -error;
    response_->val = value;
    response_->flags = flags;
    ioctl(listener_, SECCOMP_IOCTL_NOTIF_SEND, response_);
  }

  // In this order: nothing is emptied that the caller has no room to open, and when the caller goes
  // on, its descriptor is the only one (a file that somebody has open for writing is not executed).
  void answer_with(NameCallResult& result) {
    seccomp_notif_addfd added{};
    added.id = request_->id;
    added.srcfd = static_cast<unsigned>(result.file.number());
    added.newfd_flags = result.close_on_exec ? O_CLOEXEC : 0;
    const int number = ioctl(listener_, SECCOMP_IOCTL_NOTIF_ADDFD, &added);
    if (number < 0) return answer(errno);
    if (result.empties) empty_file(result.file.number());
    result.file.reset(-1);
    answer(0, 0, number);
  }

  pid_t child_;
  int listener_;
  const Rules& rules_;
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
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  const pid_t child = fork();
  if (child < 0) return -1;
  close(ends[child == 0 ? 0 : 1]);
  socket = ends[child == 0 ? 1 : 0];
  if (child == 0) {
    prctl(PR_SET_DUMPABLE, 1);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigprocmask(SIG_SETMASK, &before, nullptr);
  }
  return child;
}

bool stop_at_supervisor(const sock_fprog& filter, int socket) {
  const long listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                SECCOMP_FILTER_FLAG_NEW_LISTENER | wait_killable, &filter);
  return listener >= 0 && hand_over(socket, static_cast<int>(listener)) &&
         close(static_cast<int>(listener)) == 0;
}

int supervise(pid_t child, int socket, const Rules& rules) {
  // The server's pipes and what the launcher was started with belong to the server alone.
  const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int number = 0; number <= 2; ++number) {
    if (nothing < 0 || dup2(nothing, number) < 0) close(number);
  }
  const int listener = take_over(socket);
  close(socket);
  // Without a listener the child has ended, or is about to say why.
  return Supervisor(child, listener, rules).run();
}

}  // namespace toolgate

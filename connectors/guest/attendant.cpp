// The attendant: QEMU's parent, in the sandbox that both run in. To the keeper it is the server: it
// says on the status pipe whether the server in the machine was executed, carries what that writes
// to stdout and stderr, and ends as it ended. QEMU's own words are kept apart from the server's.
//
//   attendant SECONDS QEMU ARGUMENT...    SECONDS: how long the machine may take to start the
//   server
//
// It has the sandbox's rights, and trusts nothing that comes from the machine: a line that it
// cannot read ends it.

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <initializer_list>

#include "connectors/guest/orders.hpp"
#include "connectors/guest/stream.hpp"
#include "connectors/launcher/orders.hpp"
#include "connectors/launcher/refusal.hpp"

namespace {

using namespace toolgate;

// Numbers that nothing is to be given under are far above.
constexpr int out_of_the_way = 64;

int moved(int number) {
  const int copy = fcntl(number, F_DUPFD_CLOEXEC, out_of_the_way);
  if (copy < 0) refuse("a descriptor of the machine");
  close(number);
  return copy;
}

// Of a new pipe; the number is closed on execution.
struct Ends {
  Ends() {
    int both[2];
    if (pipe2(both, O_CLOEXEC) != 0) refuse("a pipe of the machine");
    reading = moved(both[0]);
    writing = moved(both[1]);
    if (!do_not_wait(reading)) refuse("a pipe of the machine");
  }
  int reading;
  int writing;
};

struct Handed {
  int output;
  int errors;
  int control;
  int complaints;
};

[[noreturn]] void become_machine(char** argv, const Handed& handed, pid_t parent) {
  const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  // Signals to the server's group are the attendant's to pass on.
  const bool placed = setpgid(0, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 &&
                      getppid() == parent && nothing >= 0 && dup2(nothing, 1) == 1 &&
                      dup2(handed.complaints, 2) == 2 &&
                      dup2(handed.output, machine_output_number) >= 0 &&
                      dup2(handed.errors, machine_errors_number) >= 0 &&
                      dup2(handed.control, machine_control_number) >= 0;
  if (!placed) _exit(launcher_refused_status);
  close_range(machine_control_number + 1, ~0U, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  char* environment[] = {nullptr};
  execve(argv[0], argv, environment);
  std::fprintf(stderr, "%s: %s\n", argv[0], std::strerror(errno));
  _exit(launcher_refused_status);
}

class Attendant {
 public:
  void start(char** argv, long seconds);
  // The server's status.
  int attend();

 private:
  void wait_and_move();
  void hear_machine();
  void hear_complaints();
  void hear(char* line);
  void hear_signals();
  void executed();
  void failed(const char* line);
  [[noreturn]] void give_up(const char* why);
  int milliseconds_left() const;

  pid_t machine_ = -1;
  int signals_ = -1;
  int control_ = -1;
  int complaints_ = -1;
  int errors_number_ = -1;
  std::time_t start_by_ = 0;
  bool starting_ = true;
  bool machine_has_ended_ = false;
  bool ended_ = false;
  int status_ = 0;
  unsigned long long output_bytes_ = ~0ULL;
  unsigned long long error_bytes_ = ~0ULL;
  char line_[640] = {};
  std::size_t length_ = 0;
  char complaint_[300] = {};
  std::size_t complained_ = 0;
  Stream output_;
  Stream errors_;
};

std::time_t now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec;
}

void Attendant::start(char** argv, long seconds) {
  start_by_ = now() + seconds;
  const Ends output;
  const Ends errors;
  const Ends complaints;
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) refuse("a socket");
  control_ = moved(sockets[0]);
  const int theirs = moved(sockets[1]);
  sigset_t watched;
  sigemptyset(&watched);
  for (int signal : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) sigaddset(&watched, signal);
  sigprocmask(SIG_BLOCK, &watched, nullptr);
  signals_ = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
  const pid_t self = getpid();
  machine_ = signals_ < 0 ? -1 : fork();
  if (machine_ == 0) {
    become_machine(argv, Handed{output.writing, errors.writing, theirs, complaints.writing}, self);
  }
  if (machine_ < 0) refuse("the process of the machine");
  std::signal(SIGPIPE, SIG_IGN);
  for (int number : {output.writing, errors.writing, theirs, complaints.writing}) close(number);
  complaints_ = complaints.reading;
  if (!do_not_wait(control_)) refuse("a socket");
  // Those of the server's pipes whose other ends are the gateway's. stdin is QEMU's alone.
  const int out = moved(STDOUT_FILENO);
  const int err = moved(STDERR_FILENO);
  if (!do_not_wait(out) || !do_not_wait(err)) refuse("the pipes of the server");
  close(STDIN_FILENO);
  output_.connect(output.reading, out);
  errors_.connect(errors.reading, err);
  errors_number_ = err;
}

int Attendant::attend() {
  auto is_complete = [](const Stream& stream, unsigned long long bytes) {
    return stream.carried() >= bytes || stream.is_done();
  };
  while (!ended_ || !is_complete(output_, output_bytes_) || !is_complete(errors_, error_bytes_)) {
    wait_and_move();
  }
  kill(machine_, SIGKILL);
  return status_;
}

int Attendant::milliseconds_left() const {
  if (!starting_) return -1;
  const std::time_t left = start_by_ - now();
  return left > 0 ? static_cast<int>(left) * 1000 + 1000 : 0;
}

void Attendant::wait_and_move() {
  if (starting_ && now() > start_by_) give_up("it did not start in time");
  pollfd watched[5] = {output_.wanted(),
                       errors_.wanted(),
                       {control_, POLLIN, 0},
                       {complaints_, POLLIN, 0},
                       {signals_, POLLIN, 0}};
  if (poll(watched, 5, milliseconds_left()) < 0) return;
  output_.move(watched[0].revents);
  errors_.move(watched[1].revents);
  if (watched[3].revents != 0) hear_complaints();
  if (watched[2].revents != 0) hear_machine();
  if (watched[4].revents != 0) hear_signals();
  if (output_.carried() == output_bytes_) output_.close_target();
  if (machine_has_ended_ && !ended_ && control_ < 0) give_up("it ended by itself");
}

void Attendant::hear_machine() {
  for (;;) {
    if (length_ + 1 == sizeof line_) give_up("its first process said too much");
    const ssize_t count = read(control_, line_ + length_, sizeof line_ - 1 - length_);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) {
      close(control_);
      control_ = -1;
      if (length_ > 0) hear(line_);  // a step that failed is said without an end
      return;
    }
    length_ += static_cast<std::size_t>(count);
    line_[length_] = '\0';
    while (char* end = std::strchr(line_, '\n')) {
      *end = '\0';
      hear(line_);
      length_ -= static_cast<std::size_t>(end + 1 - line_);
      std::memmove(line_, end + 1, length_ + 1);
    }
  }
}

void Attendant::hear(char* line) {
  constexpr char executing = static_cast<char>(LauncherSays::executing);
  if (line[0] == executing && starting_) return executed();
  if (starting_) return failed(line);
  if (line[0] == guest_says_output_ended) {
    output_bytes_ = std::strtoull(line + 1, nullptr, 10);
  } else if (std::sscanf(line + 1, "%d %llu %llu", &status_, &output_bytes_, &error_bytes_) == 3 &&
             line[0] == guest_says_ended && status_ >= 0 && status_ <= 255) {
    ended_ = true;
  } else {
    give_up("its first process was not understood");
  }
}

void Attendant::executed() {
  starting_ = false;
  const char text = static_cast<char>(LauncherSays::executing);
  if (write(launcher_status_number, &text, 1) != 1) _exit(launcher_refused_status);
  close(launcher_status_number);
}

void Attendant::failed(const char* line) {
  kill(machine_, SIGKILL);
  if (line[0] == static_cast<char>(LauncherSays::not_executed)) {
    say_and_end(LauncherSays::not_executed, line + 1);
  }
  char text[sizeof line_ + 64];
  std::snprintf(text, sizeof text, "in the virtual machine: %s", line[0] == '\0' ? "" : line + 1);
  say_and_end(LauncherSays::refused, text);
}

void Attendant::give_up(const char* why) {
  kill(machine_, SIGKILL);
  hear_complaints();
  while (complained_ > 0 && complaint_[complained_ - 1] == '\n') --complained_;
  complaint_[complained_] = '\0';
  char text[512];
  std::snprintf(text, sizeof text - 1, "the virtual machine: %s%s%s", why,
                complained_ > 0 ? "; QEMU said: " : "", complaint_);
  if (starting_) say_and_end(LauncherSays::refused, text);
  // To the tail of the server's stderr, which the gateway keeps.
  std::strcat(text, "\n");
  [[maybe_unused]] ssize_t written = write(errors_number_, text, std::strlen(text));
  _exit(launcher_refused_status);
}

void Attendant::hear_complaints() {
  char part[512];
  for (;;) {
    const ssize_t count = read(complaints_, part, sizeof part);
    if (count < 0) return;
    if (count == 0) {
      close(complaints_);
      complaints_ = -1;
      return;
    }
    const std::size_t room = sizeof complaint_ - 1 - complained_;
    const std::size_t more =
        static_cast<std::size_t>(count) < room ? static_cast<std::size_t>(count) : room;
    std::memcpy(complaint_ + complained_, part, more);
    complained_ += more;
  }
}

void Attendant::hear_signals() {
  signalfd_siginfo got{};
  while (read(signals_, &got, sizeof got) == sizeof got) {
    if (got.ssi_signo == SIGCHLD) continue;
    if (starting_) give_up("it was ended while it started");
    [[maybe_unused]] ssize_t written = write(control_, &guest_hears_terminate, 1);
  }
  for (pid_t one = 0; (one = waitpid(-1, nullptr, WNOHANG)) > 0;) {
    if (one == machine_) machine_has_ended_ = true;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) refuse_orders();
  fcntl(launcher_status_number, F_SETFD, FD_CLOEXEC);
  static Attendant attendant;
  attendant.start(argv + 2, std::strtol(argv[1], nullptr, 10));
  return attendant.attend();
}

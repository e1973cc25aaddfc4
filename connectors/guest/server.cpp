#include "connectors/guest/server.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <initializer_list>

#include "connectors/guest/machine_ports.hpp"
#include "connectors/guest/orders.hpp"
#include "connectors/launcher/refusal.hpp"
#include "connectors/launcher/steps.hpp"

namespace toolgate {
namespace {

struct ServerEnds {
  int input[2];
  int output[2];
  int errors[2];
  int start[2];
};

void say(const char* text) {
  const std::size_t length = std::strlen(text);
  for (std::size_t at = 0; at < length;) {
    const ssize_t count = write(guest_control_number, text + at, length - at);
    if (count > 0) at += static_cast<std::size_t>(count);
    if (count > 0 || errno == EINTR) continue;
    if (errno != EAGAIN) return;
    pollfd watched{guest_control_number, POLLOUT, 0};
    poll(&watched, 1, -1);
  }
}

void make_pipe(int (&ends)[2], int own) {
  if (pipe2(ends, O_CLOEXEC) != 0 || !do_not_wait(ends[own])) refuse("a pipe");
}

void take_place(int from, int number) {
  if (dup2(from, number) != number) refuse("the server's descriptors");
}

void become(GuestUser user) {
  for (int capability = 0; capability < 64; ++capability) {
    if (prctl(PR_CAPBSET_READ, capability, 0, 0, 0) != 1) continue;
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) refuse("giving up capabilities");
  }
  if (syscall(SYS_setgroups, 0, nullptr) != 0 ||
      setresgid(user.group, user.group, user.group) != 0 ||
      setresuid(user.user, user.user, user.user) != 0) {
    refuse("giving up the user id 0");
  }
}

// In the child: as the launcher ends in a sandbox.
[[noreturn]] void become_server(OrderReader& orders, GuestUser user, const ServerEnds& ends) {
  setsid();
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  std::signal(SIGPIPE, SIG_DFL);
  take_place(ends.input[0], STDIN_FILENO);
  take_place(ends.output[1], STDOUT_FILENO);
  take_place(ends.errors[1], STDERR_FILENO);
  close(launcher_orders_number);
  if (dup3(ends.start[1], launcher_status_number, O_CLOEXEC) < 0) _exit(launcher_refused_status);
  close_range(launcher_status_number + 1, ~0U, 0);
  umask(022);
  const char* folder = orders.text();
  const std::uint64_t seconds = limit_resources(orders);
  become(user);
  give_up_privileges();
  if (chdir(folder) != 0) refuse(folder);
  char** argv = orders.list();
  char** environment = orders.list();
  if (argv[0] == nullptr) refuse_orders();
  const Filters filters = orders.filters();
  apply_filter(filters.calls);
  limit_resource(RLIMIT_CPU, seconds);
  execute(argv, environment);
  char error[16];
  std::snprintf(error, sizeof error, "%d", errno);
  say_and_end(LauncherSays::not_executed, error);
}

}  // namespace

void GuestServer::open_ports() {
  int number = 0;
  for (GuestPort port : {GuestPort::input, GuestPort::output, GuestPort::errors}) {
    ports_[number++] = open_port(port);
  }
}

void GuestServer::start(OrderReader& orders, GuestUser user) {
  ServerEnds ends{};
  make_pipe(ends.input, 1);
  make_pipe(ends.output, 0);
  make_pipe(ends.errors, 0);
  make_pipe(ends.start, 0);
  sigset_t ended;
  sigemptyset(&ended);
  sigaddset(&ended, SIGCHLD);
  sigprocmask(SIG_BLOCK, &ended, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  signals_ = signalfd(-1, &ended, SFD_CLOEXEC | SFD_NONBLOCK);
  process_ = signals_ < 0 ? -1 : fork();
  if (process_ == 0) become_server(orders, user, ends);
  if (process_ < 0) refuse("the server's process");
  for (const int theirs : {ends.input[0], ends.output[1], ends.errors[1], ends.start[1]}) {
    close(theirs);
  }
  start_ = ends.start[0];
  input_.connect(ports_[0], ends.input[1]);
  output_.connect(ends.output[0], ports_[1]);
  errors_.connect(ends.errors[0], ports_[2]);
}

void GuestServer::serve() {
  while (!has_ended()) wait_and_move();
  if (start_ >= 0) hear_start();
  end_the_rest();
  while (!output_.is_done() || !errors_.is_done()) wait_and_move();
  sync();
  char text[96];
  std::snprintf(text, sizeof text, "%c%d %llu %llu\n", guest_says_ended, status_,
                static_cast<unsigned long long>(output_.carried()),
                static_cast<unsigned long long>(errors_.carried()));
  say(text);
}

void GuestServer::wait_and_move() {
  pollfd watched[6] = {input_.wanted(),       output_.wanted(),
                       errors_.wanted(),      {guest_control_number, POLLIN, 0},
                       {signals_, POLLIN, 0}, {start_, POLLIN, 0}};
  if (poll(watched, 6, -1) < 0) return;
  input_.move(watched[0].revents);
  // What was said to it is lost once it does not listen any more, as with a pipe.
  if (input_.is_done()) input_.close_target();
  output_.move(watched[1].revents);
  errors_.move(watched[2].revents);
  if (watched[3].revents != 0) hear_attendant();
  if (watched[5].revents != 0) hear_start();
  if (output_.is_done()) say_output_ended();
}

// As the keeper hears it from a launcher: connectors/keeper.cpp.
void GuestServer::hear_start() {
  char text[513];
  const ssize_t count = read(start_, text, sizeof text - 2);
  if (count < 0) return;
  close(start_);
  start_ = -1;
  if (count == 0) return say("x\n");
  text[count] = '\n';
  text[count + 1] = '\0';
  say(text);
}

void GuestServer::hear_attendant() {
  char order = 0;
  while (read(guest_control_number, &order, 1) == 1) {
    if (order == guest_hears_terminate) kill(-process_, SIGTERM);
  }
}

void GuestServer::say_output_ended() {
  if (output_has_ended_) return;
  output_has_ended_ = true;
  char text[32];
  std::snprintf(text, sizeof text, "%c%llu\n", guest_says_output_ended,
                static_cast<unsigned long long>(output_.carried()));
  say(text);
}

bool GuestServer::has_ended() {
  signalfd_siginfo got{};
  while (read(signals_, &got, sizeof got) == sizeof got) continue;
  int status = 0;
  bool ended = false;
  for (pid_t one = 0; (one = waitpid(-1, &status, WNOHANG)) > 0;) {
    if (one != process_) continue;
    ended = true;
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  return ended;
}

// What it left behind holds its pipes open.
void GuestServer::end_the_rest() {
  kill(-1, SIGKILL);
  while (waitpid(-1, nullptr, 0) > 0) continue;
}

}  // namespace toolgate

// The first process of the machine that runsc(8) makes: it takes away from the server what the
// launcher takes away in the tier `process`, starts it, and stays as the parent of whatever loses
// its own. It is read top to bottom; every step fails closed.
//
// It runs on runsc's kernel, which holds no Landlock: files are held on the other side of it, where
// the launcher has put runsc under Landlock and the supervisor of names. The filter of system calls
// is the one of the tier `process`: what it refuses, the emulated kernel is never asked for.

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "connectors/launcher/order_reader.hpp"
#include "connectors/launcher/refusal.hpp"
#include "connectors/launcher/runsc_orders.hpp"
#include "connectors/launcher/shield.hpp"
#include "connectors/launcher/steps.hpp"

namespace {

using namespace toolgate;

struct ServerOrders {
  std::uint64_t seconds;
  char** argv;
  char** environment;
  sock_fprog filter;
};

// What is said from here on goes into the file that the driver watches.
void open_word() {
  const int file = open(runsc_word_path, O_WRONLY | O_CLOEXEC);
  if (file < 0 || (file != launcher_status_number &&
                   dup3(file, launcher_status_number, O_CLOEXEC) != launcher_status_number)) {
    _exit(launcher_refused_status);
  }
  if (file != launcher_status_number) close(file);
}

ServerOrders read_orders() {
  const int file = open(runsc_orders_path, O_RDONLY | O_CLOEXEC);
  if (file < 0) refuse("the orders");
  OrderReader orders(file);
  if (std::strcmp(orders.text(), runsc_orders_version) != 0) refuse_orders();
  if (chdir(orders.text()) != 0) refuse("the working directory");
  ServerOrders server{orders.number(), orders.list(), orders.list(), {}};
  if (server.argv[0] == nullptr) refuse_orders();
  server.filter = orders.filters().calls;
  return server;
}

// In the child. The pipe closes when the server is executed, and brings errno when it is not.
[[noreturn]] void become_server(const ServerOrders& server, const sigset_t& signals, int failure) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const pid_t first = getppid();
  const pid_t group = getpgrp();
  if (setsid() < 0) refuse("a session of its own");
  give_up_privileges();
  if (!shield(first, group)) refuse("the shield of the first process");
  apply_filter(server.filter);
  if (server.seconds > 0) limit_resource(RLIMIT_CPU, server.seconds);
  sigprocmask(SIG_SETMASK, &signals, nullptr);
  execute(server.argv, server.environment);
  const int error = errno;
  [[maybe_unused]] const ssize_t written = write(failure, &error, sizeof error);
  _exit(launcher_refused_status);
}

// Says that the server was executed, or why not and ends.
void say_what_became(int failure) {
  int error = 0;
  ssize_t count = 0;
  do count = read(failure, &error, sizeof error);
  while (count < 0 && errno == EINTR);
  if (count == sizeof error) {
    char text[16];
    std::snprintf(text, sizeof text, "%d", error);
    say_and_end(LauncherSays::not_executed, text);
  }
  // Behind what a step of the child may have said before it ended; the first word counts.
  lseek(launcher_status_number, 0, SEEK_END);
  const char executing = static_cast<char>(LauncherSays::executing);
  if (write(launcher_status_number, &executing, 1) != 1) _exit(launcher_refused_status);
  close(launcher_status_number);
}

// The status that this process, and so the machine, ends with.
int wait_for(pid_t server, const sigset_t& signals) {
  for (;;) {
    int number = 0;
    if (sigwait(&signals, &number) != 0) return launcher_refused_status;
    if (number == SIGTERM && kill(-server, SIGTERM) != 0) kill(server, SIGTERM);
    int status = 0;
    for (pid_t one = 0; (one = waitpid(-1, &status, WNOHANG)) > 0;) {
      if (one != server) continue;
      return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
  }
}

}  // namespace

int main() {
  open_word();
  const ServerOrders server = read_orders();
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  int failure[2];
  if (pipe2(failure, O_CLOEXEC) != 0) refuse("a pipe");
  const pid_t child = fork();
  if (child < 0) refuse("the server's process");
  if (child == 0) become_server(server, before, failure[1]);
  close(failure[1]);
  // The server's pipes belong to it alone, or nobody would ever see their end.
  const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int number = 0; number <= 2; ++number) {
    if (nothing < 0 || dup2(nothing, number) < 0) close(number);
  }
  say_what_became(failure[0]);
  return wait_for(child, all);
}

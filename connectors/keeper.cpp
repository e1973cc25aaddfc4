#include "connectors/keeper.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstring>
#include <exception>
#include <memory>
#include <optional>
#include <string_view>

#include "connectors/janitor.hpp"
#include "connectors/keeper_orders.hpp"
#include "connectors/keeper_server.hpp"
#include "connectors/launcher/orders.hpp"
#include "connectors/sandbox/host.hpp"
#include "connectors/sandbox/process_tree.hpp"

namespace toolgate {
namespace {

constexpr int parent_died = SIGUSR1;
constexpr auto give_up_after = std::chrono::seconds(10);
// The parent of a process, from /proc/PID/stat: "PID (name, any bytes) S PPID ...".
std::optional<int> parent_of(const char* process) {
  char path[64];
  char text[512];
  std::snprintf(path, sizeof path, "/proc/%s/stat", process);
  Descriptor file(::open(path, O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  ssize_t count = ::read(file.number(), text, sizeof text);
  if (count <= 0) return std::nullopt;
  std::string_view stat(text, static_cast<std::size_t>(count));
  std::size_t name_end = stat.rfind(')');
  if (name_end == std::string_view::npos || name_end + 4 >= stat.size()) return std::nullopt;
  std::string_view rest = stat.substr(name_end + 4);
  int parent = 0;
  auto [last, error] = std::from_chars(rest.data(), rest.data() + rest.size(), parent);
  if (error != std::errc()) return std::nullopt;
  return parent;
}

std::optional<int> child_of(int parent) {
  DIR* folder = ::opendir("/proc");
  if (folder == nullptr) return std::nullopt;
  std::optional<int> child;
  while (const dirent* entry = ::readdir(folder)) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    if (parent_of(entry->d_name) != parent) continue;
    child = std::atoi(entry->d_name);
    break;
  }
  ::closedir(folder);
  return child;
}

// SIGKILL to every child. Only children: their ids cannot be reused before this process waits for
// them. What they leave behind becomes a child in turn.
void kill_children() {
  DIR* folder = ::opendir("/proc");
  if (folder == nullptr) return;
  const int self = ::getpid();
  while (const dirent* entry = ::readdir(folder)) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    if (parent_of(entry->d_name) == self) ::kill(std::atoi(entry->d_name), SIGKILL);
  }
  ::closedir(folder);
}

// Until the gateway says so, or is dead. The end of the control socket alone does not tell: while a
// process dies, some of its descriptors are closed before others, and its socket may still listen.
void wait_for_the_gateway(int gateway) {
  Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, gateway, 0)));
  if (!process || ::getppid() != gateway) return;
  pollfd watched[2] = {{process.number(), POLLIN, 0}, {control_number, POLLIN, 0}};
  while (watched[0].revents == 0) {
    if (::poll(watched, 2, -1) < 0 || watched[1].revents == 0) continue;
    char order = 0;
    if (::recv(control_number, &order, 1, MSG_DONTWAIT) == 1) return;
    watched[1].fd = -1;
  }
}

class Keeper {
 public:
  Keeper(ReceivedOrders orders, std::string label)
      : orders_(std::move(orders)), label_(std::move(label)) {}
  // The exit status of the keeper.
  int run();

 private:
  bool limit_tree();
  bool start();
  void watch();
  void started_or_failed();
  void hear_launcher();
  void obey();
  void terminate();
  void signalled();
  void end_everything();
  void wait_for_children();
  void report(KeeperReport::Kind kind, int value, const std::string& text = "");

  ReceivedOrders orders_;
  std::string label_;
  std::unique_ptr<ProcessTree> tree_;
  std::string why_no_tree_;
  Descriptor control_ = Descriptor(control_number);
  Descriptor signals_;
  Descriptor failure_;  // readable once the server was executed (end of file) or could not be
  std::string said_;    // what came out of it from the launcher of a sandbox
  int server_ = -1;
  int status_ = 0;
  bool starting_ = true;
  bool ending_ = false;
  bool ran_out_ = false;  // of the memory of its tree
};

int Keeper::run() {
  sigset_t all;
  ::sigfillset(&all);
  signals_ = Descriptor(::signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!limit_tree()) return 1;
  if (!signals_ || !start()) {
    report(KeeperReport::Kind::not_executed, errno);
    return 1;
  }
  while (!ending_) watch();
  end_everything();
  if (tree_ && tree_->ran_out()) ran_out_ = true;
  tree_.reset();
  remove_leftovers(orders_.leftovers);
  if (starting_) return 0;
  report(KeeperReport::Kind::ended, status_,
         ran_out_ ? "all its processes together reached \"memory_mb\"" : "");
  return 0;
}

// Without one, rlimits alone hold, unless it is required.
bool Keeper::limit_tree() {
  if (!orders_.sandbox || orders_.sandbox->limits.tree == TreeLimit::none) return true;
  TreeLimits limits = tree_limits(*orders_.sandbox);
  if (orders_.frozen) limits.memory_bytes += orders_.frozen->bytes;
  auto tree = ProcessTree::make(label_, limits, orders_.parent);
  if (tree) {
    tree_ = std::move(*tree);
    return true;
  }
  why_no_tree_ = tree.refusal().detail;
  if (orders_.sandbox->limits.tree != TreeLimit::required) return true;
  const bool is_missing = tree.refusal().reason == Reason::uncontained;
  report(is_missing ? KeeperReport::Kind::missing : KeeperReport::Kind::refused, 0,
         "\"require_tree\" asks for limits on all its processes together, and " + why_no_tree_);
  return false;
}

bool Keeper::start() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return false;
  failure_ = Descriptor(ends[0]);
  Descriptor writing(ends[1]);
  const int self = ::getpid();
  server_ = ::fork();
  if (server_ == 0) become_server(orders_, self, writing.number(), tree_.get());
  if (server_ < 0) return false;
  // The pipes belong to the server alone, or nobody would ever see their end.
  Descriptor nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (int number = 0; number <= 2; ++number) {
    if (!nothing || ::dup2(nothing.number(), number) < 0) ::close(number);
  }
  return true;
}

void Keeper::watch() {
  pollfd watched[4] = {{control_.number(), POLLIN, 0},
                       {signals_.number(), POLLIN, 0},
                       {tree_ ? tree_->out_of_memory() : -1, POLLIN, 0},
                       {failure_.number(), POLLIN, 0}};
  if (::poll(watched, failure_ ? 4 : 3, -1) < 0) return;
  if (failure_ && watched[3].revents != 0) started_or_failed();
  if (watched[2].revents != 0) {
    // Said before the kernel ends a process and counts it, which it need not once all is ended
    // here.
    ran_out_ = true;
    ending_ = true;
  }
  if (!ending_ && watched[0].revents != 0) obey();
  if (!ending_ && watched[1].revents != 0) signalled();
}

void Keeper::started_or_failed() {
  if (orders_.sandbox) return hear_launcher();
  char said[1024];
  const ssize_t count = ::read(failure_.number(), said, sizeof said);
  if (count < 0) return;
  failure_.close();
  KeeperReport failure{};
  if (count >= static_cast<ssize_t>(sizeof failure)) {
    std::memcpy(&failure, said, sizeof failure);
    report(failure.kind, failure.value, std::string(said + sizeof failure, said + count));
    ending_ = true;
    return;
  }
  starting_ = false;
  report(KeeperReport::Kind::started, server_);
}

// It says that it executes, and the end of the pipe that this worked.
void Keeper::hear_launcher() {
  char part[512];
  for (;;) {
    const ssize_t count = ::read(failure_.number(), part, sizeof part);
    if (count < 0) return;
    if (count == 0) break;
    said_.append(part, static_cast<std::size_t>(count));
  }
  failure_.close();
  std::string_view said(said_);
  const bool executing = said.starts_with(static_cast<char>(LauncherSays::executing));
  if (executing) said.remove_prefix(1);
  if (executing && said.empty()) {
    starting_ = false;
    if (tree_ && !tree_->holds(server_)) why_no_tree_ = "its cgroup could not be entered";
    report(KeeperReport::Kind::started, server_, why_no_tree_);
    return;
  }
  ending_ = true;
  if (said.starts_with(static_cast<char>(LauncherSays::not_executed))) {
    report(KeeperReport::Kind::not_executed, std::atoi(said_.c_str() + (executing ? 2 : 1)));
  } else if (said.starts_with(static_cast<char>(LauncherSays::tampered))) {
    report(KeeperReport::Kind::tampered, 0, std::string(said.substr(1)));
  } else if (said.starts_with(static_cast<char>(LauncherSays::missing))) {
    report(KeeperReport::Kind::missing, 0, std::string(said.substr(1)));
  } else if (const auto lacking = said_.empty() ? try_namespaces() : std::nullopt) {
    report(KeeperReport::Kind::missing, 0, *lacking);
  } else {
    report(KeeperReport::Kind::refused, 0, std::string(said.substr(said.empty() ? 0 : 1)));
  }
}

void Keeper::obey() {
  char order = 0;
  ssize_t count = ::recv(control_.number(), &order, 1, MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0 || order == static_cast<char>(KeeperOrder::kill)) {
    ending_ = true;
  } else if (order == static_cast<char>(KeeperOrder::terminate)) {
    terminate();
  }
}

// In a sandbox the child is bubblewrap, whose end would be everybody's; its child is the first of
// the pid namespace, and the child of that is the server, which leads its process group, or the
// supervisor of names, which passes this on.
void Keeper::terminate() {
  if (!orders_.sandbox) {
    ::kill(-server_, SIGTERM);
    return;
  }
  const auto first = child_of(server_);
  const auto inner = first ? child_of(*first) : std::nullopt;
  if (inner && ::kill(-*inner, SIGTERM) != 0) ::kill(*inner, SIGTERM);
}

void Keeper::signalled() {
  signalfd_siginfo got{};
  while (::read(signals_.number(), &got, sizeof got) == sizeof got) {
    // A thread of the gateway that ends says the same as the gateway itself; only then the parent
    // changes.
    if (got.ssi_signo == parent_died && ::getppid() != orders_.parent) ending_ = true;
  }
  for (;;) {
    siginfo_t child{};
    if (::waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) != 0 || child.si_pid == 0) return;
    // The server stays unreaped: until then its group id cannot belong to anybody else.
    if (child.si_pid == server_) ending_ = true;
    if (child.si_pid == server_) return;
    ::waitpid(child.si_pid, nullptr, WNOHANG);
  }
}

void Keeper::end_everything() {
  if (starting_ && failure_) started_or_failed();  // it may have been executed in between
  ::kill(-server_, SIGKILL);
  ::kill(server_, SIGKILL);
  const auto deadline = std::chrono::steady_clock::now() + give_up_after;
  while (std::chrono::steady_clock::now() < deadline) {
    for (int status = 0, child = 0;;) {
      child = ::waitpid(-1, &status, WNOHANG);
      if (child < 0 && errno == ECHILD) return;
      if (child <= 0) break;
      if (child == server_) status_ = status;
    }
    kill_children();
    wait_for_children();
  }
}

void Keeper::wait_for_children() {
  pollfd watched{signals_.number(), POLLIN, 0};
  ::poll(&watched, 1, 20);
  signalfd_siginfo got{};
  while (::read(signals_.number(), &got, sizeof got) == sizeof got) continue;
}

void Keeper::report(KeeperReport::Kind kind, int value, const std::string& text) {
  KeeperReport said{kind, value};
  iovec parts[2] = {{&said, sizeof said}, {const_cast<char*>(text.data()), text.size()}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  ::sendmsg(control_.number(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace

bool is_keeper(int argc, char** argv) {
  return argc > 0 && std::string_view(argv[0]) == "toolgate-keeper";
}

int keeper_main(int argc, char** argv) {
  struct stat about{};
  if (::fstat(control_number, &about) != 0 || !S_ISSOCK(about.st_mode) ||
      ::fstat(orders_number, &about) != 0 || !S_ISREG(about.st_mode)) {
    constexpr std::string_view why = "toolgate-keeper is started by toolgate alone\n";
    [[maybe_unused]] ssize_t written = ::write(2, why.data(), why.size());
    return 2;
  }
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  ::close_range(custody_number + 1, ~0U, 0);
  ::fcntl(handoff_number, F_SETFD, FD_CLOEXEC);
  ::fcntl(custody_number, F_SETFD, FD_CLOEXEC);
  ::fcntl(control_number, F_SETFD, FD_CLOEXEC);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  ::prctl(PR_SET_DUMPABLE, 0);  // no server may look into its keeper
  ::prctl(PR_SET_PDEATHSIG, parent_died);
  auto orders = read_keeper_orders(orders_number);
  ::close(orders_number);
  if (!orders) return 2;
  if (orders->argv.empty()) {
    wait_for_the_gateway(orders->parent);
    remove_leftovers(orders->leftovers);
    return 0;
  }
  if (::getppid() != orders->parent) return 2;
  return Keeper(std::move(*orders), argc > 1 ? argv[1] : "").run();
}

}  // namespace toolgate

#include "connectors/keeper_server.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <optional>
#include <string_view>

#include "connectors/launcher/orders.hpp"
#include "connectors/sandbox/enter.hpp"
#include "connectors/sandbox/host.hpp"
#include "connectors/sandbox/staging.hpp"

namespace toolgate {
namespace {

constexpr std::string_view default_path = "/usr/local/bin:/usr/bin:/bin";

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  list.reserve(texts.size() + 1);
  for (std::string& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

// Executes argv[0], looked up in the PATH of `env`. Returns errno. (Not execvp: it hands what it
// cannot execute to /bin/sh.)
int execute(ReceivedOrders& orders) {
  auto argv = pointers(orders.argv);
  auto env = pointers(orders.env);
  const std::string& program = orders.argv.front();
  if (program.find('/') != std::string::npos) {
    ::execve(program.c_str(), argv.data(), env.data());
    return errno;
  }
  std::string_view path = default_path;
  for (const std::string& entry : orders.env) {
    if (entry.starts_with("PATH=")) path = std::string_view(entry).substr(5);
  }
  int error = ENOENT;
  while (!path.empty() && !program.empty()) {
    std::size_t colon = std::min(path.find(':'), path.size());
    std::string_view folder = path.substr(0, colon);
    path.remove_prefix(std::min(colon + 1, path.size()));
    if (!folder.starts_with('/')) continue;
    std::string candidate = std::string(folder) + "/" + program;
    ::execve(candidate.c_str(), argv.data(), env.data());
    if (errno == EACCES) error = EACCES;
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) return errno;
  }
  return error;
}

// The very file that was verified, whatever its path leads to by now.
int execute_open(int program, ReceivedOrders& orders) {
  auto argv = pointers(orders.argv);
  auto env = pointers(orders.env);
  ::execveat(program, "", argv.data(), env.data(), AT_EMPTY_PATH);
  return errno;
}

void reset_signals() {
  struct sigaction normal{};
  normal.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) ::sigaction(number, &normal, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// What a server takes beside its private memory (shared memory, files in memory) is limited by
// nothing but the machine. When that has none left, servers are what it ends first.
void be_ended_first() {
  constexpr std::string_view most_of_all = "1000";
  ::prctl(PR_SET_DUMPABLE, 1);  // or the file would be root's
  Descriptor file(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  ::prctl(PR_SET_DUMPABLE, 0);
  [[maybe_unused]] ssize_t written = ::write(file.number(), most_of_all.data(), most_of_all.size());
}

// In the child: becomes bubblewrap, or says why not as the launcher would.
[[noreturn]] void enter(ReceivedOrders& orders, int keeper, int status) {
  constexpr int out_of_the_way = 64;
  auto moved = [](bool is_there, int number) {
    return is_there ? ::fcntl(number, F_DUPFD_CLOEXEC, out_of_the_way) : -1;
  };
  status = ::fcntl(status, F_DUPFD_CLOEXEC, out_of_the_way);
  const LauncherDescriptors given{status, moved(!orders.sandbox->doors.empty(), handoff_number),
                                  moved(orders.sandbox->stages(), custody_number)};
  SandboxedProgram program{std::move(orders.argv), std::move(orders.env), std::move(orders.cwd)};
  std::string why;
  LauncherSays how = LauncherSays::refused;
  try {
    const FrozenSource* frozen = orders.frozen ? &*orders.frozen : nullptr;
    const Refusal refusal =
        enter_sandbox(*orders.sandbox, program, orders.filters, given, frozen, keeper);
    if (refusal.reason == Reason::uncontained) how = LauncherSays::missing;
    if (refusal.reason == Reason::bad_signature) how = LauncherSays::tampered;
    why = refusal.detail;
  } catch (const std::exception& fault) {
    why = fault.what();
  }
  why.insert(why.begin(), static_cast<char>(how));
  [[maybe_unused]] ssize_t written = ::write(status, why.data(), why.size());
  ::_exit(127);
}

// In the child: into its tree of processes. Whether it got there is asked by the keeper, too.
void enter_tree(const ReceivedOrders& orders, const ProcessTree* tree, int status) {
  if (tree == nullptr || tree->enter() || orders.sandbox->limits.tree != TreeLimit::required)
    return;
  const int error = errno;
  std::string why = "its cgroup cannot be entered (" + std::string(std::strerror(error)) + ")";
  // What merely failed is no loss of a boundary.
  why.insert(why.begin(),
             static_cast<char>(is_lacking(error) ? LauncherSays::missing : LauncherSays::refused));
  [[maybe_unused]] ssize_t written = ::write(status, why.data(), why.size());
  ::_exit(127);
}

void say_failure(int failure, KeeperReport report, const std::string& text = "") {
  std::string said(reinterpret_cast<const char*>(&report), sizeof report);
  said += text;
  [[maybe_unused]] ssize_t written = ::write(failure, said.data(), said.size());
}

// In the child, without a sandbox: what is frozen, in a mount namespace of its own. Comes back with
// the interpreter, or with nothing where the program is executed by its path.
Result<int> show_frozen(const FrozenSource& source, std::optional<FrozenView>& view) {
  auto begun = FrozenView::begin(source);
  if (!begun) return begun.refusal();
  view = std::move(*begun);
  Status left = leave_mount_namespace();
  if (!left) {
    return Refusal(left.refusal().reason,
                   "its verified copy needs a mount namespace: " + left.refusal().detail);
  }
  const std::size_t above = source.at.rfind('/');
  Status made = view->make(source.at.substr(0, above));
  if (!made) return made.refusal();
  return view->interpreter();
}

}  // namespace

void become_server(ReceivedOrders& orders, int keeper, int failure, const ProcessTree* tree) {
  ::setsid();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != keeper) ::_exit(127);
  ::close_range(control_number, ~0U, CLOSE_RANGE_CLOEXEC);
  reset_signals();
  ::umask(orders.umask);
  if (orders.sandbox) {
    enter_tree(orders, tree, failure);
    be_ended_first();
    enter(orders, keeper, failure);
  }
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = std::min(limit.rlim_max, orders.descriptors);
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  std::optional<FrozenView> view;
  int interpreter = -1;
  if (orders.frozen) {
    std::string why;
    bool is_other = false;
    try {
      auto shown = show_frozen(*orders.frozen, view);
      if (shown) interpreter = *shown;
      if (!shown) is_other = shown.refusal().reason == Reason::bad_signature;
      if (!shown) why = shown.refusal().detail;
    } catch (const std::exception& fault) {
      why = fault.what();
    }
    if (!why.empty()) {
      say_failure(failure,
                  {is_other ? KeeperReport::Kind::tampered : KeeperReport::Kind::refused, 0}, why);
      ::_exit(127);
    }
  }
  KeeperReport report{KeeperReport::Kind::no_directory, 0};
  if (!orders.cwd.empty() && ::chdir(orders.cwd.c_str()) != 0) {
    report.value = errno;
  } else {
    report.kind = KeeperReport::Kind::not_executed;
    report.value = interpreter >= 0 ? execute_open(interpreter, orders) : execute(orders);
  }
  say_failure(failure, report);
  ::_exit(127);
}

}  // namespace toolgate

#include "connectors/sandbox/enter.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>

#include "connectors/launcher/orders.hpp"
#include "connectors/sandbox/host.hpp"
#include "connectors/sandbox/machine.hpp"
#include "connectors/sandbox/runsc.hpp"
#include "connectors/sandbox/staging.hpp"

namespace toolgate {
namespace {

// So that nothing which is opened here gets one of the numbers that the launcher expects.
Status reserve_numbers() {
  Descriptor nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (int number : {launcher_orders_number, launcher_status_number, launcher_handoff_number,
                     launcher_custody_number}) {
    if (nothing.number() == number) {
      nothing.release();
      nothing = Descriptor(::open("/dev/null", O_RDWR | O_CLOEXEC));
    } else if (!nothing || ::dup3(nothing.number(), number, O_CLOEXEC) != number) {
      return Refusal(Reason::internal, "/dev/null cannot be opened");
    }
  }
  return done();
}

Result<LauncherRules> rules_for(const SandboxPlan& plan, const CallFilters& filters) {
  const bool is_whole = !filters.calls.empty() && filters.stops.empty() != plan.writes() &&
                        filters.guest.empty() == (plan.tier == SandboxTier::process);
  if (!is_whole) return Refusal(Reason::internal, "its orders lack a filter of system calls");
  auto names = ProtectedNames::make(plan.protect);
  if (!names) return names.refusal();
  return LauncherRules{filters.calls, filters.stops, std::move(*names)};
}

Result<std::vector<ScopeTree>> open_scopes(const SandboxPlan& plan, const ProtectedNames& names) {
  std::vector<ScopeTree> scopes;
  for (const FileScope& scope : plan.files) {
    auto tree = ScopeTree::open(scope, plan);
    if (!tree) return tree.refusal();
    Status held = tree->hold(names);
    if (!held) return held.refusal();
    scopes.push_back(std::move(*tree));
  }
  return scopes;
}

using PathsAndFiles = std::vector<std::pair<std::string, int>>;

bool hand_down(int from, int to) { return from >= 0 && ::dup2(from, to) == to; }

Refusal execute_bubblewrap(int arguments) {
  std::string number = std::to_string(arguments);
  std::string launcher = launcher_path;
  std::string name = "bwrap";
  std::string option = "--args";
  std::string fence = "--";
  std::array<char*, 6> argv = {name.data(),  option.data(),   number.data(),
                               fence.data(), launcher.data(), nullptr};
  std::array<char*, 1> environment = {nullptr};
  ::execve(bubblewrap_program, argv.data(), environment.data());
  return Refusal(Reason::unavailable, std::string(bubblewrap_program) + " cannot be executed (" +
                                          std::strerror(errno) + ")");
}

}  // namespace

Refusal enter_sandbox(const SandboxPlan& plan, const SandboxedProgram& program,
                      const CallFilters& filters, const LauncherDescriptors& given,
                      const FrozenSource* frozen, int parent) {
  if (plan.tier == SandboxTier::gvisor) {
    Status there = check_runsc(plan);
    if (!there) return there.refusal();
  }
  if (const auto lacking = lacking_bubblewrap()) return Refusal(Reason::uncontained, *lacking);
  Status reserved = reserve_numbers();
  if (!reserved) return reserved.refusal();
  auto rules = rules_for(plan, filters);
  if (!rules) return rules.refusal();
  auto scopes = open_scopes(plan, rules->names);
  if (!scopes) return scopes.refusal();
  std::optional<FrozenView> view;
  if (frozen != nullptr) {
    auto begun = FrozenView::begin(*frozen);
    if (!begun) return begun.refusal();
    view = std::move(*begun);
  }
  const bool is_root = ::geteuid() == 0;
  Status left = leave_mount_namespace();
  if (!left) return left.refusal();
  for (ScopeTree& scope : *scopes) {
    Status again = scope.reopen();
    if (!again) return again.refusal();
  }
  if (view) {
    Status made = view->make(frozen->package + '/' + tree_name_in_package);
    if (!made) return made.refusal();
  }
  auto mounts = Mounts::make(plan, *scopes, view ? view->shown() : PathsAndFiles());
  if (!mounts) return mounts.refusal();
  const SandboxUser user = is_root ? sandbox_user(*scopes) : SandboxUser{::geteuid(), ::getegid()};
  Status staged = stage(mounts->all(), user);
  if (!staged) return staged.refusal();
  if (is_root) {
    Status became = become(user);
    if (!became) return became.refusal();
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // cleared with the user id
    if (::getppid() != parent) ::_exit(127);
  }
  std::optional<Machine> machine;
  if (plan.tier == SandboxTier::vm) {
    auto made = make_machine(plan, program, filters.guest);
    if (!made) return made.refusal();
    machine = std::move(*made);
  }
  SandboxFiles files;
  RunscGuest guest{program, ""};
  if (plan.tier == SandboxTier::gvisor) {
    guest = runsc_guest(plan, program, filters.guest, files);
  }
  const SandboxedProgram& executed = machine ? machine->program : guest.driver;
  const int orders = files.add(launcher_orders(plan, executed, *rules));
  const int arguments = files.add(
      guest.arguments + bubblewrap_arguments(plan, *mounts, machine ? program : guest.driver,
                                             machine ? &*machine : nullptr, files));
  for (const Mount& mount : mounts->all()) {
    if (mount.source) ::fcntl(mount.source.number(), F_SETFD, 0);
  }
  if (!hand_down(orders, launcher_orders_number) ||
      !hand_down(given.status, launcher_status_number) ||
      (given.handoff >= 0 && !hand_down(given.handoff, launcher_handoff_number)) ||
      (given.custody >= 0 && !hand_down(given.custody, launcher_custody_number))) {
    return Refusal(Reason::internal, "the descriptors of the launcher cannot be put into place");
  }
  return execute_bubblewrap(arguments);
}

}  // namespace toolgate

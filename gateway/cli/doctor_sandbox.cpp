#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <cerrno>

#include "connectors/sandbox/enter.hpp"
#include "connectors/sandbox/process_tree.hpp"
#include "connectors/sandbox/proof.hpp"
#include "gateway/cli/capabilities.hpp"
#include "gateway/core/task_group.hpp"

namespace toolgate {
namespace {

using State = Capability::State;

constexpr const char* needed_by_process = "tier process";

// The only way to know is to try, in a child.
Capability user_namespaces() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(::unshare(CLONE_NEWUSER) == 0 ? 0 : 1);
  int status = 1;
  const bool works = child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) &&
                     WEXITSTATUS(status) == 0;
  return {"user_namespaces", works ? State::ok : State::missing, needed_by_process,
          works ? ""
                : "sysctl -w kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000; "
                  "on Ubuntu 24.04 an AppArmor profile for bwrap "
                  "(kernel.apparmor_restrict_unprivileged_userns)"};
}

Capability bubblewrap() {
  const bool found = ::access(bubblewrap_program, X_OK) == 0;
  return {"bubblewrap", found ? State::ok : State::missing, needed_by_process,
          found ? "" : std::string("apt-get install bubblewrap (") + bubblewrap_program + ")"};
}

Capability landlock() {
  constexpr unsigned version_flag = 1;
  constexpr long least = 3;
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, version_flag);
  Capability row{"landlock", State::ok, "tier process: file scopes in the kernel", ""};
  if (version > 0) row.needed_for += " (here: version " + std::to_string(version) + ")";
  if (version < 1) {
    row.state = State::missing;
    row.remedy = "a kernel of 6.2 or newer with landlock in its `lsm=` list";
  } else if (version < least) {
    row.state = State::missing;
    row.remedy = "it cannot deny truncation: a kernel of 6.2 or newer";
  } else if (version < 6) {
    row.state = State::degraded;
    row.remedy = version < 4
                     ? "no rules for TCP ports, devices, signals and abstract sockets; namespaces "
                       "and the system call filter hold those: Linux 6.12 has all of them"
                     : "no rules for signals and abstract sockets; namespaces and the system call "
                       "filter hold those: Linux 6.12 has all of them";
  }
  return row;
}

Capability seccomp() {
  const unsigned action = SECCOMP_RET_KILL_PROCESS;
  const bool works = ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
  return {"seccomp", works ? State::ok : State::missing, "tier process: system call filter",
          works ? "" : "a kernel with CONFIG_SECCOMP_FILTER"};
}

Capability open_by_descriptor() {
  const long file = ::syscall(SYS_openat2, AT_FDCWD, "/", nullptr, 0);
  const bool works = file >= 0 || errno != ENOSYS;
  if (file >= 0) ::close(static_cast<int>(file));
  return {"openat2", works ? State::ok : State::missing, "tier process: file scopes",
          works ? "" : "a kernel of 5.6 or newer"};
}

Capability keyring() {
  const pid_t child = ::fork();
  if (child == 0) {
    constexpr int join_session = 1;
    ::_exit(::syscall(SYS_keyctl, join_session, nullptr) >= 0 || errno == ENOSYS ? 0 : 1);
  }
  int status = 1;
  const bool works = child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) &&
                     WEXITSTATUS(status) == 0;
  return {"session_keyring", works ? State::ok : State::missing, needed_by_process,
          works ? "" : "a keyring quota that is not used up (/proc/key-users)"};
}

Capability set_user_id_bubblewrap() {
  struct stat about{};
  const bool bad = ::stat(bubblewrap_program, &about) == 0 && (about.st_mode & S_ISUID) != 0;
  return {"bubblewrap_without_setuid", bad ? State::missing : State::ok, needed_by_process,
          bad ? std::string("chmod u-s ") + bubblewrap_program +
                    " (a bubblewrap that root runs is another program)"
              : ""};
}

// By a process that really enters one.
Capability process_trees() {
  Capability row{"process_trees", State::degraded,
                 "limits on all processes of a server together (memory_mb, processes; "
                 "require_tree)",
                 ""};
  auto tree = ProcessTree::make("doctor", tree_limits(SandboxPlan{}), ::getpid());
  if (!tree) {
    row.remedy = "each process has its limits alone: " + tree.refusal().detail;
    return row;
  }
  const pid_t child = ::fork();
  if (child == 0) ::_exit((*tree)->enter() ? 0 : 1);
  int status = 1;
  const bool works = child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) &&
                     WEXITSTATUS(status) == 0;
  if (works) row.state = State::ok;
  if (!works) row.remedy = "each process has its limits alone: a cgroup of its own was not entered";
  return row;
}

Task<> prove(SandboxProof& proof, SandboxTier tier, Status& status) {
  status = co_await proof.require({tier, false});
  if (status) status = co_await proof.require({tier, true});
}

Capability process_tier() {
  const Status status = prove_tier(SandboxTier::process);
  return {"tier:process", status ? State::ok : State::missing,
          "local servers (isolation \"process\", the default)",
          status ? "" : status.refusal().detail};
}

}  // namespace

Status prove_tier(SandboxTier tier) {
  asio::io_context loop(1);
  SandboxProof proof(loop.get_executor());
  Status status;
  TaskGroup group(loop.get_executor(), "doctor");
  group.spawn(prove(proof, tier, status));
  loop.run();
  return status;
}

void examine_sandbox(Need need, std::vector<Capability>& rows) {
  const std::size_t begin = rows.size();
  for (auto examine : {bubblewrap, set_user_id_bubblewrap, user_namespaces, landlock, seccomp,
                       open_by_descriptor, keyring, process_trees, process_tier}) {
    rows.push_back(examine());
  }
  // Enforced by what the tier is made of: no better than what its proof just said.
  const Capability proven = rows.back();
  rows.push_back({"scope:rw", proven.state, "file scopes, ro and rw", proven.remedy});
  rows.push_back(
      {"scope:rw-no-delete", proven.state,
       "file scopes; staged by default; strict: no rename either, so editors that save by "
       "rename and git do not work in one",
       proven.remedy});
  for (std::size_t i = begin; i < rows.size() && need == Need::later; ++i) {
    if (rows[i].state == State::missing) rows[i].state = State::degraded;
  }
}

}  // namespace toolgate

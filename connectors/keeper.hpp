#pragma once
// The keeper: one tiny supervisor between the gateway and each local server, so that no process is
// ever left.
//
// It is this same program, executed anew from /proc/self/exe under another argv[0]; main() asks
// is_keeper() before it does anything else. Being a process of its own, it outlives a gateway that
// is killed with SIGKILL, and being a child subreaper (prctl(2), PR_SET_CHILD_SUBREAPER) it becomes
// the parent of whatever the server leaves behind, however often that forked or called setsid.
//
// What it does
// - Runs the server in a session of its own; no shell; every descriptor but 0, 1 and 2 closed;
// signals and
//   umask as a login shell would have them. A path without "/" is looked up in the PATH of the
//   server's environment; empty and relative entries of PATH are skipped.
// - Watches the control socket. Its end means that the gateway is dead, in whatever way: everything
// that
//   descends from the server is killed, then the keeper ends. PR_SET_PDEATHSIG says the same once
//   more.
// - Puts a sandboxed server into a cgroup of its own where the host has one to give, and removes it
//   at the end (connectors/sandbox/process_tree.hpp).
// - Passes on orders (terminate, kill) and reports what happened.
// - When the server has exited, kills what it left behind before it says so and ends itself.
// It has its own session and blocks every signal: Ctrl-C at the gateway's terminal reaches no
// server.
//
// Without a server (empty argv) it is a janitor (connectors/janitor.hpp): it waits until the
// gateway is dead, or says so, and removes the files that its orders name.
//
// What it does not protect against: a process that kills its keeper (the same user may). The server
// itself dies with its keeper; grandchildren that have left its session do not. A sandbox's pid
// namespace closes that gap. A process that no signal can end (uninterruptible sleep) is given up
// after ten seconds.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "connectors/descriptor.hpp"
#include "connectors/frozen/view.hpp"
#include "connectors/sandbox/plan.hpp"
#include "gateway/core/result.hpp"

namespace toolgate {

bool is_keeper(int argc, char** argv);
// Never returns to what main() does otherwise: return its value from main().
int keeper_main(int argc, char** argv);

// What to run. `env` is the whole environment of the server.
struct KeeperOrders {
  std::vector<std::string> argv;
  std::map<std::string, std::string> env;
  std::string cwd;  // empty: stay where the gateway is
  std::uint32_t umask = 022;
  // To be removed at the end, whatever that was: files and folders. A keeper without a server is
  // there for them alone.
  std::vector<std::string> leftovers;
  // Where the server runs; without it, with the gateway's own rights. With it `cwd` is a path in
  // the sandbox.
  std::optional<SandboxPlan> sandbox;
  // What the server runs from, when it is frozen: verified in the child, and shown to it alone. In
  // a sandbox, a program of the plan.
  std::optional<FrozenSource> frozen;
};

// What the keeper says, one datagram each; a text may follow.
struct KeeperReport {
  enum class Kind : std::int32_t {
    started = 1,       // value: the server's process id; in a sandbox, the text says why its
                       // limits hold for each process alone, or is empty
    no_directory = 2,  // value: errno of chdir
    not_executed = 3,  // value: errno of execve, or of fork
    ended = 4,         // value: the wait status; all that descended from the server is gone;
                       // the text says what it ran out of, if it did
    refused = 5,       // the sandbox could not be made; the text says why
    tampered = 7,      // it is not what was frozen; the text says what differs
    missing = 6,       // this host lacks what the sandbox is made of; the text says what
  };
  Kind kind;
  std::int32_t value;
};

// What the keeper is told, one byte each.
enum class KeeperOrder : char {
  terminate = 'T',  // SIGTERM to the server's process group; in a sandbox to its first process's
  kill = 'K',       // SIGKILL to everything that descends from it
  clean = 'C',      // to a janitor: remove the files now
};

// A running keeper, seen from the gateway.
struct KeeperProcess {
  int process_id = -1;
  Descriptor process;  // pidfd, readable when the keeper has ended; it must then be waited for
  Descriptor control;  // SOCK_SEQPACKET; closing it ends everything
};

// The server's three pipes, its ends of them.
struct ServerPipes {
  Descriptor input;
  Descriptor output;
  Descriptor errors;
};

// What a sandbox is connected to beside its pipes, its ends of it; each may be none.
struct SandboxSockets {
  Descriptor handoff;  // takes the listeners (SandboxPlan::doors)
  Descriptor custody;  // to who keeps content (SandboxPlan::stages, connectors/custody_desk.hpp)
};

// Starts a keeper, safely from a process with many threads (posix_spawn). `program` is this program
// or one whose main() asks is_keeper(); `label` is what a process list shows behind
// "toolgate-keeper". Refused are orders that no execve could express; faults when the machine has
// no descriptors or processes left.
Result<KeeperProcess> start_keeper(const std::string& program, const std::string& label,
                                   const KeeperOrders& orders, ServerPipes pipes,
                                   SandboxSockets sockets = {});

}  // namespace toolgate

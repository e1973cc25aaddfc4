#pragma once
// One local server over its stdin and stdout (MCP specification, "Transports", stdio):
// newline-delimited JSON, no judgement of what the lines say.
//
// - A line longer than limits.result_bytes is dropped, up to its end, and logged (at most once a
// second);
//   the link lives on. However much a server writes, memory is bounded by one line and other
//   sessions run between two reads.
// - stderr is kept as a bounded tail and logged, line by line, at the level debug.
// - close(): stdin is closed, then after limits.stop_ms SIGTERM to the server's process group, then
// after
//   limits.stop_ms SIGKILL to everything that descends from it. When it returns no process is left.
// - A server that exits, closes its stdout or closes its stdin ends the link: ServerEvents::closed.
// What it
//   wrote to stderr is never in a Refusal; stderr_tail() has it, and it is untrusted text.

#include <boost/asio/any_io_executor.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/custodian.hpp"
#include "connectors/frozen/view.hpp"
#include "connectors/sandbox/plan.hpp"
#include "connectors/sandbox/proof.hpp"
#include "gateway/core/limits.hpp"
#include "gateway/core/names.hpp"
#include "gateway/core/server_link.hpp"

namespace toolgate {

struct StdioServer {
  ServerName name;
  std::vector<std::string> argv;           // command first; looked up in PATH of `env`
  std::map<std::string, std::string> env;  // all of it: nothing is inherited
  std::string cwd;                         // empty: the gateway's; in a sandbox, its home
  ServerLimits limits;
  std::optional<SandboxPlan> sandbox;  // none: with the gateway's own rights
  std::optional<FrozenSource> frozen;  // what it runs from, verified at the start
  SandboxProof* proof = nullptr;       // asked first where there is a sandbox; outlives the link
  Custodian* custodian = nullptr;      // needed where a scope is staged; outlives the link
  // Executed as the server's keeper (connectors/keeper.hpp): a program whose main() asks
  // is_keeper().
  std::string keeper_program = "/proc/self/exe";
};

std::unique_ptr<ServerLink> make_stdio_link(asio::any_io_executor executor, StdioServer server);

}  // namespace toolgate

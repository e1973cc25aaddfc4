#pragma once
// From the entry of a local server to what is started: its program (local_program.hpp), its
// environment, and the plan of its sandbox.

#include "connectors/stdio_link.hpp"
#include "gateway/config/configuration.hpp"
#include "gateway/core/result.hpp"

namespace toolgate {

// Refused: a tier that this build does not have; a command that a sandbox without network cannot
// run (npx and the like fetch a package at each start).
Result<StdioServer> local_server(const ServerEntry& entry);

}  // namespace toolgate

#pragma once
// From the entry of a local server to what is started: its command as the host has it, what the
// sandbox shows of it, and the environment.
//
// The program of a server is found out here, so that an administrator need not grant it: the
// executable, and for an interpreter the script that it is told to run, with the package that the
// script belongs to. It is readable and executable in the sandbox and can never be written, not
// even inside of a writable scope. `review` shows it.

#include <string>
#include <vector>

#include "connectors/stdio_link.hpp"
#include "gateway/config/configuration.hpp"
#include "gateway/core/result.hpp"

namespace toolgate {

// Refused: a tier that this build does not have; a command that a sandbox without network cannot
// run (npx and the like fetch a package at each start).
Result<StdioServer> local_server(const ServerEntry& entry);

// Files and directories outside of /usr that the command consists of: absolute, no symbolic links.
std::vector<std::string> program_paths(const std::vector<std::string>& argv, const std::string& cwd,
                                       const std::string& search_path);

}  // namespace toolgate

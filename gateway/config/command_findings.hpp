#pragma once
// What deserves a look in how a server is started, as findings: known before anything of it runs.
// Hard ones (shells, code in the arguments, other users' rights, variables that change what code is
// run) have to be accepted one by one, like those of an inspector.
//
//   command.shell, command.inline, command.preload, command.fetch      what runs is not a file
//   command.floating, command.registry                                 what runs can change
//   command.privileged, command.environment                            what it may do changes
//   command.secret, command.place, command.background, command.shim

#include <vector>

#include "gateway/config/configuration.hpp"
#include "gateway/core/finding.hpp"

namespace toolgate {

// The findings' pointers are "/command", or "/env/NAME" in the entry. None for a remote server. The
// rule about floating versions falls away for a server that is frozen: what runs is fixed.
std::vector<Finding> command_findings(const ServerEntry& entry);

}  // namespace toolgate

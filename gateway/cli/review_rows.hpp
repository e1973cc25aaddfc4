#pragma once
// What `review --json` prints: one object a line.

#include <string>
#include <vector>

#include "gateway/broker/probe.hpp"
#include "gateway/cli/console.hpp"
#include "gateway/cli/reviewed.hpp"

namespace toolgate {

// What a start runs, and what a sandbox shows of the host for it; where a start would be refused,
// the command as the configuration has it. Found out once for a server: a frozen package is
// verified.
struct Running {
  std::vector<std::string> command;
  std::vector<std::string> program;
};
Running running_of(const ServerEntry& entry);

void print_row(Console& console, const ServerEntry& entry, const Running& running,
               const Reviewed& item);
// Of a server that offers nothing: "failed", or "imported" when it was not started.
void print_failed_row(Console& console, const Probed& probed, const std::string& state,
                      const std::string& hint, const std::vector<Finding>& findings);

}  // namespace toolgate

#include "gateway/cli/cli.hpp"

#include <string>
#include <vector>

#include "gateway/cli/commands.hpp"

namespace toolgate {

int run_command(int argc, char** argv) {
  std::vector<Command> table = local_commands();
  table.insert(table.end(), broker_commands().begin(), broker_commands().end());
  Console console = standard_console();
  return dispatch(table, std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc), console);
}

}  // namespace toolgate

#include "gateway/packages/command_to_freeze.hpp"

namespace toolgate {

std::vector<std::pair<std::string, std::string>> CommandToFreeze::subject(
    const ServerEntry& entry) const {
  if (package) {
    return {{"server", entry.name.text()},
            {"package", package->package},
            {"wanted", package->wanted},
            {"program", package->program}};
  }
  std::string options;
  for (const std::string& option : local->options) options += option + ' ';
  return {{"server", entry.name.text()},
          {"interpreter", local->interpreter},
          {"options", options},
          {"script", local->script},
          {"cwd", entry.cwd.string()}};
}

Result<CommandToFreeze> command_to_freeze(const ServerEntry& entry) {
  CommandToFreeze command;
  if (is_npx(entry.argv)) {
    auto package = parse_npx(entry.argv);
    if (!package) return package.refusal();
    command.package = std::move(*package);
    return command;
  }
  auto local = parse_local_command(entry.argv);
  if (!local) return local.refusal();
  command.local = std::move(*local);
  return command;
}

}  // namespace toolgate

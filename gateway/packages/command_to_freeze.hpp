#pragma once
// What of a server's command is frozen, and what stays free from start to start: its arguments.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gateway/config/configuration.hpp"
#include "gateway/core/result.hpp"
#include "gateway/packages/local_command.hpp"
#include "gateway/packages/npx_command.hpp"

namespace toolgate {

struct CommandToFreeze {
  std::optional<NpxCommand> package;  // of the registry; or
  std::optional<LocalCommand> local;  // files of this machine
  const std::vector<std::string>& arguments() const {
    return package ? package->arguments : local->arguments;
  }
  // What a record of it is kept by: names and values, without the arguments.
  std::vector<std::pair<std::string, std::string>> subject(const ServerEntry& entry) const;
};

// Refuses with `unsupported` what cannot be frozen, and says what to do instead. `entry` is local.
Result<CommandToFreeze> command_to_freeze(const ServerEntry& entry);

}  // namespace toolgate

#pragma once
// ${NAME}, ${NAME:-default} and ${workspace} in the texts of a configuration.
//
// NAME is [A-Za-z_][A-Za-z0-9_]*. The default is taken where the variable is not set; one that is
// set to nothing is nothing, as in Claude Code. A default ends at the first '}'. What a variable
// holds is never expanded again. Any other '$' stands for itself ("$$", "$HOME"), and "${" that
// begins neither form is an error: text that looks like a variable is not passed on as it stands.

#include <optional>
#include <string>
#include <string_view>

#include "gateway/config/configuration.hpp"
#include "gateway/core/result.hpp"

namespace toolgate::config {

class Variables {
 public:
  // `environment` must outlive this object.
  explicit Variables(const Environment& environment) : environment_(environment) {}

  // Refuses with `bad_configuration` and a text that names the variable, never a value.
  Result<std::string> expand(std::string_view text) const;
  // The absolute path of ${workspace}: TOOLGATE_WORKSPACE, else the working directory.
  Result<std::string> workspace() const;
  // HOME, for paths that start with "~/".
  std::optional<std::string> home() const { return environment_("HOME"); }

 private:
  Result<std::string> look_up(std::string_view inside) const;
  const Environment& environment_;
};

}  // namespace toolgate::config

#pragma once
// The sandbox that npm resolves packages in: it has no home of the user's and no secret of theirs,
// sees the system's programs read-only, and writes to the staging folder alone. Its network is the
// host's, since it must reach the registry: what it could send there is what it was told, the names
// of packages.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/config/configuration.hpp"
#include "gateway/core/result.hpp"

namespace toolgate {

struct NpmSandbox {
  std::filesystem::path npm;      // the program, as it was found; may be a link to elsewhere
  std::filesystem::path node;     // what runs it, likewise; empty: none was found
  std::filesystem::path staging;  // may be written to
  std::filesystem::path folder;   // where npm starts, in it
};

// Of the user's own configuration of npm, what says where packages come from and how they are
// reached; no token, no password, no script, nothing that an address hides. `text` is an .npmrc.
std::string registry_settings(std::string_view text);

// The same of the system's configuration (/etc/npmrc and that of this node), which the sandbox does
// not show.
std::string settings_of_system(const std::filesystem::path& node);

// Where npm looks for both, in the staging folder.
inline constexpr const char* npm_settings_of_user = "npmrc";
inline constexpr const char* npm_settings_of_system = "npmrc-of-system";

// bubblewrap and its arguments up to npm's own. Refuses with `unavailable` where this host has no
// such sandbox (npm never runs without one), or where a proxy's address holds a password.
Result<std::vector<std::string>> npm_sandbox_words(const NpmSandbox& sandbox,
                                                   const Environment& environment);

// NAME=value, all that npm gets.
std::vector<std::string> npm_environment(const NpmSandbox& sandbox, const Environment& environment);

}  // namespace toolgate

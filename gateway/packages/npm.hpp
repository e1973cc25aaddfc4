#pragma once
// npm, run once to install one package into a folder: with no script of any package run, and with
// nothing taken but from a registry.
//
// It runs in a sandbox (npm_sandbox.hpp), with what the user's .npmrc says of registries and
// nothing else of it. Options on its command line, which come first for npm, settle all that
// decides what is installed and run. Nothing of a server's entry reaches it. Its cache is a folder
// that the caller throws away: what another process left in a shared cache would otherwise be
// believed.

#include <filesystem>
#include <string>
#include <vector>

#include "gateway/config/configuration.hpp"
#include "gateway/core/result.hpp"

namespace toolgate {

// `npm install` and its options, for the spec of a registry's package.
std::vector<std::string> npm_install_words(const std::string& spec,
                                           const std::filesystem::path& folder,
                                           const std::filesystem::path& cache);

// The folder of npm's cache, in `staging`.
inline constexpr const char* npm_cache = "cache";

// Installs into `folder`, beneath `staging`, where a package.json lies. Ten minutes at most.
// Blocking. Refuses with `unavailable`, a remedy and npm's report.
Status install_package(const std::filesystem::path& folder, const std::string& spec,
                       const std::filesystem::path& staging, const Environment& environment);

}  // namespace toolgate

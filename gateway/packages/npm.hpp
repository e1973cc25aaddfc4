#pragma once
// npm, run once to install one package into a folder: with no script of any package run, and with
// nothing taken but from a registry.
//
// npm reads the user's own configuration (~/.npmrc and the global one), for the registry, its token
// and its certificates. Options on its command line, which come first for npm, settle all that
// decides what is installed and run. Of the environment it gets what is needed to find programs and
// reach the network, and npm_config_cache; no other npm_config_ variable, and nothing of a server's
// entry. Its cache is a folder that the caller throws away, unless npm_config_cache names one: what
// another process left in a shared cache would otherwise be believed.

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

// Installs into `folder`, where a package.json lies. Ten minutes at most. Blocking. Refuses with
// `unavailable`, a remedy and npm's report.
Status install_package(const std::filesystem::path& folder, const std::string& spec,
                       const std::filesystem::path& cache, const Environment& environment);

}  // namespace toolgate

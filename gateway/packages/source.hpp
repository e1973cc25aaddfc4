#pragma once
// Where a frozen tree comes from: each of these fills an empty folder, which is then sealed and
// described (freeze.hpp). Blocking.

#include <filesystem>
#include <string>
#include <vector>

#include "gateway/config/configuration.hpp"
#include "gateway/core/result.hpp"
#include "gateway/packages/command_to_freeze.hpp"
#include "signing/manifest.hpp"

namespace toolgate {

// What lies in the folder now.
struct Brought {
  ManifestOrigin origin;
  std::string entry;                 // the file to run, relative to the folder
  std::string interpreter;           // as a command; empty: what the file's first line says
  std::vector<std::string> options;  // of that interpreter
  std::size_t packages = 0;          // of the registry
};

// npm, in a sandbox, with install scripts off. `staging` is the folder around the tree.
Result<Brought> bring_package(const NpxCommand& command, const std::filesystem::path& staging,
                              const std::filesystem::path& tree, const Environment& environment);

// A copy of the folder that the script belongs to, or of the file alone.
Result<Brought> bring_files(const LocalCommand& command, const ServerEntry& entry,
                            const std::string& search_path, const std::filesystem::path& tree);

}  // namespace toolgate

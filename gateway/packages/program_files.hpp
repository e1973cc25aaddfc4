#pragma once
// Where the files of a program lie on this machine: the folder that belongs to a script, the
// interpreter that a name leads to. Blocking.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/core/result.hpp"
#include "signing/manifest.hpp"

namespace toolgate {

// The directory of the package or project that a script belongs to: the outermost node_modules
// above it, or the nearest directory with a package.json, pyproject.toml, setup.py or pyvenv.cfg up
// to four levels above it (never one that holds the user's home); or the script alone.
std::filesystem::path folder_of_program(const std::filesystem::path& script);

// A command by its path, or looked up in `search_path`, whose relative entries are skipped.
std::optional<std::filesystem::path> look_up_program(const std::string& command,
                                                     const std::filesystem::path& cwd,
                                                     std::string_view search_path);

// The interpreter, as a manifest records it: a program of the machine itself. Refuses with
// `unsupported` what the digest of one file does not stand for: a script that chooses an
// interpreter, a virtual environment, a Python whose library a user can write to.
Result<ManifestInterpreter> find_interpreter(const std::string& command,
                                             const std::filesystem::path& cwd,
                                             std::string_view search_path);

// Is the interpreter still the one of the manifest? Refuses with `bad_signature`.
Status verify_interpreter(const ManifestInterpreter& interpreter);

}  // namespace toolgate

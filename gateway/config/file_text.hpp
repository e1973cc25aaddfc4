#pragma once
// Reading configuration files from the disk, ours and those of harnesses. Blocking.

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

#include "gateway/core/limits.hpp"
#include "gateway/core/result.hpp"

namespace toolgate::config {

// What a configuration file may hold; people write it, so less than a message may.
inline constexpr JsonLimits file_limits{std::size_t{4} << 20, 64, 200'000};

// Harnesses keep more than servers in theirs: Claude Code a history of every project.
inline constexpr JsonLimits harness_limits{std::size_t{32} << 20, 64, 2'000'000};

// May a file that everybody on the machine can write to be read? One that decides what is run may
// not.
enum class Writers { anybody, trusted };

// The whole of a regular file. Refusals are `bad_configuration` and start with "FILE:1:1: ".
Result<std::string> read_file(const std::filesystem::path& file, Writers writers,
                              std::size_t most_bytes = file_limits.bytes);

// The same of a harness's file that may be missing, or else is no symbolic link: `install` replaces
// it, and what a link leads to may be another program's or project's.
Result<std::optional<std::string>> read_file_if_there(const std::filesystem::path& file);

}  // namespace toolgate::config

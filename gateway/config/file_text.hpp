#pragma once
// Reading configuration files from the disk, ours and those of harnesses. Blocking.

#include <filesystem>
#include <string>

#include "gateway/core/limits.hpp"
#include "gateway/core/result.hpp"

namespace toolgate::config {

// What a configuration file may hold; people write it, so less than a message may.
inline constexpr JsonLimits file_limits{std::size_t{4} << 20, 64, 200'000};

// May a file that everybody on the machine can write to be read? One that decides what is run may
// not.
enum class Writers { anybody, trusted };

// The whole of a regular file. Refusals are `bad_configuration` and start with "FILE:1:1: ".
Result<std::string> read_file(const std::filesystem::path& file, Writers writers);

}  // namespace toolgate::config

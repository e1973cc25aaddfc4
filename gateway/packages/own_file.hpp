#pragma once
// Small steps on files beneath `packages/`. Blocking; refusals are `storage` and name the file.

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "gateway/core/result.hpp"

namespace toolgate {

// The whole of a regular file of this user; follows no link at its end.
Result<std::string> read_package_file(const std::filesystem::path& file, std::size_t most_bytes);

enum class Replacing { no, yes };

// Appears with all its bytes on the disk, or not at all.
Status write_package_file(const std::filesystem::path& file, std::string_view bytes,
                          Replacing replacing);

// "cannot make X: No space left on device; free some space and freeze again"
Refusal package_fault(std::string_view what, const std::filesystem::path& file, int error);

}  // namespace toolgate

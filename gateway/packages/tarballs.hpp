#pragma once
// Is what npm fetched what its lock file names? npm compares each tarball with the registry's
// integrity digest itself; this does it once more, on the tarballs in npm's cache
// (_cacache/content-v2/sha512/...), and refuses a package whose tarball is not there.

#include <filesystem>

#include "gateway/core/result.hpp"
#include "gateway/packages/lock_file.hpp"

namespace toolgate {

// Refuses with `bad_signature`, naming the package. Blocking.
Status verify_tarballs(const std::filesystem::path& cache, const LockedPackage& locked);

}  // namespace toolgate

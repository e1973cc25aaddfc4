#pragma once
// A folder of the host that the canary may write in, as a server may in its scopes: what it must
// not change there is what the supervisor of names holds (connectors/launcher/canary.cpp). Gone,
// with all that was made in it, when this is.

#include <filesystem>
#include <vector>

#include "gateway/core/file_scope.hpp"
#include "gateway/core/result.hpp"

namespace toolgate {

class CanaryFolder {
 public:
  // Refused (`unavailable`) where no folder for temporary files can be written.
  static Result<CanaryFolder> make();
  CanaryFolder(CanaryFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  ~CanaryFolder();

  const std::filesystem::path& path() const { return path_; }
  // "free" (rw) and "held" (rw-no-delete, staged), with the files that the canary tries.
  std::vector<FileScope> scopes() const;

 private:
  explicit CanaryFolder(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;
};

}  // namespace toolgate

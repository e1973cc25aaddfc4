#pragma once
// A folder to build a package in, beside the packages themselves, so that one rename makes it one
// of them. It is locked (flock(2)) for as long as its freeze lives; a folder that nobody has locked
// was left behind and is swept away by the next.

#include <filesystem>
#include <functional>
#include <utility>

#include "connectors/descriptor.hpp"
#include "gateway/core/result.hpp"

namespace toolgate {

class Staging {
 public:
  // Makes `packages/` where it is missing, sweeps, and makes a folder of its own.
  static Result<Staging> make(const std::filesystem::path& home);
  Staging(Staging&& other) noexcept = default;
  Staging& operator=(Staging&&) = delete;
  ~Staging();  // removes the folder, unless it was published

  const std::filesystem::path& folder() const { return folder_; }

  // Renames the folder to `target`, which is beside it. What is there already stays when `is_good`
  // says so, and gives way otherwise.
  Status publish(const std::filesystem::path& target, const std::function<bool()>& is_good);

 private:
  Staging(std::filesystem::path folder, Descriptor lock)
      : folder_(std::move(folder)), lock_(std::move(lock)) {}
  std::filesystem::path folder_;
  Descriptor lock_;
};

}  // namespace toolgate

#include "gateway/packages/tree.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "connectors/descriptor.hpp"
#include "connectors/frozen/tree_check.hpp"
#include "connectors/frozen/tree_file.hpp"
#include "gateway/packages/tree_walk.hpp"

namespace toolgate {
namespace {

using namespace frozen_tree;
using Type = ManifestEntry::Type;

constexpr ManifestLimits limits;

// What lies there, without the hashes.
Result<ManifestEntry> described(int folder, const std::string& name, const std::string& path,
                                const struct stat& status) {
  if (const std::string_view odd = oddity(status); !odd.empty()) return differs(path, odd);
  ManifestEntry entry;
  entry.path = path;
  const mode_t mode = status.st_mode & all_bits;
  if (S_ISLNK(status.st_mode)) {
    entry.type = Type::link;
    auto target = link_target(folder, name, path);
    if (!target) return target.refusal();
    entry.target = std::move(*target);
    return entry;
  }
  if (S_ISDIR(status.st_mode)) {
    entry.type = Type::directory;
    if (mode != sealed_directory) return differs(path, "has another mode");
    return entry;
  }
  entry.type = mode == sealed_program ? Type::executable : Type::file;
  if (mode != sealed_program && mode != sealed_file) return differs(path, "has another mode");
  entry.bytes = static_cast<std::uint64_t>(status.st_size);
  return entry;
}

Result<std::vector<ManifestEntry>> list_tree(int root) {
  std::vector<ManifestEntry> entries;
  std::uint64_t bytes = 0;
  const Visit add = [&](int folder, const std::string& name, const std::string& path,
                        struct stat status) -> Status {
    auto entry = described(folder, name, path, status);
    if (!entry) return entry.refusal();
    bytes += entry->bytes;
    if (entries.size() == limits.entries || bytes > limits.tree_bytes) {
      return Refusal(Reason::too_large, "a frozen tree holds at most 200,000 entries and 4 GiB");
    }
    entries.push_back(std::move(*entry));
    return done();
  };
  Status walked = walk(root, add);
  if (!walked) return walked.refusal();
  std::ranges::sort(entries, {}, &ManifestEntry::path);
  return entries;
}

}  // namespace

Status seal_tree(const std::filesystem::path& root) {
  const Descriptor folder = open_root(root);
  if (!folder) return failed("open", "", errno);
  const Visit seal = [](int parent, const std::string& name, const std::string& path,
                        struct stat status) -> Status {
    if (const std::string_view odd = oddity(status); !odd.empty()) {
      return Refusal(Reason::unsupported, manifest_name(path) + ' ' + std::string(odd));
    }
    if (S_ISLNK(status.st_mode)) return done();
    const bool executable = S_ISDIR(status.st_mode) || (status.st_mode & S_IXUSR) != 0;
    const mode_t mode = executable ? sealed_program : sealed_file;
    if (::fchmodat(parent, name.c_str(), mode, 0) != 0) return failed("seal", path, errno);
    return done();
  };
  Status sealed = walk(folder.number(), seal);
  if (sealed && ::fchmod(folder.number(), sealed_directory) != 0) return failed("seal", "", errno);
  return sealed;
}

Result<std::vector<ManifestEntry>> read_tree(const std::filesystem::path& root) {
  const Descriptor folder = open_root(root);
  if (!folder) return failed("open", "", errno);
  auto entries = list_tree(folder.number());
  if (!entries) return entries;
  FileHash hash;
  for (ManifestEntry& entry : *entries) {
    if (!entry.is_file()) continue;
    const Descriptor file = open_beneath(folder.number(), entry.path, O_RDONLY | O_NONBLOCK);
    if (!file) return failed("open", entry.path, errno);
    auto sum = hash.of(file, entry);
    if (!sum) return sum.refusal();
    entry.sha256 = *sum;
  }
  return entries;
}

Status verify_tree(const std::filesystem::path& root, const Manifest& manifest) {
  const Descriptor folder = open_root(root);
  if (!folder) return failed("open", "", errno);
  return check_tree(folder.number(), manifest);
}

void remove_tree(const std::filesystem::path& root) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  if (!fs::is_directory(fs::symlink_status(root, ignored))) {
    fs::remove(root, ignored);
    return;
  }
  fs::permissions(root, fs::perms::owner_all, ignored);
  std::vector<fs::path> folders = {root};
  while (!folders.empty()) {
    const fs::path folder = std::move(folders.back());
    folders.pop_back();
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
      std::error_code failed_here;
      if (!fs::is_directory(entry.symlink_status(failed_here))) continue;
      fs::permissions(entry.path(), fs::perms::owner_all, failed_here);
      folders.push_back(entry.path());
    }
  }
  fs::remove_all(root, ignored);
}

}  // namespace toolgate

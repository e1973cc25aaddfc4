#include "gateway/packages/tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <memory>
#include <utility>

#include "connectors/descriptor.hpp"
#include "gateway/packages/tree_file.hpp"

namespace toolgate {
namespace {

using namespace frozen_tree;
using Type = ManifestEntry::Type;

constexpr std::size_t most_depth = 100;
constexpr ManifestLimits limits;

std::string joined(const std::string& folder, const char* name) {
  return folder.empty() ? std::string(name) : folder + '/' + name;
}

// The names in a directory.
Result<std::vector<std::string>> names_in(Descriptor directory, const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(directory.number()), ::closedir);
  if (!stream) return failed("read", path, errno);
  directory.release();
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* one = ::readdir(stream.get())) {
    const std::string_view name = one->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    if (names.size() > limits.entries) {
      return Refusal(Reason::too_large, manifest_name(path) + " holds more than 200,000 files");
    }
    errno = 0;
  }
  if (errno != 0) return failed("read", path, errno);
  return names;
}

// What a visitor is told of each thing: the directory that holds it, its name there, its path.
using Visit = std::function<Status(int folder, const std::string& name, const std::string& path,
                                   struct stat)>;

// Parents before children, `visit` of a directory before its content is read.
Status walk(int root, const std::string& path, std::size_t depth, const Visit& visit) {
  Descriptor directory = open_beneath(root, path, O_RDONLY | O_DIRECTORY);
  if (!directory) return failed("open", path, errno);
  const int folder = ::fcntl(directory.number(), F_DUPFD_CLOEXEC, 0);
  if (folder < 0) return failed("open", path, errno);
  const Descriptor kept(folder);
  auto names = names_in(std::move(directory), path);
  if (!names) return names.refusal();
  for (const std::string& name : *names) {
    const std::string below = joined(path, name.c_str());
    struct stat status{};
    if (::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      return failed("examine", below, errno);
    }
    Status seen = visit(folder, name, below, status);
    if (!seen) return seen;
    if (!S_ISDIR(status.st_mode)) continue;
    if (depth == most_depth) return differs(below, "lies too deep");
    Status inside = walk(root, below, depth + 1, visit);
    if (!inside) return inside;
  }
  return done();
}

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
  Status walked = walk(root, "", 0, add);
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
  Status sealed = walk(folder.number(), "", 0, seal);
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

#include "gateway/packages/tree_walk.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "connectors/frozen/tree_file.hpp"
#include "signing/manifest.hpp"

namespace toolgate::frozen_tree {
namespace {

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

Status walk_below(int root, const std::string& path, std::size_t depth, const Visit& visit) {
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
    Status inside = walk_below(root, below, depth + 1, visit);
    if (!inside) return inside;
  }
  return done();
}

}  // namespace

Status walk(int root, const Visit& visit) { return walk_below(root, "", 0, visit); }

}  // namespace toolgate::frozen_tree

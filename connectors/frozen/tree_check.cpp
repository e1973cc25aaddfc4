#include "connectors/frozen/tree_check.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>

#include "connectors/frozen/tree_file.hpp"

namespace toolgate {
namespace {

using namespace frozen_tree;
using Type = ManifestEntry::Type;

constexpr unsigned most_threads = 4;
constexpr std::uint64_t large_bytes = std::uint64_t{256} << 10;  // is work of its own
constexpr std::size_t most_added = 1'000;  // names in a directory that are read though not listed

// One name in a directory, and what it is (DT_REG, ...).
struct Name {
  std::string text;
  unsigned char type = DT_UNKNOWN;
};

unsigned char type_of(int folder, const char* name) {
  struct stat status{};
  if (::fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return DT_UNKNOWN;
  return static_cast<unsigned char>(IFTODT(status.st_mode));
}

// Sorted; so many at most, since one that is not listed is enough.
Result<std::vector<Name>> names_in(const Descriptor& folder, std::string_view path,
                                   std::size_t most) {
  // The stream closes its own descriptor, which shares the place in the directory with ours.
  const int number = ::fcntl(folder.number(), F_DUPFD_CLOEXEC, 0);
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(number < 0 ? nullptr : ::fdopendir(number),
                                                   ::closedir);
  if (!stream) {
    const int error = errno;
    if (number >= 0) ::close(number);
    return failed("read", path, error);
  }
  std::vector<Name> names;
  errno = 0;
  while (const dirent* one = ::readdir(stream.get())) {
    const std::string_view name = one->d_name;
    if (name == "." || name == "..") continue;
    if (names.size() == most) break;
    const unsigned char type =
        one->d_type == DT_UNKNOWN ? type_of(folder.number(), one->d_name) : one->d_type;
    names.push_back(Name{std::string(name), type});
    errno = 0;
  }
  if (errno != 0) return failed("read", path, errno);
  std::ranges::sort(names, {}, &Name::text);
  return names;
}

bool is_large(const ManifestEntry& entry) { return entry.is_file() && entry.bytes >= large_bytes; }

// Each directory is one piece of work, and each large file.
class TreeCheck {
 public:
  // A `copy` of -1 is none.
  TreeCheck(int root, const Manifest& manifest, int copy)
      : root_(root), copy_(copy), entries_(manifest.entries) {
    std::unordered_map<std::string_view, std::size_t> places;
    folders_.emplace_back();
    places.emplace(std::string_view(), 0);
    for (const ManifestEntry& entry : entries_) {
      const auto slash = entry.path.rfind('/');
      const std::string_view parent = slash == std::string::npos
                                          ? std::string_view()
                                          : std::string_view(entry.path).substr(0, slash);
      folders_[places.at(parent)].children.push_back(&entry);
      if (entry.type != Type::directory) continue;
      places.emplace(entry.path, folders_.size());
      folders_.push_back(Folder{entry.path, {}});
    }
    for (const ManifestEntry& entry : entries_) {
      if (is_large(entry)) large_.push_back(&entry);
    }
    std::ranges::sort(large_, std::greater(), &ManifestEntry::bytes);
  }

  Status run() {
    const Status made = copy_ < 0 ? done() : make_places();
    if (!made) return made;
    {
      const unsigned count = std::clamp(std::thread::hardware_concurrency(), 1U, most_threads);
      std::vector<std::jthread> threads;
      for (unsigned i = 1; i < count; ++i) threads.emplace_back([this] { work(); });
      work();
    }
    return first_ ? Status(first_->why) : done();
  }

 private:
  struct Folder {
    std::string path;
    std::vector<const ManifestEntry*> children;  // sorted, since the manifest is
  };
  // What differs. Of two that are about one path, what its directory says of it comes first.
  struct Difference {
    std::string path;
    enum class Said { by_its_directory, of_itself } said;
    Refusal why;
  };

  // A fault in a thread is a refusal, and comes before all others.
  void work() {
    try {
      FileHash hash;
      for (std::size_t at = next_++; at < large_.size() + folders_.size(); at = next_++) {
        const bool is_file = at < large_.size();
        const Status status =
            is_file ? check_large(*large_[at], hash) : check(folders_[at - large_.size()], hash);
        if (status) continue;
        report(is_file ? large_[at]->path : folders_[at - large_.size()].path,
               Difference::Said::of_itself, status.refusal());
      }
    } catch (const std::exception& fault) {
      report("", Difference::Said::by_its_directory, Refusal(Reason::internal, fault.what()));
    }
  }

  // What the files are copied into, and the links, which are what the manifest says.
  Status make_places() {
    for (const ManifestEntry& entry : entries_) {
      int error = 0;
      if (entry.type == Type::directory) {
        error = ::mkdirat(copy_, entry.path.c_str(), sealed_directory);
      } else if (entry.type == Type::link) {
        error = ::symlinkat(entry.target.c_str(), copy_, entry.path.c_str());
      }
      if (error != 0) return failed("copy", entry.path, errno);
    }
    return done();
  }

  void report(std::string path, Difference::Said said, Refusal why) {
    const std::scoped_lock lock(mutex_);
    if (first_ && std::pair(first_->path, first_->said) <= std::pair(path, said)) return;
    first_ = Difference{std::move(path), said, std::move(why)};
  }

  Status check(const Folder& folder, FileHash& hash) {
    const Descriptor directory = open_beneath(root_, folder.path, O_RDONLY | O_DIRECTORY);
    if (!directory) return failed("open", folder.path, errno);
    struct stat status{};
    if (::fstat(directory.number(), &status) != 0) return failed("examine", folder.path, errno);
    if (const auto odd = oddity(status); !odd.empty()) return differs(folder.path, odd);
    if ((status.st_mode & all_bits) != sealed_directory) {
      return differs(folder.path.empty() ? "." : folder.path, "has another mode");
    }
    auto names = names_in(directory, folder.path, folder.children.size() + most_added);
    if (!names) return names.refusal();
    const std::string prefix = folder.path.empty() ? "" : folder.path + '/';
    auto name = names->begin();
    for (const ManifestEntry* child : folder.children) {
      const std::string_view wanted = std::string_view(child->path).substr(prefix.size());
      for (; name != names->end() && name->text < wanted; ++name) added(prefix + name->text);
      Status same = name != names->end() && name->text == wanted
                        ? check(directory.number(), *name++, *child, hash)
                        : Status(differs(child->path, "is missing"));
      if (!same) report(child->path, Difference::Said::by_its_directory, same.refusal());
    }
    for (; name != names->end(); ++name) added(prefix + name->text);
    return done();
  }

  void added(const std::string& path) {
    report(path, Difference::Said::by_its_directory, differs(path, "was added"));
  }

  // Directories are looked into when it is their turn.
  Status check(int folder, const Name& name, const ManifestEntry& entry, FileHash& hash) {
    if (name.type != DT_REG && name.type != DT_DIR && name.type != DT_LNK) {
      return differs(entry.path, "is a device, a socket or a pipe");
    }
    const unsigned char wanted = entry.type == Type::directory ? DT_DIR
                                 : entry.type == Type::link    ? DT_LNK
                                                               : DT_REG;
    if (name.type != wanted) {
      return differs(entry.path, name.type == DT_LNK ? "was made a symbolic link" : "was replaced");
    }
    if (wanted == DT_DIR) return done();
    if (wanted == DT_LNK) {
      auto target = link_target(folder, name.text, entry.path);
      if (!target) return target.refusal();
      return *target == entry.target ? done() : Status(differs(entry.path, "leads elsewhere"));
    }
    if (is_large(entry)) return done();
    const Descriptor file(::openat(folder, name.text.c_str(), reading));
    if (!file) return failed("open", entry.path, errno);
    return check_content(file, entry, hash);
  }

  // What its directory says of it comes first.
  Status check_large(const ManifestEntry& entry, FileHash& hash) {
    const Descriptor file = open_beneath(root_, entry.path, reading);
    if (!file) return failed("open", entry.path, errno);
    return check_content(file, entry, hash);
  }

  Status check_content(const Descriptor& file, const ManifestEntry& entry, FileHash& hash) {
    Descriptor copy;
    if (copy_ >= 0) {
      const mode_t mode = entry.type == Type::executable ? sealed_program : sealed_file;
      copy = create_beneath(copy_, entry.path, mode);
      if (!copy) return failed("copy", entry.path, errno);
    }
    auto sum = hash.of(file, entry, copy);
    if (!sum) return sum.refusal();
    return *sum == entry.sha256 ? done() : Status(differs(entry.path, "was changed"));
  }

  static constexpr int reading = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

  int root_;
  int copy_;
  const std::vector<ManifestEntry>& entries_;
  std::vector<Folder> folders_;
  std::vector<const ManifestEntry*> large_;  // the largest first
  std::atomic<std::size_t> next_ = 0;
  std::mutex mutex_;
  std::optional<Difference> first_;
};

}  // namespace

Status check_tree(int root, const Manifest& manifest) {
  return TreeCheck(root, manifest, -1).run();
}

Status copy_tree(int root, const Manifest& manifest, int copy) {
  return TreeCheck(root, manifest, copy).run();
}

}  // namespace toolgate

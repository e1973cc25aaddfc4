#include "connectors/sandbox/scope_tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <utility>

namespace toolgate {
namespace {

constexpr std::size_t most_names = 2'000'000;
constexpr std::size_t most_held = 400;  // bubblewrap takes 9,000 arguments
constexpr std::size_t deepest = 200;

// What belongs to the machine, not to a server. `at` alone is refused, `within` with all beneath.
constexpr auto refused_at = std::to_array<std::string_view>(
    {"/", "/home", "/root", "/usr", "/var", "/opt", "/srv", "/mnt", "/media", "/tmp", "/var/tmp"});
constexpr auto refused_within = std::to_array<std::string_view>(
    {"/proc", "/sys", "/dev", "/etc", "/run", "/boot", "/bin", "/sbin", "/lib", "/lib64", "/lib32",
     "/libx32", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib64", "/var/run", "/var/lib",
     "/lost+found"});

bool is_within(std::string_view path, std::string_view folder) {
  if (folder == "/") return true;
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

Refusal refuse(const std::string& path, const std::string& why) {
  return Refusal(Reason::bad_configuration, "the file scope '" + path + "' " + why);
}

// The first component that is a symbolic link, for the message.
std::string first_link(const std::string& path) {
  for (std::size_t at = 1; at <= path.size(); ++at) {
    if (at < path.size() && path[at] != '/') continue;
    struct stat about{};
    const std::string part = path.substr(0, at);
    if (::lstat(part.c_str(), &about) == 0 && S_ISLNK(about.st_mode)) return part;
  }
  return path;
}

Status check_place(const std::string& path, const SandboxPlan& plan) {
  for (std::string_view folder : refused_at) {
    if (path == folder) return refuse(path, "is the machine's: name a directory within it");
  }
  for (std::string_view folder : refused_within) {
    if (is_within(path, folder)) return refuse(path, "belongs to the system and cannot be granted");
  }
  if (!plan.home.empty() && is_within(plan.home, path)) {
    return refuse(path, "holds your home, with all its keys: name a directory within it");
  }
  for (const std::string& folder : plan.forbidden) {
    if (is_within(path, folder) || is_within(folder, path)) {
      return refuse(path, "holds the gateway's own files in '" + folder +
                              "': name a directory apart from it");
    }
  }
  return done();
}

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

// Goes through the tree without following a link, by descriptors.
class Walk {
 public:
  Walk(const ProtectedNames& names, const FileScope& scope)
      : names_(names), scope_(scope.path.native()), writable_(scope.mode != FileMode::ro) {}

  Status run(int root) { return folder(root, "", 0); }
  std::vector<HeldPath> held() &&;

 private:
  struct Linked {
    std::string path;
    std::size_t seen = 0;
    std::size_t names = 0;
  };

  Status folder(int at, const std::string& path, std::size_t depth);
  Status entry(int at, const dirent& entry, const std::string& path, std::size_t depth);
  const ProtectedName* protection_of(const std::string& path, bool is_folder) const;

  const ProtectedNames& names_;
  const std::string& scope_;
  const bool writable_;
  std::size_t count_ = 0;
  std::vector<HeldPath> held_;
  std::map<std::pair<dev_t, ino_t>, Linked> linked_;
};

Status Walk::folder(int at, const std::string& path, std::size_t depth) {
  if (depth > deepest) return refuse(scope_, "is more than 200 directories deep");
  const int copy = ::openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) return done();  // not readable for us, so not for the server
  std::unique_ptr<DIR, CloseFolder> folder(::fdopendir(copy));
  if (!folder) {
    ::close(copy);
    return refuse(scope_, "cannot be read");
  }
  while (const dirent* next = ::readdir(folder.get())) {
    const std::string_view name = next->d_name;
    if (name == "." || name == "..") continue;
    if (++count_ > most_names) {
      return refuse(scope_, "has more than two million names: grant a smaller directory");
    }
    const std::string inner = path.empty() ? std::string(name) : path + "/" + std::string(name);
    Status status = entry(::dirfd(folder.get()), *next, inner, depth);
    if (!status) return status;
  }
  return done();
}

Status Walk::entry(int at, const dirent& entry, const std::string& path, std::size_t depth) {
  struct stat about{};
  const bool known = entry.d_type == DT_DIR || entry.d_type == DT_LNK;
  if (!known && ::fstatat(at, entry.d_name, &about, AT_SYMLINK_NOFOLLOW) != 0) return done();
  const bool is_folder = entry.d_type == DT_DIR || S_ISDIR(about.st_mode);
  const bool is_link = entry.d_type == DT_LNK || S_ISLNK(about.st_mode);
  if (is_link) return done();  // a mount on it would be one on its target
  const ProtectedName* name = protection_of(path, is_folder);
  if (name != nullptr && (writable_ || name->protection == Protection::hidden)) {
    if (held_.size() >= most_held) {
      return refuse(scope_, "has more than 400 protected names: grant a smaller directory");
    }
    held_.push_back(HeldPath{path, name->protection, is_folder});
    return done();
  }
  if (is_folder) {
    Descriptor inner(::openat(at, entry.d_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!inner) return done();
    return folder(inner.number(), path, depth + 1);
  }
  if (writable_ && S_ISREG(about.st_mode) && about.st_nlink > 1) {
    Linked& linked = linked_[{about.st_dev, about.st_ino}];
    ++linked.seen;
    linked.names = about.st_nlink;
    linked.path = path;
  }
  return done();
}

// A worktree's ".git" is a file that says where the repository is, with its hooks.
const ProtectedName* Walk::protection_of(const std::string& path, bool is_folder) const {
  static const ProtectedName repository{".git", Protection::unchanged};
  const std::string_view text(path);
  const bool is_repository = text == ".git" || text.ends_with("/.git");
  return is_repository && !is_folder ? &repository : names_.find(path);
}

// Package managers link whole trees out of a store: those are held as one, others one by one.
std::vector<HeldPath> Walk::held() && {
  std::vector<HeldPath> all = std::move(held_);
  for (const auto& [id, linked] : linked_) {
    if (linked.seen >= linked.names) continue;
    constexpr std::string_view packages = "node_modules/";
    const std::size_t found =
        linked.path.starts_with(packages) ? 0 : linked.path.find("/node_modules/");
    HeldPath path{linked.path, Protection::unchanged, false};
    if (found != std::string::npos) {
      const std::size_t begin = found == 0 ? 0 : found + 1;
      path =
          HeldPath{linked.path.substr(0, begin + packages.size() - 1), Protection::unchanged, true};
    }
    if (std::ranges::find(all, path.path, &HeldPath::path) == all.end()) all.push_back(path);
  }
  std::ranges::sort(all, {}, &HeldPath::path);
  // What lies in something that is held already needs nothing more.
  std::vector<HeldPath> outermost;
  for (HeldPath& path : all) {
    if (!outermost.empty() && is_within(path.path, outermost.back().path)) continue;
    outermost.push_back(std::move(path));
  }
  return outermost;
}

}  // namespace

Descriptor open_without_links(int directory, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  if (directory != AT_FDCWD) how.resolve |= RESOLVE_BENEATH;
  for (;;) {
    const long number = ::syscall(SYS_openat2, directory, path.c_str(), &how, sizeof how);
    if (number >= 0) return Descriptor(static_cast<int>(number));
    if (errno != EAGAIN && errno != EINTR) return Descriptor();
  }
}

Result<ScopeTree> ScopeTree::open(const FileScope& scope, const SandboxPlan& plan) {
  const std::string path = scope.path.string();
  Status place = check_place(path, plan);
  if (!place) return place.refusal();
  ScopeTree tree;
  tree.scope_ = scope;
  tree.root_ = open_without_links(AT_FDCWD, path, O_PATH);
  if (!tree.root_ && errno == ELOOP) {
    return refuse(path, "leads over the symbolic link '" + first_link(path) +
                            "', which could be changed: write down where it leads to");
  }
  if (!tree.root_) return refuse(path, "cannot be opened: " + std::string(std::strerror(errno)));
  struct stat about{};
  if (::fstat(tree.root_.number(), &about) != 0) return refuse(path, "cannot be examined");
  if (!S_ISDIR(about.st_mode) && !S_ISREG(about.st_mode)) {
    return refuse(path, "is neither a directory nor a file");
  }
  if (S_ISREG(about.st_mode) && about.st_nlink > 1 && scope.mode != FileMode::ro) {
    return refuse(path, "is a file with a second name (a hard link): copy it, or grant \"ro\"");
  }
  tree.is_directory_ = S_ISDIR(about.st_mode);
  tree.owner_ = about.st_uid;
  tree.group_ = about.st_gid;
  return tree;
}

Status ScopeTree::hold(const ProtectedNames& names) {
  if (!is_directory_) return done();
  Walk walk(names, scope_);
  Status status = walk.run(root_.number());
  if (!status) return status;
  held_ = std::move(walk).held();
  if (held_.size() > most_held) {
    return refuse(scope_.path.string(),
                  "has more than 400 files with a second name outside of it (hard links), which "
                  "cannot all be kept unchanged: copy them (git clone --no-hardlinks, git repack "
                  "-ad), or grant \"ro\"");
  }
  return done();
}

Result<Descriptor> ScopeTree::open_beneath(const std::string& path) const {
  Descriptor file = open_without_links(root_.number(), path, O_PATH | O_NOFOLLOW);
  if (file) return file;
  return refuse(scope_.path.string(), "changed while it was examined: try again");
}

}  // namespace toolgate

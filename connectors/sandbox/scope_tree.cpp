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

bool is_repository(std::string_view path) { return path == ".git" || path.ends_with("/.git"); }

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
    std::vector<std::string> paths;  // those seen in the scope
    std::size_t names = 0;
  };

  Status folder(int at, const std::string& path, std::size_t depth);
  // A name may begin above the scope: "hooks" in the scope "/repository/.git".
  std::string whole(const std::string& path) const { return scope_ + "/" + path; }
  Status unreadable(int at) const;
  Status unseen(int at) const;
  Status link(const std::string& path) const;
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
  if (copy < 0) return unreadable(at);
  std::unique_ptr<DIR, CloseFolder> folder(::fdopendir(copy));
  if (!folder) {
    ::close(copy);
    return refuse(scope_, "cannot be read");
  }
  for (;;) {
    errno = 0;
    const dirent* next = ::readdir(folder.get());
    if (next == nullptr && errno != 0) return refuse(scope_, "cannot be read to its end");
    if (next == nullptr) break;
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

// A mount on it would be one on its target, and the link could still be replaced: what stands at a
// protected name over a link (".bashrc" of a collection of dotfiles, ".git" of a repository that is
// elsewhere) cannot be held; nor can what is not there yet, since the link may lead anywhere.
Status Walk::link(const std::string& path) const {
  if (!writable_) return done();
  const auto names = names_.continued(whole(path));
  if (names.empty() && !is_repository(path)) return done();
  const std::string protected_name = names.empty() ? ".git" : names.front().name;
  return refuse(scope_, "has the protected name \"" + protected_name +
                            "\" over a symbolic link, which could be replaced: put the file "
                            "itself there, take the name off (\"protect\": [\"!" +
                            protected_name + "\"]), or grant \"ro\"");
}

// Somebody else's directory that we cannot read is nothing to the server either. Our own is one
// chmod away from being read and written by it, with all that was not seen in it.
Status Walk::unreadable(int at) const {
  struct stat about{};
  if (!writable_ || ::fstat(at, &about) != 0 || about.st_uid != ::geteuid()) return done();
  return refuse(scope_,
                "holds a directory of yours that you cannot read, so that nobody knows what must "
                "be protected in it (find PATH -type d ! -perm -500): make it readable (chmod "
                "u+rwx), or grant \"ro\"");
}

// What could not be examined: gone in the meantime, or not ours to see; all else is no answer.
Status Walk::unseen(int at) const {
  if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return done();
  if (errno == EACCES) return unreadable(at);
  return refuse(scope_, std::string("cannot be examined: ") + std::strerror(errno));
}

Status Walk::entry(int at, const dirent& entry, const std::string& path, std::size_t depth) {
  struct stat about{};
  const bool known = entry.d_type == DT_DIR || entry.d_type == DT_LNK;
  if (!known && ::fstatat(at, entry.d_name, &about, AT_SYMLINK_NOFOLLOW) != 0) {
    return unseen(at);
  }
  const bool is_folder = entry.d_type == DT_DIR || S_ISDIR(about.st_mode);
  const bool is_link = entry.d_type == DT_LNK || S_ISLNK(about.st_mode);
  if (is_link) return link(path);
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
    if (!inner) return unseen(at);
    return folder(inner.number(), path, depth + 1);
  }
  // Neither a read-only mount nor, inside of what is writable (another scope, /tmp), Landlock stops
  // writing to a fifo.
  if (!writable_ && S_ISFIFO(about.st_mode)) {
    if (held_.size() >= most_held) {
      return refuse(scope_,
                    "has more than 400 fifos and protected names: grant a smaller directory");
    }
    held_.push_back(HeldPath{path, Protection::hidden, false});
  }
  if (writable_ && S_ISREG(about.st_mode) && about.st_nlink > 1) {
    Linked& linked = linked_[{about.st_dev, about.st_ino}];
    linked.names = about.st_nlink;
    linked.paths.push_back(path);
  }
  return done();
}

// A worktree's ".git" is a file that says where the repository is, with its hooks.
const ProtectedName* Walk::protection_of(const std::string& path, bool is_folder) const {
  static const ProtectedName repository{".git", Protection::unchanged};
  return is_repository(path) && !is_folder ? &repository : names_.find(whole(path));
}

// What a file with a name outside of the scope is held by: itself, or the whole tree that a package
// manager linked out of its store.
HeldPath holder_of(const std::string& path) {
  constexpr std::string_view packages = "node_modules/";
  const std::size_t found = path.starts_with(packages) ? 0 : path.find("/node_modules/");
  if (found == std::string::npos) return HeldPath{path, Protection::unchanged, false};
  const std::size_t begin = found == 0 ? 0 : found + 1;
  return HeldPath{path.substr(0, begin + packages.size() - 1), Protection::unchanged, true};
}

std::vector<HeldPath> Walk::held() && {
  std::vector<HeldPath> all = std::move(held_);
  for (const auto& [id, linked] : linked_) {
    if (linked.paths.size() >= linked.names) continue;
    for (const std::string& path : linked.paths) all.push_back(holder_of(path));
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

Status ScopeTree::reopen() {
  struct stat before{};
  struct stat now{};
  Descriptor again = open_without_links(AT_FDCWD, scope_.path.string(), O_PATH);
  if (!again || ::fstat(root_.number(), &before) != 0 || ::fstat(again.number(), &now) != 0 ||
      before.st_dev != now.st_dev || before.st_ino != now.st_ino) {
    return refuse(scope_.path.string(), "changed while the sandbox was made: try again");
  }
  root_ = std::move(again);
  return done();
}

}  // namespace toolgate

#include "gateway/scopes/file_scopes.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <system_error>

namespace toolgate {
namespace {

constexpr std::size_t most_links = 40;  // as the kernel's own limit
constexpr std::size_t most_levels = 256;
constexpr std::uint64_t no_links = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;

// An O_PATH descriptor, or errno. With O_NOFOLLOW a link at the end is opened itself, even where
// `resolve` allows none: only the walk wants that.
Descriptor open_path(int directory, const char* name, int flags, std::uint64_t resolve) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(O_PATH | O_CLOEXEC | flags);
  how.resolve = resolve;
  for (int attempts = 0; attempts < 8; ++attempts) {
    const long number = ::syscall(SYS_openat2, directory, name, &how, sizeof how);
    if (number >= 0) return Descriptor(static_cast<int>(number));
    if (errno != EAGAIN && errno != EINTR) break;
  }
  return Descriptor();
}

std::optional<struct stat> status_of(const Descriptor& descriptor) {
  struct stat status{};
  if (::fstat(descriptor.number(), &status) != 0) return std::nullopt;
  return status;
}

FileIdentity identity_of(const struct stat& status) { return {status.st_dev, status.st_ino}; }

// The walk has left all scopes, or never came into one. Says the same whether anything is there.
Refusal outside() { return Refusal(Reason::out_of_scope, "is outside of the file scopes"); }

Refusal unfollowed(const std::string& why) {
  return Refusal(Reason::out_of_scope, "cannot be followed within the file scopes (" + why + ")");
}

std::string joined(const std::vector<std::string>& names) {
  std::string path;
  for (const std::string& name : names) path += (path.empty() ? "" : "/") + name;
  return path;
}

// In one step, and by no link. A scope that is a file has nothing beneath it.
Descriptor beneath(const Descriptor& root, const std::string& path) {
  if (path.empty()) return Descriptor(::fcntl(root.number(), F_DUPFD_CLOEXEC, 0));
  return open_path(root.number(), path.c_str(), 0, RESOLVE_BENEATH | no_links);
}

}  // namespace

// One walk. A level is a directory, or the file at the end, on the way from "/" to here.
class PathWalk {
 public:
  PathWalk(FileScopes& scopes, const PathReading& path, std::size_t& steps)
      : scopes_(scopes), steps_(steps), given_(path.given) {
    rest_.assign(path.names.rbegin(), path.names.rend());
  }

  Result<FilePlace> run() {
    const FileIdentity& root = scopes_.root_identity_;
    levels_.push_back({Descriptor(), root, "", scope_of(root), true, true});
    while (!rest_.empty() && missing_.empty()) {
      if (steps_ == 0)
        return Refusal(Reason::out_of_scope,
                       "takes too long to be followed within the file scopes");
      --steps_;
      std::string name = std::move(rest_.back());
      rest_.pop_back();
      const bool is_base = given_ > 0;
      if (is_base) --given_;
      Status step = name == ".." ? leave() : enter(std::move(name), is_base);
      if (!step) return step.refusal();
    }
    return place();
  }

 private:
  struct Level {
    Descriptor descriptor;  // none: "/"
    FileIdentity identity;
    std::string name;
    std::optional<std::size_t> scope;  // that it lies in
    bool is_directory;
    bool may_leave;  // ".." from here tells nothing
  };

  bool is_inside() const { return levels_.back().scope.has_value(); }
  int here() const {
    const Descriptor& descriptor = levels_.back().descriptor;
    return descriptor ? descriptor.number() : scopes_.root_.number();
  }
  // Inside a scope the reason may be told, outside it would tell what is there.
  Refusal refused(const std::string& why) const {
    return is_inside() ? unfollowed(why) : outside();
  }

  // The scope whose root that is; of two with one root the one that allows less.
  std::optional<std::size_t> scope_of(const FileIdentity& identity) const {
    std::optional<std::size_t> found;
    for (std::size_t at = 0; at < scopes_.roots_.size(); ++at) {
      const FileScopes::Root& root = scopes_.roots_[at];
      if (!root.directory || root.identity != identity) continue;
      const auto allows = [&](std::size_t one) {
        const FileMode mode = scopes_.scopes_[one].mode;
        return mode == FileMode::ro ? 0 : mode == FileMode::rw_no_delete ? 1 : 2;
      };
      if (!found || allows(at) < allows(*found)) found = at;
    }
    return found;
  }

  Status leave() {
    if (!levels_.back().may_leave && !is_inside()) return outside();
    if (!levels_.back().is_directory) return refused("a '..' after a file");
    if (levels_.size() > 1) levels_.pop_back();
    return done();
  }

  Status enter(std::string name, bool is_base) {
    if (levels_.size() >= most_levels) return refused("it is too deep");
    Descriptor next = open_path(here(), name.c_str(), O_NOFOLLOW, RESOLVE_BENEATH);
    if (!next) return missed(std::move(name), errno);
    const auto status = status_of(next);
    if (!status) return refused("the kernel does not say what it is");
    if (S_ISLNK(status->st_mode)) return follow(next, is_base);
    const FileIdentity identity = identity_of(*status);
    auto scope = scope_of(identity);
    if (scope && !is_inside()) let_leave();  // that the way to a scope is there is no news
    if (!scope) scope = levels_.back().scope;
    const bool is_directory = S_ISDIR(status->st_mode);
    levels_.push_back({std::move(next), identity, std::move(name), scope, is_directory, is_base});
    return done();
  }

  // Nothing of that name: it, and what follows, may be made there.
  Status missed(std::string name, int error) {
    if (error == ELOOP) return refused("a link that depends on who follows it");
    if (error != ENOENT && error != ENOTDIR) {
      return refused(std::system_category().message(error));
    }
    if (!is_inside()) return outside();
    missing_.push_back(std::move(name));
    for (; !rest_.empty(); rest_.pop_back()) {
      if (rest_.back() == "..") return unfollowed("a '..' after what does not exist");
      if (rest_.back().size() > longest_path_name) return unfollowed("a name is too long");
      missing_.push_back(std::move(rest_.back()));
    }
    return done();
  }

  Status follow(const Descriptor& link, bool is_base) {
    if (++links_ > most_links) return refused("too many symbolic links");
    struct statfs file_system{};
    const bool known = ::fstatfs(link.number(), &file_system) == 0;
    if (!known || file_system.f_type == PROC_SUPER_MAGIC) {
      return refused("a link that depends on who follows it");
    }
    std::array<char, longest_path + 1> text;
    const ssize_t size = ::readlinkat(link.number(), "", text.data(), text.size());
    if (size <= 0 || static_cast<std::size_t>(size) > longest_path) {
      return refused("a symbolic link that leads nowhere");
    }
    const std::string_view target(text.data(), static_cast<std::size_t>(size));
    let_leave();  // what a link says is no guess of the caller's
    if (target.starts_with('/')) levels_.erase(levels_.begin() + 1, levels_.end());
    std::vector<std::string> names = path_names(target);
    if (is_base) given_ += names.size();
    for (; !names.empty(); names.pop_back()) rest_.push_back(std::move(names.back()));
    return done();
  }

  void let_leave() {
    for (Level& level : levels_) level.may_leave = true;
  }

  // The kernel's word for it, in one step from the scope's own descriptor.
  Result<FilePlace> place() {
    const auto scope = levels_.back().scope;
    if (!scope) return outside();
    const FileScopes::Root& root = scopes_.roots_[*scope];
    std::vector<std::string> names;
    for (std::size_t at = levels_.size() - 1; levels_[at].identity != root.identity; --at) {
      names.insert(names.begin(), levels_[at].name);
    }
    FilePlace place;
    place.scope = *scope;
    place.beneath = joined(names);
    place.reached = beneath(root.directory, place.beneath);
    if (!place.reached) return unfollowed("it changes while it is looked at");
    place.missing = joined(missing_);
    if (!missing_.empty()) place.beneath += (place.beneath.empty() ? "" : "/") + place.missing;
    return place;
  }

  FileScopes& scopes_;
  std::size_t& steps_;
  std::size_t given_;              // of the names to come, how many are the working directory's
  std::vector<std::string> rest_;  // the next name is the last element
  std::vector<Level> levels_;
  std::vector<std::string> missing_;
  std::size_t links_ = 0;
};

FileScopes::FileScopes(std::vector<FileScope> scopes,
                       const std::filesystem::path& working_directory)
    : scopes_(std::move(scopes)), roots_(scopes_.size()) {
  if (scopes_.empty()) return;
  std::error_code error;
  const auto real = std::filesystem::canonical(working_directory, error);
  working_directory_ = path_names((error ? working_directory : real).string());
  root_ = Descriptor(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (const auto status = status_of(root_)) root_identity_ = identity_of(*status);
  for (std::size_t at = 0; at < roots_.size(); ++at) {
    roots_[at].names = path_names(scopes_[at].path.string());
  }
  open_missing();
}

void FileScopes::open_missing() {
  for (std::size_t at = 0; at < roots_.size(); ++at) {
    Root& root = roots_[at];
    if (root.directory) continue;
    Descriptor opened = open_path(AT_FDCWD, scopes_[at].path.c_str(), 0, no_links);
    const auto status = opened ? status_of(opened) : std::nullopt;
    if (!status) continue;
    root.identity = identity_of(*status);
    root.directory = std::move(opened);
  }
}

std::optional<FilePlace> FileScopes::direct(const PathReading& path) const {
  std::optional<std::size_t> scope;
  for (std::size_t at = 0; at < roots_.size(); ++at) {
    const auto& names = roots_[at].names;
    const bool begins = names.size() <= path.names.size() &&
                        std::equal(names.begin(), names.end(), path.names.begin());
    if (begins && (!scope || names.size() > roots_[*scope].names.size())) scope = at;
  }
  const bool climbs = std::ranges::find(path.names, "..") != path.names.end();
  if (!scope || climbs || !roots_[*scope].directory) return std::nullopt;
  const Root& root = roots_[*scope];
  const Descriptor named = open_path(AT_FDCWD, scopes_[*scope].path.c_str(), 0, no_links);
  const auto status = named ? status_of(named) : std::nullopt;
  if (!status || identity_of(*status) != root.identity) return std::nullopt;
  FilePlace place;
  place.scope = *scope;
  std::vector<std::string> rest(path.names.begin() + static_cast<std::ptrdiff_t>(root.names.size()),
                                path.names.end());
  place.beneath = joined(rest);
  place.reached = beneath(root.directory, place.beneath);
  // A link there, even one that leads nowhere, would be another error.
  if (!place.reached && errno == ENOENT && !rest.empty()) {
    place.missing = rest.back();
    rest.pop_back();
    place.reached = beneath(root.directory, joined(rest));
  }
  if (!place.reached) return std::nullopt;
  return place;
}

Result<FilePlace> FileScopes::locate(const PathReading& path, std::size_t& steps) {
  if (!root_) return outside();
  open_missing();
  if (steps >= path.names.size()) {
    if (auto place = direct(path)) {
      steps -= path.names.size();
      return std::move(*place);
    }
  }
  return PathWalk(*this, path, steps).run();
}

bool FileScopes::is_in_working_directory(const std::string& name) const {
  struct stat status{};
  const std::string path = "/" + joined(working_directory_) + "/" + name;
  return ::lstat(path.c_str(), &status) == 0;
}

}  // namespace toolgate

#include "connectors/sandbox/staging.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <map>
#include <optional>

#include "connectors/sandbox/host.hpp"

namespace toolgate {
namespace {

constexpr unsigned nobody = 65534;
constexpr const char* stage_folder = "/tmp";

// linux/mount.h and sys/mount.h of one system do not always agree on these.
constexpr unsigned clone_tree = 1;                     // OPEN_TREE_CLONE
constexpr unsigned move_from_empty_path = 0x04;        // MOVE_MOUNT_F_EMPTY_PATH
constexpr unsigned move_to_empty_path = 0x40;          // MOVE_MOUNT_T_EMPTY_PATH
constexpr std::uint64_t attribute_read_only = 0x01;    // MOUNT_ATTR_RDONLY
constexpr std::uint64_t attribute_idmap = 0x00100000;  // MOUNT_ATTR_IDMAP

struct MountAttributes {
  std::uint64_t set = 0;
  std::uint64_t clear = 0;
  std::uint64_t propagation = 0;
  std::uint64_t user_namespace = 0;
};

Refusal failed(const std::string& what) {
  return Refusal(Reason::unsupported, what + ": " + std::strerror(errno));
}

bool write_line(const std::string& path, const std::string& line) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return file &&
         ::write(file.number(), line.data(), line.size()) == static_cast<ssize_t>(line.size());
}

// A user namespace whose only purpose is its map: on disk `owner`, seen as `user`.
Descriptor map_of(SandboxUser owner, SandboxUser user) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return Descriptor();
  Descriptor reading(ends[0]);
  Descriptor writing(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return Descriptor();
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const char byte = ::unshare(CLONE_NEWUSER) == 0 ? 'y' : 'n';
    if (::write(writing.number(), &byte, 1) == 1) ::pause();
    ::_exit(1);
  }
  writing.close();
  char byte = 'n';
  Descriptor map;
  const std::string process = "/proc/" + std::to_string(child);
  auto line = [](unsigned from, unsigned to) {
    return std::to_string(from) + " " + std::to_string(to) + " 1\n";
  };
  if (::read(reading.number(), &byte, 1) == 1 && byte == 'y' &&
      write_line(process + "/uid_map", line(owner.user, user.user)) &&
      write_line(process + "/gid_map", line(owner.group, user.group))) {
    map = Descriptor(::open((process + "/ns/user").c_str(), O_RDONLY | O_CLOEXEC));
  }
  const int error = errno;
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  errno = error;
  return map;
}

class Stage {
 public:
  explicit Stage(SandboxUser user) : user_(user) {}

  Status open() {
    if (::mount("tmpfs", stage_folder, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m") != 0) {
      return failed("a place for the mounts of the sandbox at /tmp");
    }
    empty_folder_ = make_place(Shape::folder);
    empty_file_ = make_place(Shape::file);
    return done();
  }

  Status put(Mount& mount) {
    for (const Outermost& outer : outermost_) {
      if (mount.path.starts_with(outer.path + "/")) return put_within(outer, mount);
    }
    struct stat about{};
    if (::fstat(mount.source.number(), &about) != 0) return failed("'" + mount.path + "'");
    const std::string place = make_place(S_ISDIR(about.st_mode) ? Shape::folder : Shape::file);
    Descriptor target = open_without_links(AT_FDCWD, place, O_PATH);
    auto tree = clone_of(mount);
    if (!tree) return tree.refusal();
    Status attached = attach(*tree, target, mount);
    if (!attached) return attached;
    mount.source = open_without_links(AT_FDCWD, place, O_PATH);
    if (!mount.source) return failed("a mount of '" + mount.path + "'");
    outermost_.push_back(Outermost{mount.path, place});
    return done();
  }

  bool is_outermost(const Mount& mount) const {
    return std::ranges::find(outermost_, mount.path, &Outermost::path) != outermost_.end();
  }

 private:
  struct Outermost {
    std::string path;
    std::string place;
  };
  enum class Shape { folder, file };

  std::string make_place(Shape shape) {
    std::string place = std::string(stage_folder) + "/" + std::to_string(count_++);
    if (shape == Shape::folder) {
      ::mkdir(place.c_str(), 0755);
    } else {
      Descriptor file(::open(place.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    }
    return place;
  }

  Status put_within(const Outermost& outer, Mount& mount) {
    Descriptor root = open_without_links(AT_FDCWD, outer.place, O_PATH);
    const std::string below = mount.path.substr(outer.path.size() + 1);
    Descriptor target = open_without_links(root.number(), below, O_PATH | O_NOFOLLOW);
    struct stat about{};
    const bool found = target && ::fstat(target.number(), &about) == 0;
    if (!found || S_ISLNK(about.st_mode)) {
      return Refusal(Reason::unavailable,
                     "'" + mount.path + "' changed while the sandbox was made" +
                         (found ? "" : std::string(": ") + std::strerror(errno)) + ": try again");
    }
    if (mount.kind == Mount::Kind::hidden) {
      const std::string& empty = S_ISDIR(about.st_mode) ? empty_folder_ : empty_file_;
      mount.source = open_without_links(AT_FDCWD, empty, O_PATH);
    } else if (!mount.source) {
      // Of the mount around it, so that it has its owner's map.
      Descriptor tree = open_tree(target);
      if (!tree) return failed("a mount of '" + mount.path + "'");
      return attach(tree, target, mount);
    }
    auto tree = clone_of(mount);
    if (!tree) return tree.refusal();
    return attach(*tree, target, mount);
  }

  static Descriptor open_tree(const Descriptor& of) {
    return Descriptor(static_cast<int>(::syscall(
        SYS_open_tree, of.number(), "", clone_tree | AT_RECURSIVE | AT_EMPTY_PATH | O_CLOEXEC)));
  }

  Result<Descriptor> clone_of(const Mount& mount) {
    struct stat about{};
    Descriptor tree = open_tree(mount.source);
    if (!tree || ::fstat(tree.number(), &about) != 0)
      return failed("a mount of '" + mount.path + "'");
    Status mapped = map(tree, SandboxUser{about.st_uid, about.st_gid}, mount);
    if (!mapped) return mapped.refusal();
    return tree;
  }

  static Status attach(const Descriptor& tree, const Descriptor& target, const Mount& mount) {
    MountAttributes attributes;
    attributes.set = attribute_read_only;
    if (mount.kind != Mount::Kind::writable &&
        ::syscall(SYS_mount_setattr, tree.number(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes,
                  sizeof attributes) != 0) {
      return failed("making '" + mount.path + "' read-only");
    }
    if (!target || ::syscall(SYS_move_mount, tree.number(), "", target.number(), "",
                             move_from_empty_path | move_to_empty_path) != 0) {
      return failed("a mount on '" + mount.path + "'");
    }
    return done();
  }

  Status map(const Descriptor& tree, SandboxUser owner, const Mount& mount) {
    if (::geteuid() != 0 || owner.user == user_.user || mount.kind == Mount::Kind::hidden) {
      return done();
    }
    Descriptor& known = maps_[{owner.user, owner.group}];
    if (!known) known = map_of(owner, user_);
    MountAttributes attributes;
    attributes.set = attribute_idmap;
    attributes.user_namespace = static_cast<std::uint64_t>(known.number());
    const bool works = known && ::syscall(SYS_mount_setattr, tree.number(), "", AT_EMPTY_PATH,
                                          &attributes, sizeof attributes) == 0;
    // Without one the server reads what everybody may read: less than was granted, never more.
    if (works || mount.kind == Mount::Kind::read_only) return done();
    return Refusal(Reason::unsupported,
                   "'" + mount.path + "' belongs to the user " + std::to_string(owner.user) +
                       ", and its file system has no id-mapped mounts (" + std::strerror(errno) +
                       "), so that no server may write there for a gateway that runs as root: run "
                       "the gateway as that user");
  }

  SandboxUser user_;
  std::size_t count_ = 0;
  std::string empty_folder_;
  std::string empty_file_;
  std::vector<Outermost> outermost_;
  std::map<std::pair<unsigned, unsigned>, Descriptor> maps_;
};

}  // namespace

SandboxUser sandbox_user(const std::vector<ScopeTree>& scopes) {
  std::optional<SandboxUser> only;
  for (const ScopeTree& scope : scopes) {
    if (scope.scope().mode == FileMode::ro) continue;
    if (scope.owner() == 0 || (only && only->user != scope.owner())) {
      return SandboxUser{nobody, nobody};
    }
    only = SandboxUser{scope.owner(), scope.group()};
  }
  if (only && only->group == 0) only->group = nobody;
  return only.value_or(SandboxUser{nobody, nobody});
}

Status leave_mount_namespace() {
  const unsigned user = ::geteuid();
  const unsigned group = ::getegid();
  const int wanted = user == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER;
  if (::unshare(wanted) != 0) {
    const int error = errno;
    const auto lacking = user == 0 ? std::nullopt : lacking_namespaces(error);
    errno = error;
    return lacking ? Refusal(Reason::uncontained, *lacking) : failed("a mount namespace");
  }
  if (user != 0) {
    ::prctl(PR_SET_DUMPABLE, 1);  // or the files would be root's
    auto map = [](unsigned id) { return std::to_string(id) + " " + std::to_string(id) + " 1\n"; };
    const bool mapped = write_line("/proc/self/setgroups", "deny") &&
                        write_line("/proc/self/uid_map", map(user)) &&
                        write_line("/proc/self/gid_map", map(group));
    const int error = errno;
    ::prctl(PR_SET_DUMPABLE, 0);
    errno = error;
    if (!mapped) return failed("a user namespace for the mounts");
  }
  if (::mount("", "/", "", MS_REC | (user == 0 ? MS_PRIVATE : MS_SLAVE), nullptr) != 0) {
    return failed("a mount namespace");
  }
  return done();
}

Status stage(std::vector<Mount>& mounts, SandboxUser user) {
  Stage stage(user);
  Status opened = stage.open();
  if (!opened) return opened;
  for (Mount& mount : mounts) {
    Status put = stage.put(mount);
    if (!put) return put;
  }
  std::erase_if(mounts, [&](const Mount& mount) { return !stage.is_outermost(mount); });
  return done();
}

Status become(SandboxUser user) {
  if (::setgroups(0, nullptr) != 0 || ::setresgid(user.group, user.group, user.group) != 0 ||
      ::setresuid(user.user, user.user, user.user) != 0) {
    return failed("giving up the user id 0");
  }
  if (::geteuid() == 0 || ::setuid(0) == 0) {
    return Refusal(Reason::unsupported, "the user id 0 could not be given up");
  }
  return done();
}

}  // namespace toolgate

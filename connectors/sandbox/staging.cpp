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

#include <cerrno>
#include <csignal>
#include <cstring>
#include <map>
#include <optional>

namespace toolgate {
namespace {

constexpr unsigned nobody = 65534;
constexpr const char* stage_folder = "/tmp";

// linux/mount.h and sys/mount.h of one system do not always agree on these.
constexpr unsigned clone_tree = 1;                     // OPEN_TREE_CLONE
constexpr unsigned move_from_empty_path = 0x04;        // MOVE_MOUNT_F_EMPTY_PATH
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

// One place in the stage, a directory or a file as what is put there.
std::string make_place(std::size_t number, bool is_folder) {
  std::string place = std::string(stage_folder) + "/" + std::to_string(number);
  if (is_folder) {
    ::mkdir(place.c_str(), 0755);
  } else {
    Descriptor file(::open(place.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  }
  return place;
}

class Stage {
 public:
  explicit Stage(SandboxUser user) : user_(user) {}

  Status open() {
    if (::mount("tmpfs", stage_folder, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m") != 0) {
      return failed("a place for the mounts of the sandbox at /tmp");
    }
    return done();
  }

  Status put(Mount& mount) {
    if (!mount.source) return done();
    struct stat about{};
    if (::fstat(mount.source.number(), &about) != 0) return failed("'" + mount.path + "'");
    Descriptor tree(static_cast<int>(::syscall(SYS_open_tree, mount.source.number(), "",
                                               clone_tree | AT_EMPTY_PATH | O_CLOEXEC)));
    if (!tree) return failed("a mount of '" + mount.path + "'");
    const SandboxUser owner{about.st_uid, about.st_gid};
    Status mapped = map(tree, owner, mount);
    if (!mapped) return mapped;
    const std::string place = make_place(count_++, S_ISDIR(about.st_mode));
    if (::syscall(SYS_move_mount, tree.number(), "", AT_FDCWD, place.c_str(),
                  move_from_empty_path) != 0) {
      return failed("a mount of '" + mount.path + "'");
    }
    mount.source = open_without_links(AT_FDCWD, place, O_PATH);
    if (!mount.source) return failed("a mount of '" + mount.path + "'");
    return done();
  }

 private:
  Status map(const Descriptor& tree, SandboxUser owner, const Mount& mount) {
    if (owner.user == user_.user) return done();
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
  if (::unshare(CLONE_NEWNS) != 0 || ::mount("", "/", "", MS_REC | MS_PRIVATE, nullptr) != 0) {
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

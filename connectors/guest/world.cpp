#include "connectors/guest/world.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "connectors/guest/orders.hpp"
#include "connectors/launcher/refusal.hpp"

namespace toolgate {
namespace {

constexpr const char* world = "/root";  // in the first file system, until it is the root itself
constexpr unsigned long harmless = MS_NOSUID | MS_NODEV;

struct Path {
  explicit Path(const char* below) { std::snprintf(text, sizeof text, "%s%s", world, below); }
  char text[PATH_MAX + 16];
};

struct Shown {
  const char* path = nullptr;
  unsigned long flags = 0;
  int tree = -1;
  bool is_pinned = false;  // by a mount of its own above it
};

struct ShownList {
  Shown* begin = nullptr;
  std::size_t count = 0;
};

bool is_beneath(const char* path, const char* folder) {
  const std::size_t length = std::strlen(folder);
  return std::strncmp(path, folder, length) == 0 && path[length] == '/';
}

void mount_export(GuestUser user) {
  char options[256];
  std::snprintf(options, sizeof options,
                "trans=virtio,version=9p2000.L,msize=131072,cache=mmap,access=any,dfltuid=%u,"
                "dfltgid=%u",
                user.user, user.group);
  if (mount(guest_tag, world, "9p", harmless, options) != 0) refuse("the files of the host");
}

void restrict_mount(const char* path, unsigned long flags) {
  if (mount(nullptr, path, nullptr, MS_REMOUNT | MS_BIND | harmless | flags, nullptr) != 0) {
    refuse(path);
  }
}

// Taken before anything covers them.
ShownList take_mounts(OrderReader& orders) {
  ShownList list;
  list.count = orders.number();
  constexpr std::size_t most = 1U << 16;
  if (list.count > most) refuse_orders();
  list.begin = static_cast<Shown*>(std::calloc(list.count + 1, sizeof(Shown)));
  if (list.begin == nullptr) refuse("memory for the orders");
  for (std::size_t i = 0; i < list.count; ++i) {
    Shown& shown = list.begin[i];
    const char* letters = orders.text();
    shown.path = orders.text();
    if (shown.path[0] != '/' || std::strlen(shown.path) >= PATH_MAX) refuse_orders();
    if (std::strchr(letters, static_cast<char>(GuestMount::writable)) == nullptr) {
      shown.flags |= MS_RDONLY;
    }
    if (std::strchr(letters, static_cast<char>(GuestMount::executable)) == nullptr) {
      shown.flags |= MS_NOEXEC;
    }
    constexpr unsigned clone = 1;  // OPEN_TREE_CLONE
    shown.tree =
        static_cast<int>(syscall(SYS_open_tree, AT_FDCWD, Path(shown.path).text,
                                 clone | AT_SYMLINK_NOFOLLOW | static_cast<unsigned>(O_CLOEXEC)));
    if (shown.tree < 0) refuse(shown.path);
  }
  return list;
}

void mount_memory(const char* path, std::uint64_t bytes, unsigned mode, GuestUser owner,
                  unsigned long flags) {
  char options[128];
  std::snprintf(options, sizeof options, "size=%llu,mode=%o,uid=%u,gid=%u",
                static_cast<unsigned long long>(bytes), mode, owner.user, owner.group);
  if (mount("tmpfs", path, "tmpfs", harmless | flags, options) != 0) refuse(path);
}

void make_folder(const char* path) {
  if (mkdir(path, 0755) != 0 && errno != EEXIST) refuse(path);
}

// What lies beneath a private folder is mounted over memory: its place is made, and the folder
// directly in the private one becomes a mount of its own, in which nothing changes, so that what
// stands above a scope cannot be moved.
void make_place(Shown& shown, const char* folder) {
  char* path = strdup(Path(shown.path).text);
  if (path == nullptr) refuse("memory for a path");
  char* slash = std::strchr(path + std::strlen(Path(folder).text) + 1, '/');
  if (slash != nullptr) {
    *slash = '\0';
    make_folder(path);
    struct stat pin{};
    struct stat above{};
    constexpr std::uint64_t pin_bytes = 65536;
    if (stat(path, &pin) != 0 || stat(Path(folder).text, &above) != 0) refuse(path);
    if (pin.st_dev == above.st_dev) {
      mount_memory(path, pin_bytes, 0755, GuestUser{}, MS_NOEXEC);
      shown.is_pinned = true;
    }
    *slash = '/';
  }
  for (; slash != nullptr; slash = std::strchr(slash + 1, '/')) {
    *slash = '\0';
    make_folder(path);
    *slash = '/';
  }
  struct stat about{};
  struct stat there{};
  if (fstat(shown.tree, &about) != 0) refuse(path);
  if (stat(path, &there) == 0) {
    // made by a scope around it
  } else if (S_ISDIR(about.st_mode)) {
    make_folder(path);
  } else {
    const int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0) refuse(path);
    close(file);
  }
  std::free(path);
}

const char* private_folder_above(const char* path) {
  for (const char* folder : guest_private_folders) {
    if (is_beneath(path, folder)) return folder;
  }
  return nullptr;
}

void attach(const Shown& shown) {
  constexpr unsigned from_empty_path = 4;  // MOVE_MOUNT_F_EMPTY_PATH
  const Path path(shown.path);
  if (syscall(SYS_move_mount, shown.tree, "", AT_FDCWD, path.text, from_empty_path) != 0) {
    refuse(shown.path);
  }
  close(shown.tree);
  restrict_mount(path.text, shown.flags);
}

void close_pin(const Shown& shown, const char* folder) {
  Path path(shown.path);
  char* slash = std::strchr(path.text + std::strlen(Path(folder).text) + 1, '/');
  *slash = '\0';
  restrict_mount(path.text, MS_RDONLY | MS_NOEXEC);
}

void make_devices() {
  struct Node {
    const char* path;
    unsigned minor;
  };
  mount_memory(Path("/dev").text, 65536, 0755, GuestUser{}, MS_NOEXEC);
  if (mount(nullptr, Path("/dev").text, nullptr, MS_REMOUNT | MS_BIND | MS_NOSUID, nullptr) != 0) {
    refuse("/dev");
  }
  umask(0);
  constexpr unsigned memory_devices = 1;
  for (const Node& node : {Node{"/dev/null", 3}, Node{"/dev/zero", 5}, Node{"/dev/full", 7},
                           Node{"/dev/random", 8}, Node{"/dev/urandom", 9}}) {
    if (mknod(Path(node.path).text, S_IFCHR | 0666, makedev(memory_devices, node.minor)) != 0) {
      refuse(node.path);
    }
  }
  if (mknod(Path("/dev/tty").text, S_IFCHR | 0666, makedev(5, 0)) != 0) refuse("/dev/tty");
  umask(022);
  const bool linked = symlink("/proc/self/fd", Path("/dev/fd").text) == 0 &&
                      symlink("/proc/self/fd/0", Path("/dev/stdin").text) == 0 &&
                      symlink("/proc/self/fd/1", Path("/dev/stdout").text) == 0 &&
                      symlink("/proc/self/fd/2", Path("/dev/stderr").text) == 0;
  if (!linked) refuse("the links in /dev");
  make_folder(Path("/dev/shm").text);
}

}  // namespace

void make_world(OrderReader& orders, GuestUser user) {
  mount_export(user);
  const std::uint64_t bytes = orders.number();
  const ShownList list = take_mounts(orders);
  restrict_mount(world, MS_RDONLY | MS_NOEXEC);
  make_devices();
  if (mount("proc", Path("/proc").text, "proc", harmless | MS_NOEXEC, "hidepid=invisible") != 0) {
    refuse("/proc");
  }
  restrict_mount(Path("/proc").text, MS_RDONLY | MS_NOEXEC);
  for (const char* folder : guest_private_folders) {
    mount_memory(Path(folder).text, bytes, 0700, user, MS_NOEXEC);
  }
  for (std::size_t i = 0; i < list.count; ++i) {
    const char* folder = private_folder_above(list.begin[i].path);
    if (folder != nullptr) make_place(list.begin[i], folder);
    attach(list.begin[i]);
  }
  for (std::size_t i = 0; i < list.count; ++i) {
    if (!list.begin[i].is_pinned) continue;
    close_pin(list.begin[i], private_folder_above(list.begin[i].path));
  }
  if (mount(nullptr, Path("/dev").text, nullptr,
            MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NOEXEC | MS_RDONLY, nullptr) != 0) {
    refuse("/dev");
  }
  if (chdir(world) != 0 || mount(".", "/", nullptr, MS_MOVE, nullptr) != 0 || chroot(".") != 0 ||
      chdir("/") != 0) {
    refuse("the root directory");
  }
}

}  // namespace toolgate

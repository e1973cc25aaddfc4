// Attacks on files: what a scope, a mount and Landlock have to stop.

#include <dirent.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/programs/escape/attacks.hpp"

namespace escape {
namespace {

// Says the first line of an open file.
long say_line(int file) {
  if (file < 0) return -1;
  char text[200] = {};
  const ssize_t count = read(file, text, sizeof text - 1);
  if (count < 0) return -1;
  text[std::strcspn(text, "\n")] = '\0';
  say("%s", text);
  return 0;
}

long write_text(int file) { return file < 0 ? -1 : write(file, "attack\n", 7); }

mode_t mode_of(const char* text) { return static_cast<mode_t>(std::strtoul(text, nullptr, 8)); }

long read_file(char** a) { return say_line(open(a[0], O_RDONLY | O_NONBLOCK)); }
long write_file(char** a) { return write_text(open(a[0], O_WRONLY | O_NONBLOCK)); }
long open_to_write(char** a) { return open(a[0], O_WRONLY | O_NONBLOCK); }
long append(char** a) { return write_text(open(a[0], O_WRONLY | O_APPEND)); }
long create(char** a) { return write_text(open(a[0], O_WRONLY | O_CREAT | O_EXCL, 0644)); }
long open_truncating(char** a) { return write_text(open(a[0], O_WRONLY | O_TRUNC)); }
// Of all the flags the kernel heeds O_PATH alone.
long open_path_creating(char** a) {
  return open(a[0], O_PATH | O_CREAT | O_RDWR, 0644) < 0 ? -1 : 0;
}
long truncate_file(char** a) { return truncate(a[0], 0); }
long list(char** a) {
  DIR* folder = opendir(a[0]);
  if (folder == nullptr) return -1;
  int count = 0;
  while (readdir(folder) != nullptr) ++count;
  say("%d", count - 2);
  return 0;
}
long exists(char** a) {
  struct stat about{};
  return stat(a[0], &about);
}
long remove_file(char** a) { return unlink(a[0]); }
long remove_folder(char** a) { return rmdir(a[0]); }
long make_folder(char** a) { return mkdir(a[0], 0755); }
long make_folder_mode(char** a) {
  if (mkdir(a[0], mode_of(a[1])) != 0) return -1;
  struct stat about{};
  if (stat(a[0], &about) != 0) return -1;
  say("%o", about.st_mode & 07777U);
  return 0;
}
long make_device(char** a) { return mknod(a[0], S_IFCHR | 0666, 0x103); }
long make_block_device(char** a) { return mknodat(AT_FDCWD, a[0], S_IFBLK | 0666, 0x800); }
// How overlayfs says that something is gone.
long make_whiteout(char** a) { return mknod(a[0], S_IFCHR | 0666, 0); }
long make_fifo(char** a) { return mkfifo(a[0], 0666); }
long make_plain_node(char** a) { return mknod(a[0], S_IFREG | 04755, 0); }
long change_mode(char** a) { return chmod(a[0], mode_of(a[1])); }
long change_mode_by_number(char** a) {
  constexpr long fchmodat2 = 452;
  return syscall(fchmodat2, AT_FDCWD, a[0], mode_of(a[1]), 0);
}
// The kernel takes 16 bits of it.
long change_mode_high_bits(char** a) {
  return syscall(SYS_chmod, a[0], 0x7'0000'0000'0000UL | mode_of(a[1]));
}
long change_open_mode(char** a) {
  int file = open(a[0], O_RDONLY);
  return file < 0 ? -1 : fchmod(file, mode_of(a[1]));
}
long create_mode(char** a) { return open(a[0], O_WRONLY | O_CREAT, mode_of(a[1])); }
long create_mode_creat(char** a) { return creat(a[0], mode_of(a[1])); }
long create_mode_openat2(char** a) {
  open_how how{};
  how.flags = O_WRONLY | O_CREAT;
  how.mode = mode_of(a[1]);
  return syscall(SYS_openat2, AT_FDCWD, a[0], &how, sizeof how);
}
long create_mode_unnamed(char** a) { return open(a[0], O_WRONLY | O_TMPFILE, mode_of(a[1])); }
long change_owner(char** a) { return chown(a[0], 0, 0); }
long change_times(char** a) { return utimensat(AT_FDCWD, a[0], nullptr, 0); }
long set_attribute(char** a) { return setxattr(a[0], "user.escape", "x", 1, 0); }
// A capability on a file would be one on the host.
long set_file_capability(char** a) {
  const std::uint32_t held[6] = {0x0200'0001, ~0U, 0, ~0U, 0, 0};
  return setxattr(a[0], "security.capability", held, 20, 0);
}
long map_and_write(char** a) {
  int file = open(a[0], O_RDWR);
  if (file < 0) return -1;
  void* memory = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) return -1;
  std::memcpy(memory, "mapped", 6);
  return 0;
}
// Opened to be read, mapped, and then made writable.
long map_then_protect(char** a) {
  int file = open(a[0], O_RDONLY);
  if (file < 0) return -1;
  void* memory = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) return -1;
  return mprotect(memory, 4096, PROT_READ | PROT_WRITE);
}
long punch_hole(char** a) {
  int file = open(a[0], O_RDWR);
  return file < 0 ? -1 : fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096);
}
// What was opened to be looked at only, opened again through /proc to be written.
long reopen(char** a) {
  int file = open(a[0], O_PATH);
  if (file < 0) return -1;
  const std::string path = "/proc/self/fd/" + std::to_string(file);
  return write_text(open(path.c_str(), O_WRONLY));
}
long ask(char** a) {
  int file = open(a[0], O_RDONLY);
  char room[4096] = {};
  return file < 0 ? -1 : ioctl(file, std::strtoul(a[1], nullptr, 16), room);
}
long set_flags(char** a) {
  int file = open(a[0], O_RDONLY);
  if (file < 0) return -1;
  int flags = 0x40;  // FS_NODUMP_FL, which an owner may set
  return ioctl(file, 0x40086602UL, &flags);
}
long set_flags_high_bits(char** a) {
  int file = open(a[0], O_RDONLY);
  if (file < 0) return -1;
  int flags = 0x40;
  return syscall(SYS_ioctl, file, 0x7'4008'6602UL, &flags);
}
// Linux 6.17: the same without an ioctl.
long set_file_attributes(char** a) {
  struct {
    std::uint64_t flags = 0x80;  // FS_XFLAG_NODUMP
    std::uint32_t extent_bytes = 0, extents = 0, project = 0, copy_bytes = 0;
  } attributes;
  constexpr long file_setattr = 469;
  return syscall(file_setattr, AT_FDCWD, a[0], &attributes, sizeof attributes, 0);
}
// Whoever opens the file on the host would wait for this one.
long take_lease(char** a) {
  int file = open(a[0], O_RDONLY);
  return file < 0 ? -1 : fcntl(file, F_SETLEASE, F_RDLCK);
}
long name_to_handle(char** a) {
  struct {
    file_handle handle;
    char room[128];
  } id{};
  id.handle.handle_bytes = 128;
  int mount = 0;
  return name_to_handle_at(AT_FDCWD, a[0], &id.handle, &mount, 0);
}
long open_by_handle(char** a) {
  struct {
    file_handle handle;
    char room[8];
  } root{{8, 1, {}}, {2}};  // ext4: inode 2, the root
  int mount = open(a[0], O_RDONLY | O_DIRECTORY);
  return mount < 0 ? -1 : open_by_handle_at(mount, &root.handle, O_RDONLY);
}
// "..", forty times, one descriptor after the other, and then FILE. Ends in the sandbox's own root.
long climb(char** a) {
  int at = open(a[0], O_PATH | O_DIRECTORY);
  for (int i = 0; at >= 0 && i < 40; ++i) at = openat(at, "..", O_PATH | O_DIRECTORY);
  return at < 0 ? -1 : say_line(openat(at, a[1], O_RDONLY));
}

constexpr auto attacks = std::to_array<Attack>({
    {"read", read_file},
    {"write", write_file},
    {"open_to_write", open_to_write},
    {"append", append},
    {"create", create},
    {"open_truncating", open_truncating},
    {"open_path_creating", open_path_creating},
    {"truncate", truncate_file},
    {"list", list},
    {"exists", exists},
    {"unlink", remove_file},
    {"rmdir", remove_folder},
    {"mkdir", make_folder},
    {"mkdir_mode", make_folder_mode},
    {"mknod_character", make_device},
    {"mknod_block", make_block_device},
    {"mknod_whiteout", make_whiteout},
    {"mknod_file", make_plain_node},
    {"mkfifo", make_fifo},
    {"chmod", change_mode},
    {"fchmodat2", change_mode_by_number},
    {"chmod_high_bits", change_mode_high_bits},
    {"fchmod", change_open_mode},
    {"open_mode", create_mode},
    {"creat_mode", create_mode_creat},
    {"openat2_mode", create_mode_openat2},
    {"tmpfile_mode", create_mode_unnamed},
    {"chown_root", change_owner},
    {"utimes", change_times},
    {"setxattr", set_attribute},
    {"set_file_capability", set_file_capability},
    {"map_and_write", map_and_write},
    {"map_then_protect", map_then_protect},
    {"punch_hole", punch_hole},
    {"reopen", reopen},
    {"ioctl", ask},
    {"set_flags", set_flags},
    {"set_flags_high_bits", set_flags_high_bits},
    {"file_setattr", set_file_attributes},
    {"lease", take_lease},
    {"name_to_handle", name_to_handle},
    {"open_by_handle", open_by_handle},
    {"climb", climb},
});

}  // namespace

std::span<const Attack> file_attacks() { return attacks; }

}  // namespace escape

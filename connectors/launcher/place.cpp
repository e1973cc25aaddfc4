#include "connectors/launcher/place.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace toolgate {
namespace {

constexpr int most_links = 40;  // as the kernel's
constexpr ino_t root_of_proc = 1;

bool is_on_proc(int file) {
  struct statfs about{};
  return fstatfs(file, &about) == 0 && about.f_type == PROC_SUPER_MAGIC;
}

bool is_root_of_proc(int file) {
  struct stat about{};
  return is_on_proc(file) && fstat(file, &about) == 0 && about.st_ino == root_of_proc;
}

bool is(const char* text, const char* other) { return std::strcmp(text, other) == 0; }

class Walk {
 public:
  Walk(const Caller& caller, Place& place) : caller_(caller), place_(place) {}

  int run(int directory, const char* path, LastLink last) {
    if (*path == '\0') return ENOENT;
    if (std::strlen(path) >= sizeof rest_) return ENAMETOOLONG;
    std::strcpy(rest_, path);
    if (int error = begin(directory); error != 0) return error;
    return go_on(last);
  }

 private:
  int go_on(LastLink last) {
    for (;;) {
      if (int error = next_component(); error != 0) return error;
      if (is_last_) return finish(last);
      if (int error = step(); error != 0) return error;
    }
  }

  int begin(int directory) {
    char start[64];
    if (rest_[0] == '/') {
      std::snprintf(start, sizeof start, "/");
    } else if (directory == AT_FDCWD) {
      std::snprintf(start, sizeof start, "/proc/%d/cwd", caller_.thread);
    } else if (directory < 0) {
      return EBADF;
    } else {
      std::snprintf(start, sizeof start, "/proc/%d/fd/%d", caller_.thread, directory);
    }
    place_.directory.reset(open(start, O_PATH | O_CLOEXEC));
    if (place_.directory) return 0;
    return errno == ENOENT ? EBADF : errno;
  }

  // Takes one component off the rest, with the slashes around it.
  int next_component() {
    char* at = rest_;
    while (*at == '/') ++at;
    const std::size_t length = std::strcspn(at, "/");
    if (length > NAME_MAX) return ENAMETOOLONG;
    std::memcpy(place_.name, length == 0 ? "." : at, length == 0 ? 2 : length);
    if (length != 0) place_.name[length] = '\0';
    char* after = at + length;
    place_.names_a_directory = *after == '/' || length == 0;
    while (*after == '/') ++after;
    is_last_ = *after == '\0';
    std::memmove(rest_, after, std::strlen(after) + 1);
    return 0;
  }

  int step() {
    if (is(place_.name, ".")) return 0;
    const int here = place_.directory.number();
    if (is_own_entry()) return EACCES;
    OpenFile next(openat(here, place_.name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat about{};
    if (!next || fstat(next.number(), &about) != 0) return errno;
    if (S_ISLNK(about.st_mode)) return follow(next);
    if (!S_ISDIR(about.st_mode)) return ENOTDIR;
    place_.directory.reset(next.release());
    return 0;
  }

  int finish(LastLink last) {
    if (place_.is_special()) return 0;
    const int here = place_.directory.number();
    if (is_own_entry()) return EACCES;
    if (last == LastLink::keep) return 0;
    OpenFile found(openat(here, place_.name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat about{};
    if (!found) return errno == ENOENT ? 0 : errno;  // a name that may be made
    if (fstat(found.number(), &about) != 0) return errno;
    if (!S_ISLNK(about.st_mode)) return 0;
    if (int error = follow(found); error != 0) return error;
    return place_.name[0] == '\0' ? 0 : go_on(last);
  }

  bool is_own_entry() const {
    const bool is_number = place_.name[0] >= '1' && place_.name[0] <= '9';
    return is_number && std::atoi(place_.name) == getpid() &&
           is_root_of_proc(place_.directory.number());
  }

  // A link of /proc/PID leads to a file, not to a path: only the kernel can follow it.
  int follow(const OpenFile& link) {
    if (++links_ > most_links) return ELOOP;
    const int here = place_.directory.number();
    if (is_on_proc(here) && !is_root_of_proc(here)) {
      const int target = openat(here, place_.name, O_PATH | O_CLOEXEC);
      if (target < 0) return errno;
      place_.directory.reset(target);
      place_.name[0] = '\0';
      return 0;
    }
    char text[PATH_MAX];
    ssize_t length = readlinkat(link.number(), "", text, sizeof text - 1);
    if (length < 0) return errno;
    text[length] = '\0';
    if (is_root_of_proc(here)) {
      if (is(place_.name, "self")) std::snprintf(text, sizeof text, "%d", caller_.process);
      if (is(place_.name, "thread-self")) {
        std::snprintf(text, sizeof text, "%d/task/%d", caller_.process, caller_.thread);
      }
      length = static_cast<ssize_t>(std::strlen(text));
    }
    return expand(text, static_cast<std::size_t>(length));
  }

  int expand(const char* text, std::size_t length) {
    if (length == 0) return ENOENT;
    const std::size_t following = std::strlen(rest_);
    if (length + 1 + following >= sizeof rest_) return ENAMETOOLONG;
    const bool with_slash = following > 0 || place_.names_a_directory;
    std::memmove(rest_ + length + (with_slash ? 1 : 0), rest_, following + 1);
    std::memcpy(rest_, text, length);
    if (with_slash) rest_[length] = '/';
    if (text[0] != '/') return 0;
    place_.directory.reset(open("/", O_PATH | O_CLOEXEC));
    return place_.directory ? 0 : errno;
  }

  const Caller& caller_;
  Place& place_;
  char rest_[2 * PATH_MAX] = {};
  bool is_last_ = false;
  int links_ = 0;
};

}  // namespace

OpenFile::~OpenFile() { reset(-1); }

void OpenFile::reset(int number) {
  const int error = errno;
  if (number_ >= 0) close(number_);
  errno = error;
  number_ = number;
}

int OpenFile::release() {
  const int number = number_;
  number_ = -1;
  return number;
}

bool Place::is_special() const { return is(name, ".") || is(name, ".."); }

int find_place(const Caller& caller, int directory, const char* path, LastLink last, Place& place) {
  return Walk(caller, place).run(directory, path, last);
}

int path_of(const Place& place, char* text, std::size_t size) {
  char link[64];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", place.directory.number());
  const ssize_t length = readlink(link, text, size - 1);
  if (length < 0) return errno;
  auto used = static_cast<std::size_t>(length);
  text[used] = '\0';
  if (place.name[0] == '\0') return 0;
  if (used == 1) used = 0;  // the root
  const std::size_t name = std::strlen(place.name);
  if (used + 1 + name + 1 > size) return ENAMETOOLONG;
  text[used] = '/';
  std::memcpy(text + used + 1, place.name, name + 1);
  return 0;
}

}  // namespace toolgate

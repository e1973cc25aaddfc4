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

// What is told of this very process.
bool is_own_entry(const char* path) {
  char own[64];
  const int length = std::snprintf(own, sizeof own, "/proc/%d", getpid());
  return std::strncmp(path, own, static_cast<std::size_t>(length)) == 0 &&
         (path[length] == '\0' || path[length] == '/');
}

// Of a directory that was moved out of what the sandbox sees, or of a file system that is not sure,
// the kernel tells a path that leads somewhere else.
bool leads_back(const char* path, int file) {
  struct stat told{};
  struct stat about{};
  if (fstat(file, &about) != 0) return false;
  if (about.st_nlink == 0 || path[0] != '/') return true;  // it has no path, or is no file on disk
  return lstat(path, &told) == 0 && told.st_dev == about.st_dev && told.st_ino == about.st_ino;
}

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

  // Nearly every component is a directory, and then this is one call.
  int step() {
    if (is(place_.name, ".")) return 0;
    const int next = openat(place_.directory.number(), place_.name,
                            O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (next < 0) return errno == ENOTDIR ? follow(ENOTDIR) : errno;
    place_.directory.reset(next);
    return 0;
  }

  int finish(LastLink last) {
    if (place_.is_special()) return 0;
    if (last == LastLink::keep) return 0;
    const int links = links_;
    const int error = follow(0);
    if (error == ENOENT && links == links_) return 0;  // a name that may be made
    const bool is_found = links == links_ || place_.name[0] == '\0';
    return error != 0 || is_found ? error : go_on(last);
  }

  // What the name stands for, if it is a symbolic link; `otherwise` if it is something else. A link
  // of /proc/PID leads to a file, not to a path: only the kernel can follow it.
  int follow(int otherwise) {
    const int here = place_.directory.number();
    char text[PATH_MAX];
    ssize_t length = readlinkat(here, place_.name, text, sizeof text - 1);
    if (length < 0) return errno == EINVAL ? otherwise : errno;
    if (++links_ > most_links) return ELOOP;
    text[length] = '\0';
    if (!is_on_proc(here)) return expand(text, static_cast<std::size_t>(length));
    if (is_root_of_proc(here)) return expand_in_proc(text);
    char own[PATH_MAX];
    if (int error = text_of(here, own, sizeof own)) return error;
    if (is_own_entry(own)) return EACCES;
    const int target = openat(here, place_.name, O_PATH | O_CLOEXEC);
    if (target < 0) return errno;
    place_.directory.reset(target);
    place_.name[0] = '\0';
    return 0;
  }

  // In /proc itself two links mean whoever reads them.
  int expand_in_proc(const char* target) {
    char text[PATH_MAX];
    const pid_t process = caller_.process();
    if (is(place_.name, "self")) {
      std::snprintf(text, sizeof text, "%d", process);
    } else if (is(place_.name, "thread-self")) {
      std::snprintf(text, sizeof text, "%d/task/%d", process, caller_.thread);
    } else {
      std::snprintf(text, sizeof text, "%s", target);
    }
    return process < 0 ? EACCES : expand(text, std::strlen(text));
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

int text_of(int file, char* text, std::size_t size) {
  char link[64];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  const ssize_t length = readlink(link, text, size - 1);
  if (length < 0) return errno;
  text[length] = '\0';
  return static_cast<std::size_t>(length) == size - 1 ? ENAMETOOLONG : 0;
}

bool Place::is_special() const { return is(name, ".") || is(name, ".."); }

int find_place(const Caller& caller, int directory, const char* path, LastLink last, Place& place) {
  return Walk(caller, place).run(directory, path, last);
}

int path_of(const Place& place, char* text, std::size_t size) {
  if (int error = text_of(place.directory.number(), text, size)) return error;
  if (!leads_back(text, place.directory.number())) return ENOENT;
  std::size_t used = std::strlen(text);
  if (place.name[0] != '\0') {
    if (used == 1) used = 0;  // the root
    const std::size_t name = std::strlen(place.name);
    if (used + 1 + name + 1 > size) return ENAMETOOLONG;
    text[used] = '/';
    std::memcpy(text + used + 1, place.name, name + 1);
  }
  return is_own_entry(text) ? EACCES : 0;
}

}  // namespace toolgate

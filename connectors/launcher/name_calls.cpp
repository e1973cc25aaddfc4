#include "connectors/launcher/name_calls.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "connectors/launcher/kept_calls.hpp"

namespace toolgate {
namespace {

// What a call on a protected name gets: as if the directory had been made immutable.
constexpr int guarded_error = EPERM;

// With O_PATH the kernel takes no notice of what else the flags say, and they came in a register.
bool opens_path_only(int flags) { return (flags & O_PATH) != 0; }

NameCallResult open_file(const Caller& caller, const Rules& rules, int directory,
                         std::uint64_t address, int flags, mode_t mode) {
  if (opens_path_only(flags)) {
    NameCallResult result;
    result.goes_on = true;
    return result;
  }
  const bool keeps_link =
      (flags & O_NOFOLLOW) != 0 || (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
  Argument at;
  int error = at.find(caller, rules.guard, directory, address,
                      keeps_link ? LastLink::keep : LastLink::follow);
  if (error != 0) return NameCallResult(error);
  const bool has_no_name = (flags & O_TMPFILE) == O_TMPFILE;
  const bool changes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0;
  if (at.place.names_a_directory && !at.place.is_special() && !has_no_name) {
    if ((flags & O_CREAT) != 0 || at.is_directory()) return NameCallResult(EISDIR);
    return NameCallResult(at.exists() ? ENOTDIR : ENOENT);
  }
  if (at.meaning != Guard::Meaning::free && !has_no_name) {
    const bool makes = (flags & O_CREAT) != 0;
    if (!at.exists()) return NameCallResult(makes ? guarded_error : ENOENT);
    if (makes && (flags & O_EXCL) != 0) return NameCallResult(EEXIST);
    if (changes) return NameCallResult(at.is_directory() ? EISDIR : guarded_error);
    flags &= ~O_CREAT;  // an existing one may be read
  }
  if ((flags & O_CREAT) != 0 || has_no_name) umask(caller.umask());
  NameCallResult result;
  const int later = flags & ~O_TRUNC;
  const ContentChange change = !changes                 ? ContentChange::none
                               : (flags & O_TRUNC) != 0 ? ContentChange::empties
                                                        : ContentChange::writes;
  result.file.reset(at.is_kept && (changes || (flags & O_CREAT) != 0)
                        ? open_kept(rules.custody, at, later, change, mode)
                        : at.open(later, mode));
  result.close_on_exec = (flags & O_CLOEXEC) != 0;
  result.empties = (flags & O_TRUNC) != 0;
  if (!result.file) {
    result.error = errno == ENOENT && at.meaning != Guard::Meaning::free ? guarded_error : errno;
  } else if ((flags & O_NONBLOCK) == 0) {
    fcntl(result.file.number(), F_SETFL, flags);
  }
  return result;
}

enum class Made { directory, other };

// A name that is to be made. What stands there already is what the kernel would say first, and
// what programs that make folders with all above them go by.
int judge_new(const Argument& at, Made made) {
  const bool is_free = at.meaning == Guard::Meaning::free ||
                       (made == Made::directory && at.meaning == Guard::Meaning::beginning);
  if (is_free) return 0;
  return at.exists() ? EEXIST : guarded_error;
}

int made(const Rules& rules, const Argument& at, int error) {
  if (error == 0 && at.is_kept) rules.custody.made(at);
  return error;
}

int make_directory(const Caller& caller, const Rules& rules, int directory, std::uint64_t address,
                   mode_t mode) {
  Argument at;
  if (int error = at.find(caller, rules.guard, directory, address, LastLink::keep)) return error;
  if (at.place.is_special()) return EEXIST;
  if (int error = judge_new(at, Made::directory)) return error;
  umask(caller.umask());
  return made(rules, at, result_of(mkdirat(at.directory(), at.name(), mode)));
}

int make_link(const Caller& caller, const Rules& rules, std::uint64_t target, int directory,
              std::uint64_t address) {
  Text text;
  if (int error = text.read(caller, target)) return error;
  Argument at;
  if (int error = at.find(caller, rules.guard, directory, address, LastLink::keep)) return error;
  if (at.place.is_special()) return EEXIST;
  if (at.place.names_a_directory) return at.exists() ? EEXIST : ENOENT;
  if (int error = judge_new(at, Made::other)) return error;
  return made(rules, at, result_of(symlinkat(text.bytes, at.directory(), at.name())));
}

struct TwoPlaces {
  int from_directory;
  std::uint64_t from;
  int to_directory;
  std::uint64_t to;
};

int make_hard_link(const Caller& caller, const Rules& rules, const TwoPlaces& places, int flags) {
  if ((flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) != 0) return EINVAL;
  const bool follows = (flags & AT_SYMLINK_FOLLOW) != 0;
  Argument from;
  Argument to;
  int error = from.find(caller, rules.guard, places.from_directory, places.from,
                        follows ? LastLink::follow : LastLink::keep);
  if (error == 0) {
    error = to.find(caller, rules.guard, places.to_directory, places.to, LastLink::keep);
  }
  if (error != 0) return error;
  if (to.place.is_special()) return EEXIST;
  if (from.place.is_special()) return EPERM;
  if (!from.exists()) return ENOENT;
  if (from.place.names_a_directory) return from.is_directory() ? EPERM : ENOTDIR;
  if (to.place.names_a_directory) return to.exists() ? EEXIST : ENOENT;
  if (from.meaning == Guard::Meaning::guarded) return guarded_error;
  if ((error = judge_new(to, Made::other)) != 0) return error;
  if ((error = link_kept(rules.custody, from)) != 0) return error;
  if (!from.is_file_itself()) {
    const int linked = linkat(from.directory(), from.name(), to.directory(), to.name(), 0);
    return made(rules, to, result_of(linked));
  }
  const ProcLink link(from.directory());
  const int linked = linkat(AT_FDCWD, link.path, to.directory(), to.name(), AT_SYMLINK_FOLLOW);
  return made(rules, to, result_of(linked));
}

// Whether the directory `from` holds `rest`, or something on the way to it that is no directory:
// what a link or a file there leads to is nobody's to say.
bool holds(const Argument& from, const char* rest) {
  Text below;
  const int length = std::snprintf(below.bytes, sizeof below.bytes, "%s/%s", from.name(), rest);
  if (length >= static_cast<int>(sizeof below.bytes)) return true;
  for (char* slash = std::strchr(below.bytes, '/'); slash != nullptr;) {
    char* next = std::strchr(slash + 1, '/');
    if (next != nullptr) *next = '\0';
    struct stat about{};
    if (fstatat(from.directory(), below.bytes, &about, AT_SYMLINK_NOFOLLOW) != 0) {
      return errno != ENOENT;
    }
    if (next == nullptr || !S_ISDIR(about.st_mode)) return true;
    *next = '/';
    slash = next;
  }
  return false;
}

// Whether the directory that stands at `from` holds what would be a protected name at `at`.
bool holds_guarded(const Guard& guard, const Argument& from, const char* at) {
  if (!from.is_directory()) return false;
  for (std::size_t i = 0; i < guard.names(); ++i) {
    for (const char* rest = guard.rest(at, i); rest != nullptr; rest = guard.rest(at, i, rest)) {
      if (holds(from, rest)) return true;
    }
  }
  return false;
}

// What stands at `from` leaves its name and gets that of `to`.
int judge_move(const Guard& guard, const Argument& from, const Argument& to) {
  if (from.meaning == Guard::Meaning::guarded || to.meaning == Guard::Meaning::guarded) {
    return guarded_error;
  }
  if (to.meaning == Guard::Meaning::beginning && !from.is_directory()) return guarded_error;
  const bool holds =
      holds_guarded(guard, from, from.path.bytes) || holds_guarded(guard, from, to.path.bytes);
  return holds ? guarded_error : 0;
}

int move_name(const Caller& caller, const Rules& rules, const TwoPlaces& places, unsigned flags) {
  if ((flags & ~(no_replace | exchange)) != 0) return EINVAL;
  Argument from;
  Argument to;
  int error = from.find(caller, rules.guard, places.from_directory, places.from, LastLink::keep);
  if (error == 0) {
    error = to.find(caller, rules.guard, places.to_directory, places.to, LastLink::keep);
  }
  if (error != 0) return error;
  if (from.place.is_special() || to.place.is_special()) return EBUSY;
  if (!from.exists()) return ENOENT;
  const bool must_be_directory = from.place.names_a_directory || to.place.names_a_directory;
  if (must_be_directory && !from.is_directory()) return ENOTDIR;
  if ((error = judge_move(rules.guard, from, to)) != 0) return error;
  if ((flags & exchange) != 0 && (error = judge_move(rules.guard, to, from)) != 0) return error;
  if (from.is_kept || to.is_kept) return move_kept(rules.custody, from, to, flags);
  return rename_there(from, to, flags);
}

int remove_name(const Caller& caller, const Rules& rules, int directory, std::uint64_t address,
                int flags) {
  if ((flags & ~AT_REMOVEDIR) != 0) return EINVAL;
  const bool removes_directory = (flags & AT_REMOVEDIR) != 0;
  Argument at;
  if (int error = at.find(caller, rules.guard, directory, address, LastLink::keep)) return error;
  if (at.place.is_special()) {
    if (!removes_directory) return EISDIR;
    return std::strcmp(at.name(), ".") == 0 ? EINVAL : ENOTEMPTY;
  }
  if (!at.exists()) return ENOENT;
  if (at.place.names_a_directory && !removes_directory) {
    return at.is_directory() ? EISDIR : ENOTDIR;
  }
  if (at.meaning == Guard::Meaning::guarded) return guarded_error;
  if (at.is_kept) return remove_kept(rules.custody, at, flags);
  return result_of(unlinkat(at.directory(), at.name(), flags));
}

int truncate_file(const Caller& caller, const Rules& rules, std::uint64_t address,
                  std::int64_t length) {
  if (length < 0) return EINVAL;
  NameCallResult opened =
      open_file(caller, rules, AT_FDCWD, address, O_WRONLY | O_TRUNC, 0);  // or part
  if (opened.error != 0) return opened.error;
  return result_of(ftruncate(opened.file.number(), length));
}

int descriptor(std::uint64_t argument) { return static_cast<int>(argument); }
mode_t mode_of(std::uint64_t argument) { return static_cast<mode_t>(argument) & 07777; }

// Those that work from the current directory are the same with AT_FDCWD.
int other_call(const Caller& caller, const Rules& rules, int number, const std::uint64_t* a) {
  switch (number) {
    case SYS_mkdirat:
      return make_directory(caller, rules, descriptor(a[0]), a[1], mode_of(a[2]));
    case SYS_symlinkat:
      return make_link(caller, rules, a[0], descriptor(a[1]), a[2]);
    case SYS_linkat:
      return make_hard_link(caller, rules, {descriptor(a[0]), a[1], descriptor(a[2]), a[3]},
                            descriptor(a[4]));
    case SYS_renameat2:
      return move_name(caller, rules, {descriptor(a[0]), a[1], descriptor(a[2]), a[3]},
                       static_cast<unsigned>(a[4]));
    case SYS_unlinkat:
      return remove_name(caller, rules, descriptor(a[0]), a[1], descriptor(a[2]));
    case SYS_truncate:
      return truncate_file(caller, rules, a[0], static_cast<std::int64_t>(a[1]));
#ifdef SYS_renameat
    case SYS_renameat:
      return move_name(caller, rules, {descriptor(a[0]), a[1], descriptor(a[2]), a[3]}, 0);
#endif
#ifdef SYS_mkdir  // those that newer architectures do not have
    case SYS_mkdir:
      return make_directory(caller, rules, AT_FDCWD, a[0], mode_of(a[1]));
    case SYS_symlink:
      return make_link(caller, rules, a[0], AT_FDCWD, a[1]);
    case SYS_link:
      return make_hard_link(caller, rules, {AT_FDCWD, a[0], AT_FDCWD, a[1]}, 0);
    case SYS_rename:
      return move_name(caller, rules, {AT_FDCWD, a[0], AT_FDCWD, a[1]}, 0);
    case SYS_unlink:
      return remove_name(caller, rules, AT_FDCWD, a[0], 0);
    case SYS_rmdir:
      return remove_name(caller, rules, AT_FDCWD, a[0], AT_REMOVEDIR);
#endif
    default:
      return ENOSYS;
  }
}

}  // namespace

NameCallResult make_name_call(const Caller& caller, const Rules& rules, int number,
                              const std::uint64_t* a) {
  switch (number) {
    case SYS_openat:
      return open_file(caller, rules, descriptor(a[0]), a[1], descriptor(a[2]), mode_of(a[3]));
#ifdef SYS_open
    case SYS_open:
      return open_file(caller, rules, AT_FDCWD, a[0], descriptor(a[1]), mode_of(a[2]));
    case SYS_creat:
      return open_file(caller, rules, AT_FDCWD, a[0], O_CREAT | O_WRONLY | O_TRUNC, mode_of(a[1]));
#endif
    default:
      return NameCallResult(other_call(caller, rules, number, a));
  }
}

}  // namespace toolgate

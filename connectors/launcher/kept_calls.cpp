#include "connectors/launcher/kept_calls.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace toolgate {
namespace {

constexpr int held_error = EPERM;
constexpr int tries = 3;  // against changes of the host in between

// What bind mounts of one file system have apart.
bool is_on_same_mount(const Argument& one, const Argument& other) {
  struct statx first{};
  struct statx second{};
  return statx(one.directory(), "", AT_EMPTY_PATH, STATX_MNT_ID, &first) == 0 &&
         statx(other.directory(), "", AT_EMPTY_PATH, STATX_MNT_ID, &second) == 0 &&
         first.stx_mnt_id == second.stx_mnt_id;
}

bool look_at(const Argument& at, struct stat& about) {
  return fstatat(at.directory(), at.name(), &about, AT_SYMLINK_NOFOLLOW) == 0;
}

// Keeps the content of an open file, unless that is known. 0 or an errno; then `kept` is what is
// kept of it: the file as it was before and after. EBUSY where it changes all the time.
int keep_content(Custody& custody, int file, const char* path, Loss loss, OpenContent& kept) {
  OpenFile reading;
  for (int i = 0; i < tries; ++i) {
    const bool is_known = kept.look(file);
    if (is_known && custody.contents().has(kept, loss)) return 0;
    if (!reading) reading.reset(open_again(file, O_RDONLY));
    if (!reading) return errno;
    const int error = custody.keep(reading.number(), path);
    if (error == EAGAIN) continue;
    if (error != 0 || !is_known) return error;
    OpenContent now;
    if (!now.look(file) || !now.is_same(kept)) continue;
    custody.contents().add_kept(kept);
    return 0;
  }
  return EBUSY;
}

// Opened first, which changes nothing yet, so that what is kept is the very file that then changes.
int open_for_change(Custody& custody, const Argument& at, int flags, Loss loss) {
  OpenFile file(at.open(flags & ~O_CREAT, 0));
  struct stat about{};
  if (!file || fstat(file.number(), &about) != 0) return -1;
  if (!S_ISREG(about.st_mode) || custody.has_made(at)) return file.release();
  OpenContent kept;
  const int error = keep_content(custody, file.number(), at.path.bytes, loss, kept);
  if (error == 0) return file.release();
  errno = error;
  return -1;
}

// A file without a name is nobody's yet: its number may be another's before it has one.
int make_file(Custody& custody, const Argument& at, int flags, mode_t mode) {
  OpenFile file(at.open(flags, mode));
  OpenContent made;
  if (!file || (flags & O_TMPFILE) == O_TMPFILE || !made.look(file.number())) {
    return file.release();
  }
  custody.contents().add_own(made);
  custody.made(at, made.id);
  return file.release();
}

bool is_empty_directory(const Argument& at) {
  const int file =
      openat(at.directory(), at.name(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR* listing = file < 0 ? nullptr : fdopendir(file);
  if (listing == nullptr) return false;
  int entries = 0;
  while (entries <= 2 && readdir(listing) != nullptr) ++entries;
  closedir(listing);
  return entries <= 2;
}

int hold_move(Custody& custody, CustodySays what, const Argument& from, const Argument& to) {
  custody.held(what, from.path.bytes, to.path.bytes);
  return held_error;
}

// As it was kept, but that its name changed.
bool is_as_kept(const OpenContent& kept, const Argument& at) {
  struct stat about{};
  FileId standing;
  return identify(at.directory(), at.name(), standing) && standing == kept.id &&
         look_at(at, about) && about.st_size == kept.size &&
         about.st_mtim.tv_sec == kept.modified.tv_sec &&
         about.st_mtim.tv_nsec == kept.modified.tv_nsec;
}

// A file of this window takes the place of an older one, whose content is kept before. By an
// exchange, which shows what stood there in the very moment.
int replace_once(Custody& custody, const Argument& from, const Argument& to) {
  OpenFile older(to.open(O_RDONLY, 0));
  if (!older) return errno == EACCES ? hold_move(custody, CustodySays::replace, from, to) : errno;
  OpenContent kept;
  if (int error = keep_content(custody, older.number(), to.path.bytes, Loss::nothing, kept)) {
    return error;
  }
  if (int error = rename_there(from, to, exchange)) return error;
  if (!is_as_kept(kept, from)) {
    rename_there(from, to, exchange);
    return EAGAIN;
  }
  custody.gone(from);
  FileId now;
  if (identify(to.directory(), to.name(), now)) custody.contents().remove(now);  // an older name
  return result_of(unlinkat(from.directory(), from.name(), 0));
}

int replace_kept(Custody& custody, const Argument& from, const Argument& to) {
  int error = EAGAIN;
  for (int i = 0; i < tries && error == EAGAIN; ++i) error = replace_once(custody, from, to);
  return error == EAGAIN ? EBUSY : error;
}

// A name before it goes. What the host makes on the number of a file that is gone is another file.
class LastName {
 public:
  explicit LastName(const Argument& at) {
    struct stat about{};
    is_last_ =
        look_at(at, about) && about.st_nlink == 1 && identify(at.directory(), at.name(), file_);
  }
  void is_gone(Custody& custody) const {
    if (is_last_) custody.contents().remove(file_);
  }

 private:
  bool is_last_ = false;
  FileId file_;
};

int move_own(Custody& custody, const Argument& from, const Argument& to, unsigned flags) {
  const LastName replaced(to);
  const int error = rename_there(from, to, flags);
  if (error != 0) return error;
  replaced.is_gone(custody);
  custody.made(to);
  custody.gone(from);
  return 0;
}

// As where the file system cannot do it: programs do without.
int exchange_kept(Custody& custody, const Argument& from, const Argument& to) {
  if (!custody.has_made(from) || !custody.has_made(to)) return EINVAL;
  const int error = rename_there(from, to, exchange);
  if (error != 0) return error;
  custody.made(from);
  custody.made(to);
  return 0;
}

}  // namespace

int open_kept(Custody& custody, const Argument& at, int flags, ContentChange change, mode_t mode) {
  if ((flags & O_TMPFILE) == O_TMPFILE) return make_file(custody, at, flags, mode);
  const bool makes = (flags & O_CREAT) != 0 && !at.is_file_itself();
  int file = -1;
  for (int i = 0; i < tries && file < 0; ++i) {
    if (makes) {
      file = make_file(custody, at, flags | O_EXCL, mode);
      if (file >= 0 || errno != EEXIST || (flags & O_EXCL) != 0) return file;
    }
    file = change == ContentChange::none
               ? at.open(flags & ~O_CREAT, 0)
               : open_for_change(custody, at, flags,
                                 change == ContentChange::empties ? Loss::nothing : Loss::recent);
    if (!makes || errno != ENOENT) break;
  }
  return file;
}

int remove_kept(Custody& custody, const Argument& at, int flags) {
  struct stat about{};
  if (!look_at(at, about)) return errno;
  const bool removes_directory = (flags & AT_REMOVEDIR) != 0;
  if (S_ISDIR(about.st_mode) != removes_directory) return removes_directory ? ENOTDIR : EISDIR;
  if (custody.has_made(at)) {
    const LastName name(at);
    const int error = result_of(unlinkat(at.directory(), at.name(), flags));
    if (error != 0) return error;
    name.is_gone(custody);
    custody.gone(at);
    return 0;
  }
  if (removes_directory && !is_empty_directory(at)) return ENOTEMPTY;
  custody.held(CustodySays::remove, at.path.bytes);
  return held_error;
}

int move_kept(Custody& custody, const Argument& from, const Argument& to, unsigned flags) {
  struct stat source{};
  struct stat target{};
  if (!look_at(from, source)) return errno;
  if (!is_on_same_mount(from, to)) return EXDEV;
  if ((flags & exchange) != 0) return exchange_kept(custody, from, to);
  if (!custody.has_made(from)) return hold_move(custody, CustodySays::move, from, to);
  const int error = move_own(custody, from, to, no_replace);
  if (error != EEXIST || (flags & no_replace) != 0) return error;
  if (!look_at(to, target)) return errno;
  const bool is_same = source.st_dev == target.st_dev && source.st_ino == target.st_ino;
  if (is_same) return 0;  // as POSIX has it
  if (custody.has_made(to)) return move_own(custody, from, to, 0);
  if (!S_ISREG(source.st_mode) || !S_ISREG(target.st_mode)) {
    return hold_move(custody, CustodySays::replace, from, to);
  }
  return replace_kept(custody, from, to);
}

// A file that was made without a name has none yet.
int link_kept(Custody& custody, const Argument& from) {
  if (!from.is_kept || custody.has_made(from)) return 0;
  struct stat about{};
  const bool has_no_name =
      from.is_file_itself() && fstat(from.directory(), &about) == 0 && about.st_nlink == 0;
  return has_no_name ? 0 : EXDEV;
}

}  // namespace toolgate

#include "gateway/store/held_change.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "connectors/sandbox/scope_tree.hpp"
#include "gateway/core/clock.hpp"

namespace toolgate {
namespace {

constexpr unsigned no_replace = 1U << 0;  // RENAME_NOREPLACE

Refusal refuse(const std::string& path, const std::string& what) {
  return Refusal(Reason::storage, path + " " + what);
}

Refusal failed(const std::string& path, const char* what) {
  return refuse(path, std::string("cannot be ") + what + ": " + std::strerror(errno));
}

// The directory of a name, opened without following a link anywhere, and the name.
struct Place {
  Descriptor directory;
  std::string name;

  bool look(struct stat& about) const {
    return ::fstatat(directory.number(), name.c_str(), &about, AT_SYMLINK_NOFOLLOW) == 0;
  }
};

Result<Place> open_place(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos || slash + 1 == path.size()) {
    return refuse(path, "is no absolute path of a file");
  }
  Place place;
  place.name = path.substr(slash + 1);
  const std::string folder = slash == 0 ? "/" : path.substr(0, slash);
  place.directory = open_without_links(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY);
  if (!place.directory) return failed(folder, "opened without following symbolic links");
  return place;
}

// What a file holds, in the book, before it goes.
Result<std::optional<std::string>> keep_content(CustodyBook& book, const std::string& server,
                                                const Place& place, const std::string& path) {
  struct stat about{};
  if (!place.look(about) || !S_ISREG(about.st_mode)) return std::optional<std::string>();
  const Descriptor file(
      ::openat(place.directory.number(), place.name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!file || ::fstat(file.number(), &about) != 0)
    return failed(path, "read, to keep its content");
  KeptContent content;
  content.id = make_uuid_v7();
  content.server = server;
  content.path = path;
  content.time_ns = now_utc_ns();
  content.bytes = static_cast<std::uint64_t>(about.st_size);
  content.mode = about.st_mode & 07777;
  content.owner = about.st_uid;
  content.group = about.st_gid;
  errno = book.keep(content, file.number());
  if (errno != 0) return failed(path, "kept");
  return std::optional<std::string>(content.id);
}

Status is_still_there(const HeldChange& change, const Place& place) {
  struct stat about{};
  if (!place.look(about)) return refuse(change.note.path, "is not there any more");
  if (about.st_dev == change.device && about.st_ino == change.inode) return done();
  return refuse(change.note.path, "is another file than the one that was asked about");
}

Result<std::optional<std::string>> remove_it(CustodyBook& book, const HeldChange& change,
                                             const Place& place) {
  struct stat about{};
  place.look(about);
  auto kept = keep_content(book, change.server, place, change.note.path);
  if (!kept) return kept.refusal();
  const int flags = S_ISDIR(about.st_mode) ? AT_REMOVEDIR : 0;
  if (::unlinkat(place.directory.number(), place.name.c_str(), flags) != 0) {
    return failed(change.note.path, "removed");
  }
  return kept;
}

Result<std::optional<std::string>> move_it(CustodyBook& book, const HeldChange& change,
                                           const Place& from) {
  auto to = open_place(change.note.to);
  if (!to) return to.refusal();
  const bool replaces = change.note.effect == FileNote::Effect::replace;
  auto kept = replaces ? keep_content(book, change.server, *to, change.note.to)
                       : Result<std::optional<std::string>>(std::optional<std::string>());
  if (!kept) return kept.refusal();
  if (::syscall(SYS_renameat2, from.directory.number(), from.name.c_str(), to->directory.number(),
                to->name.c_str(), replaces ? 0 : no_replace) != 0) {
    return failed(change.note.path, ("moved to " + change.note.to).c_str());
  }
  return kept;
}

}  // namespace

Result<std::optional<std::string>> make_held_change(CustodyBook& book, const HeldChange& change) {
  auto place = open_place(change.note.path);
  if (!place) return place.refusal();
  Status there = is_still_there(change, *place);
  if (!there) return there.refusal();
  if (change.note.effect == FileNote::Effect::remove) return remove_it(book, change, *place);
  return move_it(book, change, *place);
}

Result<std::optional<std::string>> restore_content(CustodyBook& book, const KeptContent& content,
                                                   const std::string& path) {
  const std::string stored = book.content_file(content.id).string();
  const Descriptor from(::open(stored.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!from) return failed(stored, "read");
  auto place = open_place(path);
  if (!place) return place.refusal();
  auto kept = keep_content(book, content.server, *place, path);
  if (!kept) return kept.refusal();
  const int folder = place->directory.number();
  const std::string fresh = place->name.substr(0, 200) + ".toolgate-restored";
  const Descriptor to(
      ::openat(folder, fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!to) return failed(path, "written beside itself");
  errno = copy_content(from.number(), to.number());
  const bool owned = ::geteuid() != 0 || ::fchown(to.number(), content.owner, content.group) == 0;
  if (errno == 0 && owned && ::fchmod(to.number(), content.mode & 0777) == 0 &&
      ::fsync(to.number()) == 0 &&
      ::renameat(folder, fresh.c_str(), folder, place->name.c_str()) == 0) {
    return kept;
  }
  const int error = errno;
  ::unlinkat(folder, fresh.c_str(), 0);
  errno = error;
  return failed(path, "written");
}

}  // namespace toolgate

#include "gateway/store/displaced.hpp"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <cerrno>

#include "gateway/core/clock.hpp"
#include "gateway/core/log.hpp"

namespace toolgate {
namespace {

Refusal changed(const std::string& path) {
  return Refusal(Reason::storage, path + " was changed by somebody else meanwhile: try again");
}

KeptContent content_of(const std::string& server, const HostPlace& place,
                       const struct stat& about) {
  KeptContent content;
  content.id = make_uuid_v7();
  content.server = server;
  content.path = place.path;
  content.time_ns = now_utc_ns();
  content.mode = about.st_mode & 07777;
  content.owner = about.st_uid;
  content.group = about.st_gid;
  return content;
}

// An errno.
int keep_target(CustodyBook& book, const KeptContent& content, const HostPlace& place) {
  char target[PATH_MAX];
  const ssize_t length =
      ::readlinkat(place.directory.number(), place.name.c_str(), target, sizeof target);
  if (length < 0) return errno;
  return book.keep_link(content, std::string(target, static_cast<std::size_t>(length)),
                        CustodyBook::Room::unbounded);
}

int keep_bytes(CustodyBook& book, const KeptContent& content, const HostPlace& place,
               const struct stat& about) {
  const Descriptor file = place.open(O_RDONLY | O_NONBLOCK);
  struct stat opened{};
  if (!file || ::fstat(file.number(), &opened) != 0) return errno;
  if (opened.st_dev != about.st_dev || opened.st_ino != about.st_ino) return EAGAIN;
  return book.keep(content, file.number(), CustodyBook::Room::unbounded);
}

bool is_same(const timespec& one, const timespec& other) {
  return one.tv_sec == other.tv_sec && one.tv_nsec == other.tv_nsec;
}

}  // namespace

Result<Displaced> Displaced::keep(CustodyBook& book, const std::string& server,
                                  const HostPlace& place, const HostFile& file) {
  Displaced displaced;
  displaced.file_ = file;
  if (!place.look(displaced.about_)) return cannot_be(place.path, "looked at");
  const struct stat& about = displaced.about_;
  if (about.st_dev != file.device || about.st_ino != file.inode) return changed(place.path);
  if (!S_ISREG(about.st_mode) && !S_ISLNK(about.st_mode)) return displaced;
  const KeptContent content = content_of(server, place, about);
  errno = S_ISLNK(about.st_mode) ? keep_target(book, content, place)
                                 : keep_bytes(book, content, place, about);
  if (errno == EAGAIN) return changed(place.path);
  if (errno != 0) return cannot_be(place.path, "kept before it goes");
  displaced.kept_ = content.id;
  return displaced;
}

// A rename changes the third of the times.
bool Displaced::stands_at(const HostPlace& place) const {
  struct stat now{};
  return place.file() == file_ && place.look(now) && now.st_size == about_.st_size &&
         is_same(now.st_mtim, about_.st_mtim);
}

Status Displaced::take_away(const HostPlace& place) const {
  if (!is_directory()) return move_away(place);
  if (place.file() != file_) return changed(place.path);
  if (::unlinkat(place.directory.number(), place.name.c_str(), AT_REMOVEDIR) == 0) return done();
  return cannot_be(place.path, "removed");
}

// Under a name of its own nobody puts anything in its place between the look and the removal.
Status Displaced::move_away(const HostPlace& place) const {
  const HostPlace away = place.beside();
  if (!rename_place(place, away, Rename::no_replace)) return cannot_be(place.path, "removed");
  if (stands_at(away)) {
    if (::unlinkat(away.directory.number(), away.name.c_str(), 0) == 0) return done();
    Refusal why = cannot_be(place.path, "removed");
    if (rename_place(away, place, Rename::no_replace)) return why;
    return Refusal(why.reason, why.detail + "; it is at " + away.path + " now");
  }
  if (rename_place(away, place, Rename::no_replace)) return changed(place.path);
  return Refusal(Reason::storage, place.path +
                                      " was changed by somebody else meanwhile: what "
                                      "stood there is at " +
                                      away.path + " now");
}

void Displaced::stays(CustodyBook& book) const {
  if (!kept_) return;
  Status discarded = book.discard(*kept_);
  if (discarded) return;
  log_line(LogLevel::warning, "custody.not_discarded",
           {{"id", *kept_}, {"why", discarded.refusal().detail}});
}

}  // namespace toolgate

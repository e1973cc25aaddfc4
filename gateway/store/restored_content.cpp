#include "gateway/store/restored_content.hpp"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "gateway/store/content_copy.hpp"
#include "gateway/store/displaced.hpp"

namespace toolgate {
namespace {

// The content in a file of its own, beside the place that it will take; gone again if it does not.
class Fresh {
 public:
  explicit Fresh(const HostPlace& place) : place_(place.beside()) {}
  Fresh(const Fresh&) = delete;
  ~Fresh() {
    const bool is_ours = own_.is_there() && place_.file() == own_;
    if (is_ours) ::unlinkat(place_.directory.number(), place_.name.c_str(), 0);
  }

  // False with errno.
  bool write(int from, const KeptContent& content, const struct stat& as);
  const HostPlace& place() const { return place_; }

 private:
  bool write_file(int from, const KeptContent& content, const struct stat& as);
  bool write_link(int from);

  HostPlace place_;
  HostFile own_;
};

// By root it is given to whom it belonged; the mode comes after that, which takes bits off.
bool give_to(int file, const KeptContent& content, const struct stat& as) {
  if (::geteuid() != 0) return true;
  const bool known = content.owner != KeptContent::no_owner;
  return ::fchown(file, known ? content.owner : as.st_uid, known ? content.group : as.st_gid) == 0;
}

bool Fresh::write_file(int from, const KeptContent& content, const struct stat& as) {
  const Descriptor to(::openat(place_.directory.number(), place_.name.c_str(),
                               O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!to) return false;
  own_ = place_.file();
  errno = copy_content(from, to.number(), content.bytes);
  return errno == 0 && give_to(to.number(), content, as) &&
         ::fchmod(to.number(), content.mode & 0777) == 0 && ::fsync(to.number()) == 0;
}

// A link has no mode, and nobody asks for its owner.
bool Fresh::write_link(int from) {
  char target[PATH_MAX + 1] = {};
  if (::pread(from, target, PATH_MAX, 0) <= 0) return false;
  if (::symlinkat(target, place_.directory.number(), place_.name.c_str()) != 0) return false;
  own_ = place_.file();
  return true;
}

bool Fresh::write(int from, const KeptContent& content, const struct stat& as) {
  return content.kind == KeptContent::Kind::link ? write_link(from) : write_file(from, content, as);
}

Refusal came_between(const std::string& path) {
  return Refusal(Reason::storage, path + " was changed by somebody else meanwhile: try again");
}

// Nothing stands there.
Status put(const Fresh& fresh, const HostPlace& place) {
  if (rename_place(fresh.place(), place, Rename::no_replace)) return done();
  return errno == EEXIST ? came_between(place.path) : cannot_be(place.path, "written");
}

// By an exchange, which shows what stood there in the very moment.
Status put_instead(const Fresh& fresh, const HostPlace& place, const Displaced& displaced) {
  if (!rename_place(fresh.place(), place, Rename::exchange)) {
    return cannot_be(place.path, "written");
  }
  Status taken = displaced.take_away(fresh.place());
  if (taken || rename_place(fresh.place(), place, Rename::exchange)) return taken;
  return Refusal(Reason::storage, taken.refusal().detail + "; what stood there is at " +
                                      fresh.place().path + " now");
}

}  // namespace

Result<std::optional<std::string>> restore_content(CustodyBook& book, const KeptContent& content,
                                                   const std::string& path) {
  const std::string stored = book.content_file(content.id).string();
  const Descriptor from(::open(stored.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!from) return cannot_be(stored, "read");
  auto place = open_place(path);
  if (!place) return place.refusal();
  struct stat as{};
  const bool is_taken = place->look(as);
  if (is_taken && S_ISDIR(as.st_mode)) {
    return Refusal(Reason::storage, path + " is a directory: name another path (--to PATH)");
  }
  if (!is_taken && ::fstat(place->directory.number(), &as) != 0) return cannot_be(path, "written");
  Fresh fresh(*place);
  if (!fresh.write(from.number(), content, as)) return cannot_be(path, "written beside itself");
  std::optional<std::string> kept;
  if (is_taken) {
    auto displaced = Displaced::keep(book, content.server, *place, place->file());
    if (!displaced) return displaced.refusal();
    Status instead = put_instead(fresh, *place, *displaced);
    if (!instead) {
      displaced->stays(book);
      return instead.refusal();
    }
    kept = displaced->kept();
  } else {
    Status put_there = put(fresh, *place);
    if (!put_there) return put_there.refusal();
  }
  if (!place->sync()) return cannot_be(path, "written to the disk");
  return kept;
}

}  // namespace toolgate

#include "gateway/store/store_custodian.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

#include "gateway/core/clock.hpp"
#include "gateway/core/log.hpp"
#include "gateway/store/host_place.hpp"

namespace toolgate {
namespace {

std::string remedy_for(int error) {
  if (error == EDQUOT) {
    return "too much is kept for this server already: `toolgate kept discard` what is not needed";
  }
  return "the content could not be kept, so nothing was changed: " +
         std::string(std::strerror(error));
}

// A sandbox of a gateway of root may see its scope through an id-mapped mount, and what is opened
// there tells its users: the owner is that of the same file on the host.
void take_owner(KeptContent& content, const struct stat& opened) {
  content.owner = opened.st_uid;
  content.group = opened.st_gid;
  if (::geteuid() != 0) return;
  auto place = open_place(content.path);
  struct stat about{};
  const bool is_same =
      place && place->look(about) && about.st_dev == opened.st_dev && about.st_ino == opened.st_ino;
  content.owner = is_same ? about.st_uid : KeptContent::no_owner;
  content.group = is_same ? about.st_gid : KeptContent::no_owner;
}

}  // namespace

Result<std::unique_ptr<StoreCustodian>> StoreCustodian::open(const std::filesystem::path& home) {
  auto book = CustodyBook::open(home);
  if (!book) return book.refusal();
  (*book)->sweep();
  auto copying = CustodyBook::open(home);
  if (!copying) return copying.refusal();
  return std::unique_ptr<StoreCustodian>(new StoreCustodian(std::move(*book), std::move(*copying)));
}

StoreCustodian::StoreCustodian(std::unique_ptr<CustodyBook> book,
                               std::unique_ptr<CustodyBook> copying)
    : book_(std::move(book)), copying_(std::move(copying)) {}

StoreCustodian::~StoreCustodian() { thread_.join(); }

void StoreCustodian::keep(const ServerName& server, const FileNote& note, Descriptor file,
                          std::function<void(int error)> done) {
  struct stat about{};
  if (::fstat(file.number(), &about) != 0) return done(EIO);
  KeptContent content;
  content.id = note.id;
  content.server = server.text();
  content.path = note.path;
  content.time_ns = now_utc_ns();
  content.mode = about.st_mode & 07777;
  take_owner(content, about);
  auto shared = std::make_shared<Descriptor>(std::move(file));
  asio::post(thread_, [this, content, shared, done = std::move(done)] {
    const int error = copying_->keep(content, shared->number(), CustodyBook::Room::bounded);
    if (error != 0) {
      log_line(LogLevel::error, "custody.not_kept",
               {{"server", content.server}, {"path", content.path}, {"why", remedy_for(error)}});
    }
    done(error);
  });
}

std::string StoreCustodian::hold(const ServerName& server, const FileNote& note) {
  const HeldChange change = asked_now(server.text(), note);
  auto ids = book_->hold(std::span(&change, 1));
  if (ids) return ids->front();
  log_line(LogLevel::warning, "custody.not_listed",
           {{"server", server.text()}, {"path", note.path}, {"why", ids.refusal().detail}});
  return {};
}

}  // namespace toolgate

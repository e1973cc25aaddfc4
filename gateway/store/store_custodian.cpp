#include "gateway/store/store_custodian.hpp"

#include <sys/stat.h>

#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "gateway/core/clock.hpp"
#include "gateway/core/log.hpp"

namespace toolgate {
namespace {

std::string remedy_for(int error) {
  if (error == EDQUOT) {
    return "too much is kept for this server already: `toolgate kept discard` what is not needed";
  }
  return "the content could not be kept, so nothing was changed: " +
         std::string(std::strerror(error));
}

}  // namespace

Result<std::unique_ptr<StoreCustodian>> StoreCustodian::open(const std::filesystem::path& home) {
  auto book = CustodyBook::open(home);
  if (!book) return book.refusal();
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
  content.bytes = static_cast<std::uint64_t>(about.st_size);
  content.mode = about.st_mode & 07777;
  content.owner = about.st_uid;
  content.group = about.st_gid;
  auto shared = std::make_shared<Descriptor>(std::move(file));
  asio::post(thread_, [this, content, shared, done = std::move(done)] {
    const int error = copying_->keep(content, shared->number());
    if (error != 0) {
      log_line(LogLevel::error, "custody.not_kept",
               {{"server", content.server}, {"path", content.path}, {"why", remedy_for(error)}});
    }
    done(error);
  });
}

std::string StoreCustodian::hold(const ServerName& server, const FileNote& note) {
  auto id = book_->hold(server.text(), note);
  if (id) return *id;
  log_line(LogLevel::warning, "custody.not_listed",
           {{"server", server.text()}, {"path", note.path}, {"why", id.refusal().detail}});
  return {};
}

}  // namespace toolgate

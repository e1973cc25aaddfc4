#include "gateway/store/store_custodian.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <utility>
#include <vector>

#include "gateway/core/clock.hpp"
#include "gateway/core/log.hpp"
#include "gateway/store/host_place.hpp"

namespace toolgate {
namespace {

constexpr std::size_t thread_count = 4;
constexpr std::size_t most_asked = 1000;  // that are not written yet; more than that is not listed

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

// One server's: used from its strand, but for asking.
class StoreCustodian::Shelf {
 public:
  using Told = std::function<void(std::string id)>;

  Shelf(asio::thread_pool& threads, std::filesystem::path home)
      : strand_(threads.get_executor()), home_(std::move(home)) {}

  const auto& strand() const { return strand_; }
  int keep(const KeptContent& content, int file, const std::atomic<bool>& stop);

  enum class Asked { first, more, too_much };
  Asked ask(HeldChange& change, Told& told);
  void write_asked();

 private:
  CustodyBook* book();
  Result<std::vector<std::string>> hold(const std::vector<HeldChange>& changes);

  asio::strand<asio::thread_pool::executor_type> strand_;
  std::filesystem::path home_;
  std::unique_ptr<CustodyBook> book_;
  std::mutex mutex_;  // over the two that follow
  std::vector<HeldChange> changes_;
  std::vector<Told> told_;
};

CustodyBook* StoreCustodian::Shelf::book() {
  if (book_) return book_.get();
  auto opened = CustodyBook::open(home_);
  if (opened) {
    book_ = std::move(*opened);
  } else {
    log_line(LogLevel::error, "custody.no_store", {{"why", opened.refusal().detail}});
  }
  return book_.get();
}

int StoreCustodian::Shelf::keep(const KeptContent& content, int file,
                                const std::atomic<bool>& stop) {
  CustodyBook* opened = book();
  const int error =
      opened == nullptr ? EIO : opened->keep(content, file, CustodyBook::Room::bounded, &stop);
  if (error == 0 || error == EAGAIN) return error;
  log_line(LogLevel::error, "custody.not_kept",
           {{"server", content.server}, {"path", content.path}, {"why", remedy_for(error)}});
  return error;
}

StoreCustodian::Shelf::Asked StoreCustodian::Shelf::ask(HeldChange& change, Told& told) {
  const std::lock_guard lock(mutex_);
  if (changes_.size() >= most_asked) return Asked::too_much;
  changes_.push_back(std::move(change));
  told_.push_back(std::move(told));
  return changes_.size() == 1 ? Asked::first : Asked::more;
}

Result<std::vector<std::string>> StoreCustodian::Shelf::hold(
    const std::vector<HeldChange>& changes) {
  CustodyBook* opened = book();
  if (opened == nullptr) return Refusal(Reason::storage, "the store cannot be opened");
  return opened->hold(changes);
}

void StoreCustodian::Shelf::write_asked() {
  std::vector<HeldChange> changes;
  std::vector<Told> told;
  {
    const std::lock_guard lock(mutex_);
    changes.swap(changes_);
    told.swap(told_);
  }
  auto ids = hold(changes);
  std::size_t unlisted = 0;
  for (std::size_t i = 0; i < told.size(); ++i) {
    std::string id = ids ? std::move((*ids)[i]) : std::string();
    if (id.empty()) ++unlisted;
    told[i](std::move(id));
  }
  if (unlisted == 0) return;
  const std::string why =
      ids ? "so many wait already: `toolgate approvals list`" : ids.refusal().detail;
  log_line(LogLevel::warning, "custody.not_listed",
           {{"server", changes[0].server}, {"count", std::to_string(unlisted)}, {"why", why}});
}

Result<std::unique_ptr<StoreCustodian>> StoreCustodian::open(const std::filesystem::path& home) {
  auto book = CustodyBook::open(home);
  if (!book) return book.refusal();
  (*book)->sweep();
  return std::unique_ptr<StoreCustodian>(new StoreCustodian(home));
}

StoreCustodian::StoreCustodian(std::filesystem::path home)
    : home_(std::move(home)), threads_(thread_count) {}

StoreCustodian::~StoreCustodian() {
  stopping_ = true;
  threads_.join();
}

StoreCustodian::Shelf& StoreCustodian::shelf(const ServerName& server) {
  std::unique_ptr<Shelf>& found = shelves_[server.text()];
  if (!found) found = std::make_unique<Shelf>(threads_, home_);
  return *found;
}

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
  Shelf& one = shelf(server);
  asio::post(one.strand(), [this, &one, content, shared, done = std::move(done)] {
    done(one.keep(content, shared->number(), stopping_));
  });
}

// What stands there is looked at now: a moment later it may be another file.
void StoreCustodian::hold(const ServerName& server, const FileNote& note,
                          std::function<void(std::string id)> done) {
  HeldChange change = asked_now(server.text(), note);
  Shelf& one = shelf(server);
  const Shelf::Asked asked = one.ask(change, done);
  if (asked == Shelf::Asked::too_much) return done("");
  if (asked == Shelf::Asked::first) asio::post(one.strand(), [&one] { one.write_asked(); });
}

void StoreCustodian::unclaimed(const ServerName& server, const std::string& agent,
                               std::shared_ptr<OpenNotes> notes) {
  if (!recorder_) return;
  Record record;
  record.server = server.text();
  record.agent = agent;
  record.reason = agent.empty() ? "while no call of an agent was under way"
                                : "by the agent itself, in its sandbox";
  recorder_(std::move(record), std::move(notes));
}

}  // namespace toolgate

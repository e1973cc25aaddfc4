#include "gateway/store/store_custodian.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <cerrno>
#include <chrono>
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
constexpr std::chrono::seconds say_again_after{10};

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

// One server's. What it was refused is looked at on a strand of its own: soon, however large what
// is being copied is. All else of it is used from the other one, but for asking.
class StoreCustodian::Shelf {
 public:
  using Told = std::function<void(std::string id)>;

  Shelf(asio::thread_pool& threads, std::filesystem::path home, std::string server)
      : strand_(threads.get_executor()),
        looking_(threads.get_executor()),
        home_(std::move(home)),
        server_(std::move(server)) {}

  const auto& strand() const { return strand_; }
  int keep(const FileNote& note, int file, const std::atomic<bool>& stop);
  // False where too much is asked already.
  bool ask(const FileNote& note, const Told& told);

 private:
  struct Question {
    FileNote note;
    Told told;
  };
  CustodyBook* book();
  void look_at_asked();
  void write_asked();
  Result<std::vector<std::string>> hold(const std::vector<HeldChange>& changes);
  void say_not_kept(const FileNote& note, int error);

  asio::strand<asio::thread_pool::executor_type> strand_;
  asio::strand<asio::thread_pool::executor_type> looking_;
  std::filesystem::path home_;
  std::string server_;
  std::unique_ptr<CustodyBook> book_;
  std::chrono::steady_clock::time_point quiet_until_{};
  std::mutex mutex_;  // over what follows
  std::size_t asked_ = 0;
  std::vector<Question> questions_;  // that nobody looked at yet
  std::vector<HeldChange> changes_;  // that are not written yet
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

int StoreCustodian::Shelf::keep(const FileNote& note, int file, const std::atomic<bool>& stop) {
  struct stat about{};
  CustodyBook* opened = book();
  int error = EIO;
  if (opened != nullptr && ::fstat(file, &about) == 0) {
    KeptContent content;
    content.id = note.id;
    content.server = server_;
    content.path = note.path;
    content.time_ns = now_utc_ns();
    content.mode = about.st_mode & 07777;
    take_owner(content, about);
    error = opened->keep(content, file, CustodyBook::Room::bounded, &stop);
  }
  if (error != 0 && error != EAGAIN) say_not_kept(note, error);
  return error;
}

// Each is on record; a server that tries again and again does not fill the log as well.
void StoreCustodian::Shelf::say_not_kept(const FileNote& note, int error) {
  const auto now = std::chrono::steady_clock::now();
  if (now < quiet_until_) return;
  quiet_until_ = now + say_again_after;
  log_line(LogLevel::error, "custody.not_kept",
           {{"server", server_}, {"path", note.path}, {"why", why_not_kept(error)}});
}

bool StoreCustodian::Shelf::ask(const FileNote& note, const Told& told) {
  const std::lock_guard lock(mutex_);
  if (asked_ >= most_asked) return false;
  ++asked_;
  questions_.push_back(Question{note, told});
  if (questions_.size() == 1) asio::post(looking_, [this] { look_at_asked(); });
  return true;
}

// As soon as can be: a moment later it may be another file.
void StoreCustodian::Shelf::look_at_asked() {
  std::vector<Question> questions;
  {
    const std::lock_guard lock(mutex_);
    questions.swap(questions_);
  }
  for (Question& question : questions) {
    HeldChange change = asked_now(server_, std::move(question.note));
    const std::lock_guard lock(mutex_);
    changes_.push_back(std::move(change));
    told_.push_back(std::move(question.told));
    if (changes_.size() == 1) asio::post(strand_, [this] { write_asked(); });
  }
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
    asked_ -= changes.size();
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
  if (!found) found = std::make_unique<Shelf>(threads_, home_, server.text());
  return *found;
}

void StoreCustodian::keep(const ServerName& server, const FileNote& note, Descriptor file,
                          std::function<void(int error)> done) {
  auto shared = std::make_shared<Descriptor>(std::move(file));
  Shelf& one = shelf(server);
  asio::post(one.strand(), [this, &one, note, shared, done = std::move(done)] {
    done(one.keep(note, shared->number(), stopping_));
  });
}

void StoreCustodian::hold(const ServerName& server, const FileNote& note,
                          std::function<void(std::string id)> done) {
  if (!shelf(server).ask(note, done)) done("");
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

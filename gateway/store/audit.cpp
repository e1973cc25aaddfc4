#include "gateway/store/audit.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <mutex>
#include <utility>

#include "gateway/core/log.hpp"
#include "gateway/core/slot.hpp"
#include "gateway/store/record_row.hpp"
#include "gateway/store/sqlite.hpp"

namespace toolgate {
namespace {

// One transaction for all; the sequence numbers in the order of the rows.
Result<std::vector<std::int64_t>> commit_rows(Database& database,
                                              const std::vector<RecordRow>& rows) {
  auto transaction = Transaction::begin(database);
  if (!transaction) return transaction.refusal();
  std::vector<std::int64_t> sequences;
  sequences.reserve(rows.size());
  for (const RecordRow& row : rows) {
    auto sequence = insert_record_row(database, row);
    if (!sequence) return sequence.refusal();
    sequences.push_back(*sequence);
  }
  auto committed = transaction->commit();
  if (!committed) return committed.refusal();
  return sequences;
}

constexpr std::size_t group_rows = 64;   // a larger group is committed at once
constexpr int checkpoint_pages = 4'096;  // of the write-ahead log are moved at a time: 16 MiB
constexpr int restart_pages = 16'384;    // at 64 MiB it must start again at its beginning

}  // namespace

// The queue, the group that is being committed, and the one thread that does what would block the
// loop: commits under `fsync`, checkpoints under `process`.
class AuditLog::Writer {
 public:
  Writer(asio::any_io_executor executor, Database& database, AuditSettings::Durability durability);
  ~Writer();

  Task<Result<Receipt>> write(Record record);
  Result<Receipt> write_now(Record record);

 private:
  using Answer = Slot<Result<Receipt>>;
  struct Group {
    std::vector<RecordRow> rows;
    std::vector<Answer*> waiting;  // one a row; each lives in the frame of a write() that waits
    Result<std::vector<std::int64_t>> sequences;
  };

  void schedule();
  void flush();
  void commit_on_thread();
  void answer(Group group);
  void checkpoint_if_grown();
  void checkpoint_on_thread();
  void finish_checkpoint();
  // Runs `step` on the loop's thread, unless the writer has gone by then.
  void back_on_loop(void (Writer::*step)());

  asio::any_io_executor executor_;
  Database& database_;
  std::mutex database_use_;
  const AuditSettings::Durability durability_;
  Group queued_;
  Group committing_;
  bool scheduled_ = false;
  std::size_t seen_rows_ = 0;  // in queued_, at the last turn of the loop
  bool on_thread_ = false;     // a commit, or a checkpoint, is running there
  int log_pages_ = 0;
  int moved_pages_ = 0;                     // of them, when the last checkpoint was done
  std::unique_ptr<Database> checkpointer_;  // the thread's own connection
  // Shared with what was posted: it may be run after the writer has gone.
  std::shared_ptr<Writer*> self_ = std::make_shared<Writer*>(this);
  asio::thread_pool thread_{1};
};

AuditLog::Writer::Writer(asio::any_io_executor executor, Database& database,
                         AuditSettings::Durability durability)
    : executor_(std::move(executor)), database_(database), durability_(durability) {
  if (durability_ == AuditSettings::Durability::fsync) return;  // as the store opened it
  auto relaxed = database_.set_synchronous(Database::Synchronous::off);
  auto opened = Database::open(database_.file());
  if (opened) relaxed = (*opened)->set_synchronous(Database::Synchronous::normal);
  if (!relaxed || !opened) {
    log_line(LogLevel::warning, "audit_checkpoints_inline",
             {{"why", relaxed ? opened.refusal().detail : relaxed.refusal().detail}});
    return;
  }
  checkpointer_ = std::move(*opened);
  database_.on_commit([this](int pages) {
    if (pages < log_pages_) moved_pages_ = 0;  // the log has started again
    log_pages_ = pages;
  });
}

AuditLog::Writer::~Writer() {
  thread_.join();
  *self_ = nullptr;
  if (checkpointer_) database_.on_commit([](int) {});
  if (on_thread_ && !committing_.rows.empty()) answer(std::exchange(committing_, Group()));
  Group last = std::exchange(queued_, Group());
  if (last.rows.empty()) return;
  last.sequences = commit_rows(database_, last.rows);
  answer(std::move(last));
}

Task<Result<Receipt>> AuditLog::Writer::write(Record record) {
  Answer answer(executor_);
  queued_.rows.push_back(make_record_row(std::move(record)));
  queued_.waiting.push_back(&answer);
  schedule();
  co_return co_await answer.wait();
}

Result<Receipt> AuditLog::Writer::write_now(Record record) {
  std::vector<RecordRow> rows;
  rows.push_back(make_record_row(std::move(record)));
  const std::lock_guard lock(database_use_);
  auto sequences = commit_rows(database_, rows);
  if (!sequences) return sequences.refusal();
  return Receipt(rows.front().id, sequences->front());
}

// The flush runs when every handler that is ready now has had its turn: their records make one
// group.
void AuditLog::Writer::schedule() {
  if (scheduled_ || (on_thread_ && durability_ == AuditSettings::Durability::fsync)) return;
  scheduled_ = true;
  back_on_loop(&Writer::flush);
}

void AuditLog::Writer::back_on_loop(void (Writer::*step)()) {
  asio::post(executor_, [self = self_, step] {
    if (*self) ((*self)->*step)();
  });
}

void AuditLog::Writer::flush() {
  // While records come with each turn of the loop, those of the next turn join the group: a commit
  // costs far more than a turn, and most of that once a group, not once a record.
  const std::size_t rows = queued_.rows.size();
  if (rows > seen_rows_ && rows < group_rows) {
    seen_rows_ = rows;
    scheduled_ = true;
    back_on_loop(&Writer::flush);
    return;
  }
  seen_rows_ = 0;
  scheduled_ = false;
  if (queued_.rows.empty()) return;
  if (durability_ == AuditSettings::Durability::fsync) {
    commit_on_thread();
    return;
  }
  Group group = std::exchange(queued_, Group());
  {
    const std::lock_guard lock(database_use_);
    group.sequences = commit_rows(database_, group.rows);
  }
  answer(std::move(group));
  checkpoint_if_grown();
}

void AuditLog::Writer::commit_on_thread() {
  on_thread_ = true;
  committing_ = std::exchange(queued_, Group());
  asio::post(thread_, [this] {
    const std::lock_guard lock(database_use_);
    committing_.sequences = commit_rows(database_, committing_.rows);
    asio::post(executor_, [self = self_] {
      Writer* writer = *self;
      if (!writer) return;
      writer->on_thread_ = false;
      writer->answer(std::exchange(writer->committing_, Group()));
      writer->flush();
    });
  });
}

void AuditLog::Writer::answer(Group group) {
  if (!group.sequences) {
    log_line(LogLevel::error, "audit_write_failed", {{"why", group.sequences.refusal().detail}});
  }
  for (std::size_t at = 0; at < group.rows.size(); ++at) {
    if (group.sequences) {
      group.waiting[at]->set(Receipt(std::move(group.rows[at].id), (*group.sequences)[at]));
    } else {
      group.waiting[at]->set(group.sequences.refusal());
    }
  }
}

// Under `process` no commit syncs anything; only what moves pages into the database file does, and
// it takes some 10 ms. So the bulk of it happens on the thread, over a connection of its own.
void AuditLog::Writer::checkpoint_if_grown() {
  if (!checkpointer_ || on_thread_ || log_pages_ - moved_pages_ < checkpoint_pages) return;
  on_thread_ = true;
  asio::post(thread_, [this] { checkpoint_on_thread(); });
}

void AuditLog::Writer::checkpoint_on_thread() {
  auto moved = checkpointer_->checkpoint();
  if (!moved) log_line(LogLevel::warning, "audit_checkpoint", {{"why", moved.refusal().detail}});
  back_on_loop(&Writer::finish_checkpoint);
}

// The write-ahead log starts again at its beginning only when all of it has been moved. While calls
// keep coming that is never so when the thread is done: the few pages since then are moved here,
// between commits. Since that syncs on the loop's thread, it waits until the log is large.
void AuditLog::Writer::finish_checkpoint() {
  on_thread_ = false;
  moved_pages_ = log_pages_;
  if (log_pages_ < restart_pages) return;
  log_pages_ = moved_pages_ = 0;
  const std::lock_guard lock(database_use_);
  auto synced = database_.set_synchronous(Database::Synchronous::normal);
  if (synced) synced = database_.checkpoint();
  auto relaxed = database_.set_synchronous(Database::Synchronous::off);
  for (const Status& step : {synced, relaxed}) {
    if (!step) log_line(LogLevel::warning, "audit_checkpoint", {{"why", step.refusal().detail}});
  }
}

AuditLog::AuditLog(asio::any_io_executor executor, Store& store, AuditSettings settings)
    : writer_(
          std::make_unique<Writer>(std::move(executor), store.database(), settings.durability)) {}

AuditLog::~AuditLog() = default;

Task<Result<Receipt>> AuditLog::write(Record record) {
  co_return co_await writer_->write(std::move(record));
}

Result<Receipt> AuditLog::write_now(Record record) { return writer_->write_now(std::move(record)); }

}  // namespace toolgate

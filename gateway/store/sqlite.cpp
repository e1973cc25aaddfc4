#include "gateway/store/sqlite.hpp"

#include <sqlite3.h>

#include <array>
#include <cassert>
#include <utility>

namespace toolgate {
namespace {

constexpr int busy_ms = 10'000;
constexpr int checkpoint_pages = 4'096;  // 16 MiB: SQLite's 1,000 would sync four times as often

struct Remedy {
  int code;
  std::string_view text;
};

constexpr std::array<Remedy, 10> remedies = {{
    {SQLITE_FULL, "free space on its disk"},
    {SQLITE_READONLY, "make it, and its folder, writable for this user"},
    {SQLITE_CANTOPEN, "check that its folder exists and that this user may write there"},
    {SQLITE_PERM, "make it, and its folder, accessible for this user"},
    {SQLITE_AUTH, "make it, and its folder, accessible for this user"},
    {SQLITE_BUSY, "another process holds it for longer than 10 s; stop that process"},
    {SQLITE_LOCKED, "another process holds it for longer than 10 s; stop that process"},
    {SQLITE_CORRUPT, "it is damaged: move it away and restore a copy"},
    {SQLITE_NOTADB, "it is no SQLite file: move it away and restore a copy"},
    {SQLITE_IOERR, "check its disk (space, quota, hardware)"},
}};

int primary_code(int code) { return code & 0xff; }

sqlite3_destructor_type kept_by_caller() { return SQLITE_STATIC; }

}  // namespace

Query::Query(Query&& other) noexcept
    : database_(other.database_),
      statement_(std::exchange(other.statement_, nullptr)),
      bind_failure_(other.bind_failure_) {}

Query::~Query() {
  if (statement_) reset();
}

void Query::reset() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
  bind_failure_ = SQLITE_OK;
}

Query& Query::note(int code) {
  if (bind_failure_ == SQLITE_OK) bind_failure_ = code;
  return *this;
}

Query& Query::bind(int at, std::string_view text) {
  const char* bytes = text.data() ? text.data() : "";
  return note(
      sqlite3_bind_text64(statement_, at, bytes, text.size(), kept_by_caller(), SQLITE_UTF8));
}

Query& Query::bind(int at, std::int64_t number) {
  return note(sqlite3_bind_int64(statement_, at, number));
}

Query& Query::bind_blob(int at, std::string_view bytes) {
  const char* start = bytes.data() ? bytes.data() : "";
  return note(sqlite3_bind_blob64(statement_, at, start, bytes.size(), kept_by_caller()));
}

Query& Query::bind_null(int at) { return note(sqlite3_bind_null(statement_, at)); }

Query& Query::bind_or_null(int at, std::string_view text) {
  return text.empty() ? bind_null(at) : bind(at, text);
}

Result<bool> Query::step() {
  if (bind_failure_ != SQLITE_OK) return database_->fault(bind_failure_);
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return database_->fault(code);
}

Status Query::run() {
  auto row = step();
  if (!row) return row.refusal();
  return done();
}

std::string_view Query::text(int column) const {
  const auto* bytes = sqlite3_column_text(statement_, column);
  if (!bytes) return {};
  return {reinterpret_cast<const char*>(bytes),
          static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

std::int64_t Query::number(int column) const { return sqlite3_column_int64(statement_, column); }

bool Query::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

Database::Database(sqlite3* handle, std::filesystem::path file)
    : handle_(handle), file_(std::move(file)) {}

Database::~Database() {
  for (auto& [text, statement] : statements_) sqlite3_finalize(statement);
  const int code = sqlite3_close(handle_);
  assert(code == SQLITE_OK);
  static_cast<void>(code);
}

Refusal Database::fault(int code) const {
  std::string text =
      "the store " + file_.string() + " cannot be used (" + sqlite3_errstr(code) + ")";
  for (const Remedy& remedy : remedies) {
    if (remedy.code == primary_code(code)) text.append(": ").append(remedy.text);
  }
  return Refusal(Reason::storage, std::move(text));
}

Result<std::unique_ptr<Database>> Database::open(const std::filesystem::path& file) {
  sqlite3* handle = nullptr;
  const int code =
      sqlite3_open_v2(file.c_str(), &handle,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, nullptr);
  if (!handle) throw std::bad_alloc();
  std::unique_ptr<Database> database(new Database(handle, file));
  if (code != SQLITE_OK) return database->fault(code);
  auto ready = database->prepare_connection();
  if (!ready) return ready.refusal();
  return database;
}

Status Database::prepare_connection() {
  sqlite3_extended_result_codes(handle_, 1);
  sqlite3_busy_timeout(handle_, busy_ms);
  for (int option : {SQLITE_DBCONFIG_DEFENSIVE, SQLITE_DBCONFIG_ENABLE_FKEY}) {
    const int code = sqlite3_db_config(handle_, option, 1, nullptr);
    if (code != SQLITE_OK) return fault(code);
  }
  const int code = sqlite3_db_config(handle_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  if (code != SQLITE_OK) return fault(code);
  auto wal = enter_wal_mode();
  if (!wal) return wal;
  sqlite3_wal_autocheckpoint(handle_, checkpoint_pages);
  return run(
      "PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY;"
      "PRAGMA journal_size_limit=67108864");
}

// Entering WAL mode needs the file alone for a moment, and SQLite answers "busy" there without
// asking the busy handler when several processes open a new file at once.
Status Database::enter_wal_mode() {
  constexpr int pause_ms = 20;
  for (int waited_ms = 0;; waited_ms += pause_ms) {
    const int code = sqlite3_exec(handle_, "PRAGMA journal_mode=WAL", nullptr, nullptr, nullptr);
    if (code == SQLITE_OK) return done();
    if (primary_code(code) != SQLITE_BUSY || waited_ms >= busy_ms) return fault(code);
    sqlite3_sleep(pause_ms);
  }
}

Status Database::run(const char* statements) {
  const int code = sqlite3_exec(handle_, statements, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return fault(code);
  return done();
}

Result<Query> Database::query(std::string_view statement) {
  std::string text(statement);
  auto found = statements_.find(text);
  if (found == statements_.end()) {
    sqlite3_stmt* prepared = nullptr;
    const int code = sqlite3_prepare_v3(handle_, text.data(), static_cast<int>(text.size()),
                                        SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
    if (code != SQLITE_OK) return fault(code);
    found = statements_.emplace(std::move(text), prepared).first;
  }
  assert(!sqlite3_stmt_busy(found->second));
  return Query(*this, found->second);
}

Result<std::int64_t> Database::number(std::string_view statement) {
  auto asked = query(statement);
  if (!asked) return asked.refusal();
  auto row = asked->step();
  if (!row) return row.refusal();
  return *row ? asked->number(0) : 0;
}

Status Database::set_synchronous(Synchronous level) {
  switch (level) {
    case Synchronous::off:
      return run("PRAGMA synchronous=OFF");
    case Synchronous::normal:
      return run("PRAGMA synchronous=NORMAL");
    case Synchronous::full:
      return run("PRAGMA synchronous=FULL");
  }
  return Refusal();
}

void Database::on_commit(std::function<void(int)> grown) {
  grown_ = std::move(grown);
  auto tell = [](void* self, sqlite3*, const char*, int pages) -> int {
    static_cast<Database*>(self)->grown_(pages);
    return SQLITE_OK;
  };
  sqlite3_wal_hook(handle_, tell, this);
}

Status Database::checkpoint() {
  const int code =
      sqlite3_wal_checkpoint_v2(handle_, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  if (code != SQLITE_OK && primary_code(code) != SQLITE_BUSY) return fault(code);
  return done();
}

std::int64_t Database::changes() const { return sqlite3_changes64(handle_); }
std::int64_t Database::last_row() const { return sqlite3_last_insert_rowid(handle_); }
bool Database::in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }

Result<Transaction> Transaction::begin(Database& database) {
  auto begin = database.query("BEGIN IMMEDIATE");
  if (!begin) return begin.refusal();
  auto begun = begin->run();
  if (!begun) return begun.refusal();
  return Transaction(database);
}

Result<Transaction> Transaction::begin_reading(Database& database) {
  auto begin = database.query("BEGIN");
  if (!begin) return begin.refusal();
  auto begun = begin->run();
  if (!begun) return begun.refusal();
  return Transaction(database);
}

Transaction::Transaction(Transaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)) {}

Transaction::~Transaction() {
  // Some failures (a full disk, for one) have rolled back already.
  if (database_ && database_->in_transaction()) {
    auto rolled_back = database_->run("ROLLBACK");
    static_cast<void>(rolled_back);  // nothing more can be done; the next BEGIN tells
  }
}

Status Transaction::commit() {
  auto commit = database_->query("COMMIT");
  if (!commit) return commit.refusal();
  auto committed = commit->run();
  if (!committed) return committed;
  database_ = nullptr;
  return done();
}

}  // namespace toolgate

#pragma once
// SQLite, owned: a connection, its cached prepared statements, transactions. Blocking. A connection
// is used by one thread at a time; whoever shares one between threads locks it.
//
// Every failure is a Refusal with `storage` that names the file and the remedy. SQLite's own
// message is never in it (it can quote data): only the text that belongs to the result code.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "gateway/core/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace toolgate {

class Database;

// One execution of a prepared statement. Bind (from 1), then step until it answers false. A failed
// bind is told by the next step. Resets its statement when it goes; must not outlive its Database,
// and one statement text has one Query at a time.
class Query {
 public:
  Query(Database& database, sqlite3_stmt* statement)
      : database_(&database), statement_(statement) {}
  Query(Query&& other) noexcept;
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  ~Query();

  // Bound bytes are not copied: they must live until the last step.
  Query& bind(int at, std::string_view text);
  Query& bind(int at, std::int64_t number);
  Query& bind_blob(int at, std::string_view bytes);
  Query& bind_null(int at);
  // The text, or NULL when it is empty.
  Query& bind_or_null(int at, std::string_view text);

  // Is there a row (again)?
  Result<bool> step();
  // For what answers no rows: one step.
  Status run();
  void reset();

  // Of the current row, columns from 0. Text is valid until the next step; NULL reads as "" and 0.
  std::string_view text(int column) const;
  std::int64_t number(int column) const;
  bool is_null(int column) const;

 private:
  Query& note(int code);
  Database* database_;
  sqlite3_stmt* statement_;
  int bind_failure_ = 0;
};

class Database {
 public:
  enum class Synchronous { off, normal, full };

  // Opens a file that exists already (an empty one will do) in WAL mode, with a busy timeout of 10
  // s, defensive, schema not trusted, foreign keys on, `synchronous` full.
  static Result<std::unique_ptr<Database>> open(const std::filesystem::path& file);
  ~Database();
  Database(const Database&) = delete;

  // Statements without parameters and rows, separated by ';'.
  Status run(const char* statements);
  // Prepares once, then answers from the cache.
  Result<Query> query(std::string_view statement);
  // The first column of the first row of a statement without parameters.
  Result<std::int64_t> number(std::string_view statement);

  Status set_synchronous(Synchronous level);
  // Replaces automatic checkpoints: `grown` is told the size of the write-ahead log, in pages,
  // after each commit. Called inside the commit: it must only take note.
  void on_commit(std::function<void(int pages)> grown);
  // Copies what it can from the write-ahead log into the file without waiting for anybody.
  Status checkpoint();

  std::int64_t changes() const;  // rows that the last statement touched
  std::int64_t last_row() const;
  bool in_transaction() const;
  const std::filesystem::path& file() const { return file_; }
  Refusal fault(int code) const;

 private:
  Database(sqlite3* handle, std::filesystem::path file);
  Status prepare_connection();
  Status enter_wal_mode();
  sqlite3* handle_;
  std::filesystem::path file_;
  std::unordered_map<std::string, sqlite3_stmt*> statements_;
  std::function<void(int)> grown_;
};

// BEGIN IMMEDIATE: takes the write lock at once, so that nothing fails half way for want of it.
// Rolls back when it goes without a successful commit().
class Transaction {
 public:
  static Result<Transaction> begin(Database& database);
  // BEGIN: all that is read until it goes is of one moment; nothing is to be written.
  static Result<Transaction> begin_reading(Database& database);
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Status commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;
};

}  // namespace toolgate

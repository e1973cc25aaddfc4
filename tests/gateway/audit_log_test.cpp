#include <doctest/doctest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <map>
#include <set>

#include "gateway/core/document.hpp"
#include "gateway/core/task_group.hpp"
#include "gateway/store/audit.hpp"
#include "gateway/store/sqlite.hpp"
#include "tests/gateway/store_home.hpp"

namespace toolgate {
namespace {

using test::TemporaryHome;
using Durability = AuditSettings::Durability;

Record record(std::string tool) {
  Record one;
  one.kind = "call.intent";
  one.agent = "local";
  one.server = "files";
  one.tool = std::move(tool);
  return one;
}

AuditSettings settings(Durability durability) {
  AuditSettings chosen;
  chosen.durability = durability;
  return chosen;
}

Task<> write_one(AuditLog& log, Record what, std::vector<Result<Receipt>>& receipts) {
  auto receipt = co_await log.write(std::move(what));
  receipts.push_back(std::move(receipt));
}

// Writes all of them in one turn of the loop, and runs the loop until every one has its answer.
std::vector<Result<Receipt>> write_together(AuditLog& log, asio::io_context& loop,
                                            std::vector<Record> records) {
  std::vector<Result<Receipt>> receipts;
  TaskGroup group(loop.get_executor(), "writers");
  for (Record& one : records) group.spawn(write_one(log, std::move(one), receipts));
  loop.restart();
  loop.run();
  CHECK(group.size() == 0);
  return receipts;
}

std::vector<AuditRow> everything(Store& store) {
  AuditQuery query;
  query.limit = 1'000'000;
  auto rows = audit_rows(store, query);
  REQUIRE(rows);
  return *rows;
}

TEST_CASE("records of one turn are committed together, in their order") {
  for (Durability durability : {Durability::process, Durability::fsync}) {
    TemporaryHome home;
    auto store = home.open();
    asio::io_context loop;
    AuditLog log(loop.get_executor(), *store, settings(durability));
    std::vector<Record> records;
    for (int at = 0; at < 200; ++at) records.push_back(record("t" + std::to_string(at)));
    auto receipts = write_together(log, loop, std::move(records));
    REQUIRE(receipts.size() == 200);
    auto rows = everything(*store);
    REQUIRE(rows.size() == 200);
    std::string last_id;
    for (std::size_t at = 0; at < receipts.size(); ++at) {
      REQUIRE(receipts[at]);
      CHECK(receipts[at]->sequence() == static_cast<std::int64_t>(at) + 1);
      CHECK(receipts[at]->id() > last_id);
      last_id = receipts[at]->id();
      CHECK(rows[at].json.find("\"tool\":\"t" + std::to_string(at) + "\"") != std::string::npos);
      CHECK(rows[at].json.find(receipts[at]->id()) != std::string::npos);
    }
  }
}

Task<> write_many(AuditLog& log, int count, std::vector<Result<Receipt>>& receipts) {
  for (int at = 0; at < count; ++at) {
    auto receipt = co_await log.write(record("t"));
    receipts.push_back(std::move(receipt));
  }
}

TEST_CASE("groups follow one another while a commit waits for the disk") {
  TemporaryHome home;
  auto store = home.open();
  asio::io_context loop;
  AuditLog log(loop.get_executor(), *store, settings(Durability::fsync));
  std::vector<Result<Receipt>> receipts;
  TaskGroup group(loop.get_executor(), "writers");
  for (int at = 0; at < 8; ++at) group.spawn(write_many(log, 20, receipts));
  loop.run();
  std::set<std::int64_t> sequences;
  for (const auto& receipt : receipts) {
    REQUIRE(receipt);
    sequences.insert(receipt->sequence());
  }
  CHECK(sequences.size() == 160);
}

TEST_CASE("the write-ahead log does not grow without end while records keep coming") {
  TemporaryHome home;
  auto store = home.open();
  asio::io_context loop;
  {
    AuditLog log(loop.get_executor(), *store, settings(Durability::process));
    std::vector<Result<Receipt>> receipts;
    TaskGroup group(loop.get_executor(), "writers");
    group.spawn(write_many(log, 12'000, receipts));
    loop.run();
    CHECK(receipts.size() == 12'000);
  }
  CHECK(std::filesystem::file_size(home.path() / "store.db-wal") < (std::size_t{100} << 20));
  CHECK(std::filesystem::file_size(home.path() / "store.db") > (std::size_t{1} << 20));
  CHECK(everything(*store).size() == 12'000);
}

TEST_CASE("one record that cannot be stored refuses its whole group; the next group is stored") {
  for (Durability durability : {Durability::process, Durability::fsync}) {
    TemporaryHome home;
    auto store = home.open();
    asio::io_context loop;
    AuditLog log(loop.get_executor(), *store, settings(durability));
    auto pages = store->database().number("PRAGMA page_count");
    REQUIRE(pages);
    const std::string limit = "PRAGMA max_page_count=" + std::to_string(*pages + 8);
    REQUIRE(store->database().number(limit));
    Record large = record("large");
    large.arguments = "\"" + std::string(100'000, 'x') + "\"";
    auto receipts = write_together(log, loop, {record("a"), large, record("b")});
    REQUIRE(receipts.size() == 3);
    for (const auto& receipt : receipts) {
      REQUIRE(!receipt);
      CHECK(receipt.refusal().reason == Reason::storage);
      CHECK(receipt.refusal().detail.find("free space") != std::string::npos);
    }
    CHECK(everything(*store).empty());
    CHECK(!log.write_now(large));

    auto later = write_together(log, loop, {record("c")});
    REQUIRE(later.size() == 1);
    CHECK(later[0]);
    CHECK(everything(*store).size() == 1);
  }
}

TEST_CASE("a full disk refuses, and space makes it well again") {
  TemporaryHome home;
  const auto disk = home.path() / "disk";
  std::filesystem::create_directory(disk);
  if (::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=1m,mode=0700") != 0) {
    MESSAGE("no right to mount a small disk here; the page limit above stands in for it");
    return;
  }
  {
    auto store = Store::open(disk, Store::Mode::create);
    REQUIRE(store);
    asio::io_context loop;
    AuditLog log(loop.get_executor(), **store, settings(Durability::process));
    const std::string ballast(10'000, 'x');
    std::size_t stored = 0;
    for (bool full = false; !full && stored < 1'000;) {
      Record next = record("t");
      next.result = "\"" + ballast + "\"";
      auto receipts = write_together(log, loop, {next});
      full = !receipts.front();
      if (full) CHECK(receipts.front().refusal().reason == Reason::storage);
      stored += full ? 0U : 1U;
    }
    CHECK(stored > 10);
    CHECK(stored < 1'000);
    CHECK(everything(**store).size() == stored);
    REQUIRE(::mount("tmpfs", disk.c_str(), "tmpfs", MS_REMOUNT, "size=8m,mode=0700") == 0);
    auto later = write_together(log, loop, {record("later")});
    CHECK(later.front());
    CHECK(everything(**store).size() == stored + 1);
  }
  CHECK(::umount(disk.c_str()) == 0);
}

TEST_CASE("a store that lost its table refuses until it has it back") {
  TemporaryHome home;
  auto store = home.open();
  auto other = home.open();
  asio::io_context loop;
  AuditLog log(loop.get_executor(), *store, settings(Durability::process));
  REQUIRE(log.write_now(record("a")));
  REQUIRE(other->database().run("ALTER TABLE records RENAME TO gone"));
  auto receipts = write_together(log, loop, {record("b"), record("c")});
  CHECK(!receipts[0]);
  CHECK(!receipts[1]);
  REQUIRE(other->database().run("ALTER TABLE gone RENAME TO records"));
  receipts = write_together(log, loop, {record("d")});
  CHECK(receipts[0]);
}

// The child of the test below: tells each durable record's number over the pipe, as a line of its
// own.
[[noreturn]] void write_and_tell(const std::filesystem::path& home, int pipe_end, int count) {
  auto store = Store::open(home, Store::Mode::create);
  if (!store) ::_exit(2);
  asio::io_context loop;
  AuditLog log(loop.get_executor(), **store, settings(Durability::process));
  for (int at = 0; at < count; ++at) {
    auto receipt = log.write_now(record("p" + std::to_string(::getpid())));
    if (!receipt) ::_exit(3);
    const std::string line = receipt->id() + " " + std::to_string(receipt->sequence()) + "\n";
    if (::write(pipe_end, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
      ::_exit(4);
  }
  ::_exit(0);
}

struct Child {
  pid_t pid = 0;
  int pipe_end = -1;
};

Child start_child(const std::filesystem::path& home, int count) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    ::close(ends[0]);
    write_and_tell(home, ends[1], count);
  }
  ::close(ends[1]);
  return Child{pid, ends[0]};
}

std::string read_all(int pipe_end) {
  std::string all;
  char piece[4096];
  for (ssize_t got = 0; (got = ::read(pipe_end, piece, sizeof piece)) > 0;) {
    all.append(piece, static_cast<std::size_t>(got));
  }
  ::close(pipe_end);
  return all;
}

TEST_CASE("eight processes write to one store, one is killed: no acknowledged record is lost") {
  TemporaryHome home;
  constexpr int count = 200;
  std::vector<Child> children;
  for (int at = 0; at < 8; ++at)
    children.push_back(start_child(home.path(), at == 0 ? 1 << 20 : count));

  char piece[512];
  std::string told;
  for (int lines = 0; lines < 20;) {  // the victim is well in the middle of its work
    const ssize_t got = ::read(children[0].pipe_end, piece, sizeof piece);
    REQUIRE(got > 0);
    told.append(piece, static_cast<std::size_t>(got));
    lines = static_cast<int>(std::ranges::count(told, '\n'));
  }
  ::kill(children[0].pid, SIGKILL);
  for (Child& child : children) told += read_all(child.pipe_end);
  for (std::size_t at = 0; at < children.size(); ++at) {
    int status = 0;
    REQUIRE(::waitpid(children[at].pid, &status, 0) == children[at].pid);
    if (at > 0) CHECK(WEXITSTATUS(status) == 0);
  }

  auto store = home.open(Store::Mode::existing);
  std::map<std::int64_t, std::string> stored;
  for (const AuditRow& row : everything(*store)) {
    CHECK(stored.emplace(row.sequence, row.json).second);
  }
  int acknowledged = 0;
  for (std::size_t at = 0; at < told.size(); ++acknowledged) {
    const std::size_t end = told.find('\n', at);
    if (end == std::string::npos) break;  // the victim's last, torn line
    const std::string id = told.substr(at, 36);
    const auto sequence = std::stoll(told.substr(at + 37, end - at - 37));
    REQUIRE(stored.contains(sequence));
    CHECK(stored[sequence].find(id) != std::string::npos);
    at = end + 1;
  }
  CHECK(acknowledged >= 7 * count + 20);
  CHECK(stored.size() <= static_cast<std::size_t>(acknowledged) + 1);
}

}  // namespace
}  // namespace toolgate

#include "gateway/store/store.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "gateway/core/log.hpp"
#include "gateway/store/schema.hpp"
#include "gateway/store/sqlite.hpp"

namespace toolgate {
namespace {

Refusal storage(std::string text) { return Refusal(Reason::storage, std::move(text)); }

Status check_home(const std::filesystem::path& home, Store::Mode mode) {
  if (mode == Store::Mode::create) {
    std::error_code failed;
    const auto parent = home.parent_path();
    if (!parent.empty()) std::filesystem::create_directories(parent, failed);
    if (::mkdir(home.c_str(), 0700) != 0 && errno != EEXIST) {
      return storage("the home " + home.string() + " cannot be made (" + std::strerror(errno) +
                     "): make it, or set TOOLGATE_HOME to another place");
    }
  }
  struct stat status{};
  if (::stat(home.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
    return storage("there is no home at " + home.string() +
                   ": run `toolgate init`, or set TOOLGATE_HOME");
  }
  if (status.st_uid != ::geteuid() && status.st_uid != 0) {
    return storage("the home " + home.string() +
                   " belongs to another user: chown it to yours, or set TOOLGATE_HOME to your own");
  }
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return storage("others can write to the home " + home.string() + ": run `chmod 700 " +
                   home.string() + "`");
  }
  return done();
}

// SQLite gives its -wal and -shm files the mode of the database file.
//
// A file that exists is looked at by its name alone: POSIX drops every lock that a process holds on
// a file as soon as that process closes any descriptor of it, those of SQLite's connections in this
// process included ("How To Corrupt An SQLite Database File", section 2.2). Another process that
// ends would then take itself for the last one and remove the write-ahead log under us.
Status check_file(const std::filesystem::path& file, Store::Mode mode) {
  if (mode == Store::Mode::create) {
    const int fresh = ::open(file.c_str(), O_RDWR | O_CLOEXEC | O_CREAT | O_EXCL, 0600);
    if (fresh >= 0) ::close(fresh);  // nobody can have had a lock on what was not there
    if (fresh < 0 && errno != EEXIST) {
      return storage("the store " + file.string() + " cannot be made (" + std::strerror(errno) +
                     ")");
    }
  }
  struct stat status{};
  if (::lstat(file.c_str(), &status) != 0) {
    return storage("there is no store at " + file.string() + ": run `toolgate init`");
  }
  const bool own = S_ISREG(status.st_mode) && status.st_uid == ::geteuid();
  const bool narrow = own && ((status.st_mode & 077) == 0 || ::chmod(file.c_str(), 0600) == 0);
  if (!narrow) {
    return storage("the store " + file.string() +
                   " is no private file of this user: make it a plain file with `chmod 600 " +
                   file.string() + "` as its owner");
  }
  return done();
}

Refusal damaged(const Database& database, std::string_view what) {
  return storage("the store " + database.file().string() + " holds " + std::string(what) +
                 " that cannot be read: restore a copy");
}

// Everything that the seal is over.
std::vector<std::string> columns_of(const Shown& item) {
  return {item.server,
          item.identity.text(),
          item.scopes.text(),
          std::string(item_kind_name(item.definition.kind)),
          item.definition.key,
          item.definition.json,
          item.pin.text(),
          item.findings,
          item.change_class,
          std::to_string(item.time_ns),
          std::to_string(item.place)};
}

Status put_item(Database& database, const Shown& item) {
  auto insert = database.query(
      "INSERT INTO shown(server, identity, scopes, kind, key, definition, pin, findings, time_ns,"
      " place, seal, change_class) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  if (!insert) return insert.refusal();
  const std::string identity = item.identity.text();
  const std::string scopes = item.scopes.text();
  const std::string pin = item.pin.text();
  return insert->bind(1, item.server)
      .bind(2, identity)
      .bind(3, scopes)
      .bind(4, item_kind_name(item.definition.kind))
      .bind(5, item.definition.key)
      .bind(6, item.definition.json)
      .bind(7, pin)
      .bind(8, item.findings)
      .bind(9, item.time_ns)
      .bind(10, item.place)
      .bind(11, item.seal)
      .bind(12, item.change_class)
      .run();
}

// Nothing `review` wrote looks otherwise.
Result<Shown> read_item(const Query& row) {
  Shown item;
  item.server = row.text(0);
  auto identity = Digest::parse(row.text(1));
  auto scopes = Digest::parse(row.text(2));
  auto kind = item_kind_from(row.text(3));
  auto pin = Digest::parse(row.text(6));
  if (!identity || !scopes || !kind || !pin) {
    return Refusal(Reason::bad_signature,
                   "row " + std::to_string(row.number(9)) +
                       " of what the store says was shown of '" + item.server +
                       "' is nothing that `toolgate review` writes: run `toolgate review " +
                       item.server + "` again");
  }
  item.identity = *identity;
  item.scopes = *scopes;
  item.definition.kind = *kind;
  item.definition.key = row.text(4);
  item.definition.json = row.text(5);
  item.pin = *pin;
  item.findings = row.text(7);
  item.time_ns = row.number(8);
  item.place = row.number(9);
  item.seal = row.text(10);
  item.change_class = row.text(11);
  return item;
}

// Nothing for a row of a kind that does not exist: it approves nothing, and must not keep the
// others from being read or revoked.
std::optional<StoredApproval> read_approval(const Query& row) {
  auto kind = item_kind_from(row.text(1));
  if (!kind) {
    log_line(LogLevel::warning, "approval.ignored",
             {{"row", std::to_string(row.number(0))}, {"why", "its kind is unknown"}});
    return std::nullopt;
  }
  StoredApproval approval;
  approval.row = row.number(0);
  approval.definition.kind = *kind;
  approval.definition.key = row.text(2);
  approval.definition.json = row.text(3);
  approval.record.text = row.text(4);
  approval.record.key_id = row.text(5);
  approval.record.signature = row.text(6);
  return approval;
}

}  // namespace

Store::Store(std::unique_ptr<Database> database) : database_(std::move(database)) {}
Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(const std::filesystem::path& home, Mode mode) {
  auto private_home = check_home(home, mode);
  if (!private_home) return private_home.refusal();
  const auto file = home / "store.db";
  auto private_file = check_file(file, mode);
  if (!private_file) return private_file.refusal();
  auto database = Database::open(file);
  if (!database) return database.refusal();
  auto schema = ensure_schema(**database);
  if (!schema) return schema.refusal();
  return std::unique_ptr<Store>(new Store(std::move(*database)));
}

Result<std::int64_t> Store::data_version() {
  auto rows = database_->query("SELECT count FROM changes");
  if (!rows) return rows.refusal();
  auto row = rows->step();
  if (!row) return row.refusal();
  // Without the row nothing counts changes, and a revocation would go unnoticed.
  if (!*row) return damaged(*database_, "a count of changes");
  return rows->number(0);
}

bool is_sealed(const Shown& item, const ReviewSeal& seal) {
  return seal.holds(item.seal, columns_of(item));
}

Status Store::put_shown(const std::string& server, std::vector<Shown> items,
                        const ReviewSeal& seal) {
  auto transaction = Transaction::begin(*database_);
  if (!transaction) return transaction.refusal();
  auto clear = database_->query("DELETE FROM shown WHERE server = ?");
  if (!clear) return clear.refusal();
  auto cleared = clear->bind(1, server).run();
  if (!cleared) return cleared;
  std::int64_t place = 0;
  for (Shown& item : items) {
    item.server = server;
    item.place = place++;
    item.seal = seal.seal(columns_of(item));
    auto put = put_item(*database_, item);
    if (!put) return put;
  }
  return transaction->commit();
}

Result<std::vector<Shown>> Store::shown(const std::string& server) {
  auto rows = database_->query(
      "SELECT server, identity, scopes, kind, key, definition, pin, findings, time_ns, place, seal,"
      " change_class FROM shown WHERE server = ? ORDER BY place");
  if (!rows) return rows.refusal();
  rows->bind(1, server);
  std::vector<Shown> items;
  for (;;) {
    auto row = rows->step();
    if (!row) return row.refusal();
    if (!*row) return items;
    auto item = read_item(*rows);
    if (!item) return item.refusal();
    items.push_back(std::move(*item));
  }
}

Status Store::put_server(const StoredServer& server) {
  auto put = database_->query(
      "INSERT OR REPLACE INTO servers(server, identity, capabilities, server_info, revision)"
      " VALUES(?, ?, ?, ?, ?)");
  if (!put) return put.refusal();
  const std::string identity = server.identity.text();
  return put->bind(1, server.server)
      .bind(2, identity)
      .bind(3, server.capabilities)
      .bind(4, server.server_info)
      .bind(5, server.revision)
      .run();
}

Result<std::vector<StoredServer>> Store::servers() {
  auto rows = database_->query(
      "SELECT server, identity, capabilities, server_info, revision FROM servers ORDER BY server");
  if (!rows) return rows.refusal();
  std::vector<StoredServer> servers;
  for (;;) {
    auto row = rows->step();
    if (!row) return row.refusal();
    if (!*row) return servers;
    auto identity = Digest::parse(rows->text(1));
    if (!identity) return damaged(*database_, "a server");
    StoredServer server;
    server.server = rows->text(0);
    server.identity = *identity;
    server.capabilities = rows->text(2);
    server.server_info = rows->text(3);
    server.revision = rows->text(4);
    servers.push_back(std::move(server));
  }
}

Result<std::vector<StoredApproval>> Store::approvals() {
  auto rows = database_->query(
      "SELECT row, kind, key, definition, text, key_id, signature FROM approvals"
      " WHERE revoked_at IS NULL ORDER BY row");
  if (!rows) return rows.refusal();
  std::vector<StoredApproval> approvals;
  for (;;) {
    auto row = rows->step();
    if (!row) return row.refusal();
    if (!*row) return approvals;
    auto approval = read_approval(*rows);
    if (approval) approvals.push_back(std::move(*approval));
  }
}

Status Store::add_agent(const AgentName& name, const std::string& token_hash,
                        std::int64_t time_ns) {
  auto insert = database_->query(
      "INSERT INTO agents(name, token_hash, created_at) VALUES(?, ?, ?) ON CONFLICT(name) DO "
      "NOTHING");
  if (!insert) return insert.refusal();
  auto inserted = insert->bind(1, name.text()).bind(2, token_hash).bind(3, time_ns).run();
  if (!inserted) return inserted;
  if (database_->changes() == 0) {
    return storage("there is an agent " + name.text() + " already: `toolgate agent remove " +
                   name.text() + "` first");
  }
  return done();
}

Result<bool> Store::remove_agent(const AgentName& name) {
  auto remove = database_->query("DELETE FROM agents WHERE name = ?");
  if (!remove) return remove.refusal();
  auto removed = remove->bind(1, name.text()).run();
  if (!removed) return removed.refusal();
  return database_->changes() > 0;
}

Result<std::vector<StoredAgent>> Store::agents() {
  auto rows = database_->query("SELECT name, created_at FROM agents ORDER BY name");
  if (!rows) return rows.refusal();
  std::vector<StoredAgent> agents;
  for (;;) {
    auto row = rows->step();
    if (!row) return row.refusal();
    if (!*row) return agents;
    StoredAgent agent;
    agent.name = AgentName(std::string(rows->text(0)));
    agent.created_ns = rows->number(1);
    agents.push_back(std::move(agent));
  }
}

Result<std::optional<AgentName>> Store::agent_by_token_hash(const std::string& token_hash) {
  auto rows = database_->query("SELECT name FROM agents WHERE token_hash = ?");
  if (!rows) return rows.refusal();
  auto row = rows->bind(1, token_hash).step();
  if (!row) return row.refusal();
  std::optional<AgentName> name;
  if (*row) name = AgentName(std::string(rows->text(0)));
  return name;
}

}  // namespace toolgate

#include "gateway/store/store.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "gateway/core/clock.hpp"
#include "gateway/core/document.hpp"
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

// The name that an approval was given under stands in what was signed, and nowhere else.
Result<std::string> server_of(const SignedApproval& record) {
  auto text = parse_document(Untrusted<std::string>(record.text), JsonLimits{});
  if (!text) return text.refusal();
  auto server = text->root().find("server");
  if (!server || !server->is_string()) {
    return Refusal(Reason::invalid_params, "an approval without a server cannot be stored");
  }
  return server->text();
}

Status put_approval(Database& database, const StoredApproval& approval) {
  auto server = server_of(approval.record);
  if (!server) return server.refusal();
  const auto kind = item_kind_name(approval.definition.kind);
  auto supersede = database.query(
      "UPDATE approvals SET revoked_at = ?"
      " WHERE server = ? AND kind = ? AND key = ? AND revoked_at IS NULL");
  if (!supersede) return supersede.refusal();
  auto superseded = supersede->bind(1, now_utc_ns())
                        .bind(2, *server)
                        .bind(3, kind)
                        .bind(4, approval.definition.key)
                        .run();
  if (!superseded) return superseded;
  auto insert = database.query(
      "INSERT INTO approvals(server, kind, key, definition, text, key_id, signature)"
      " VALUES(?, ?, ?, ?, ?, ?, ?)");
  if (!insert) return insert.refusal();
  return insert->bind(1, *server)
      .bind(2, kind)
      .bind(3, approval.definition.key)
      .bind(4, approval.definition.json)
      .bind(5, approval.record.text)
      .bind(6, approval.record.key_id)
      .bind(7, approval.record.signature)
      .run();
}

Status put_item(Database& database, const std::string& server, const std::string& identity,
                const Shown& item, std::int64_t place) {
  auto insert = database.query(
      "INSERT INTO shown(server, identity, kind, key, definition, pin, findings, time_ns, place)"
      " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)");
  if (!insert) return insert.refusal();
  const std::string pin = item.pin.text();
  return insert->bind(1, server)
      .bind(2, identity)
      .bind(3, item_kind_name(item.definition.kind))
      .bind(4, item.definition.key)
      .bind(5, item.definition.json)
      .bind(6, pin)
      .bind(7, item.findings)
      .bind(8, item.time_ns)
      .bind(9, place)
      .run();
}

Result<Shown> read_item(const Database& database, const Query& row) {
  auto identity = Digest::parse(row.text(1));
  auto kind = item_kind_from(row.text(2));
  auto pin = Digest::parse(row.text(5));
  if (!identity || !kind || !pin) return damaged(database, "a reviewed item");
  Shown item;
  item.server = row.text(0);
  item.identity = *identity;
  item.definition.kind = *kind;
  item.definition.key = row.text(3);
  item.definition.json = row.text(4);
  item.pin = *pin;
  item.findings = row.text(6);
  item.time_ns = row.number(7);
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

Status Store::put_shown(const std::string& server, const ServerIdentity& identity,
                        const std::vector<Shown>& items) {
  auto transaction = Transaction::begin(*database_);
  if (!transaction) return transaction.refusal();
  auto clear = database_->query("DELETE FROM shown WHERE server = ?");
  if (!clear) return clear.refusal();
  auto cleared = clear->bind(1, server).run();
  if (!cleared) return cleared;
  const std::string identity_text = identity.text();
  std::int64_t place = 0;
  for (const Shown& item : items) {
    auto put = put_item(*database_, server, identity_text, item, place++);
    if (!put) return put;
  }
  return transaction->commit();
}

Result<std::vector<Shown>> Store::shown(const std::string& server) {
  auto rows = database_->query(
      "SELECT server, identity, kind, key, definition, pin, findings, time_ns FROM shown"
      " WHERE server = ? ORDER BY place");
  if (!rows) return rows.refusal();
  rows->bind(1, server);
  std::vector<Shown> items;
  for (;;) {
    auto row = rows->step();
    if (!row) return row.refusal();
    if (!*row) return items;
    auto item = read_item(*database_, *rows);
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

Status Store::put_approvals(const std::vector<StoredApproval>& approvals) {
  auto transaction = Transaction::begin(*database_);
  if (!transaction) return transaction.refusal();
  for (const StoredApproval& approval : approvals) {
    auto put = put_approval(*database_, approval);
    if (!put) return put;
  }
  return transaction->commit();
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

Result<std::size_t> Store::revoke(const std::string& server, const std::vector<std::string>& keys,
                                  std::int64_t time_ns) {
  auto transaction = Transaction::begin(*database_);
  if (!transaction) return transaction.refusal();
  std::int64_t count = 0;
  const std::vector<std::string> all = {""};
  for (const std::string& key : keys.empty() ? all : keys) {
    auto update = database_->query(
        "UPDATE approvals SET revoked_at = ?1 WHERE server = ?2 AND revoked_at IS NULL"
        " AND (?3 OR key = ?4)");
    if (!update) return update.refusal();
    auto updated = update->bind(1, time_ns)
                       .bind(2, server)
                       .bind(3, std::int64_t{keys.empty()})
                       .bind(4, key)
                       .run();
    if (!updated) return updated.refusal();
    count += database_->changes();
  }
  auto committed = transaction->commit();
  if (!committed) return committed.refusal();
  return static_cast<std::size_t>(count);
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

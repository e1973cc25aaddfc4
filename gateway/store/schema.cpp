#include "gateway/store/schema.hpp"

#include <initializer_list>
#include <string>

namespace toolgate {
namespace {

// records.body is the envelope as it is printed; the columns beside it are what queries select by,
// NULL where they are empty. Every index carries the rowid, which is `seq`, as its last column by
// itself: that gives each its order. AUTOINCREMENT never hands out a number twice, even after rows
// were removed.
//
// `changes` counts what other processes must notice; the triggers keep it, so no statement can
// forget to.
constexpr const char* version_1 = R"sql(
CREATE TABLE records(
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id BLOB NOT NULL UNIQUE CHECK(length(id) = 16),
  time_ns INTEGER NOT NULL,
  kind TEXT NOT NULL,
  agent TEXT,
  session TEXT,
  server TEXT,
  tool TEXT,
  decision TEXT,
  body TEXT NOT NULL
) STRICT;
CREATE INDEX records_time ON records(time_ns);
CREATE INDEX records_tool ON records(server, tool) WHERE server IS NOT NULL;
CREATE INDEX records_agent ON records(agent) WHERE agent IS NOT NULL;
CREATE INDEX records_session ON records(session) WHERE session IS NOT NULL;
CREATE INDEX records_kind ON records(kind);
CREATE INDEX records_decision ON records(decision) WHERE decision IS NOT NULL;

CREATE TABLE approvals(
  row INTEGER PRIMARY KEY AUTOINCREMENT,
  server TEXT NOT NULL,
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  definition TEXT NOT NULL,
  text TEXT NOT NULL,
  key_id TEXT NOT NULL,
  signature TEXT NOT NULL,
  revoked_at INTEGER
) STRICT;
CREATE INDEX approvals_server ON approvals(server, kind, key) WHERE revoked_at IS NULL;

CREATE TABLE shown(
  server TEXT NOT NULL,
  identity TEXT NOT NULL,
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  definition TEXT NOT NULL,
  pin TEXT NOT NULL,
  findings TEXT NOT NULL,
  time_ns INTEGER NOT NULL,
  place INTEGER NOT NULL,
  PRIMARY KEY(server, kind, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE servers(
  server TEXT PRIMARY KEY,
  identity TEXT NOT NULL,
  capabilities TEXT NOT NULL,
  server_info TEXT NOT NULL,
  revision TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE agents(
  name TEXT PRIMARY KEY,
  token_hash TEXT NOT NULL UNIQUE,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE changes(one INTEGER PRIMARY KEY CHECK(one = 1), count INTEGER NOT NULL) STRICT;
INSERT INTO changes VALUES(1, 0);
)sql";

// What was shown under version 1 had no seal, and has to be reviewed again.
//
// What waits for a decision, and what is kept, in staged file scopes (custody_book.hpp). Paths are
// any bytes.
constexpr const char* version_2 = R"sql(
DROP TABLE shown;
CREATE TABLE shown(
  server TEXT NOT NULL,
  identity TEXT NOT NULL,
  scopes TEXT NOT NULL,
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  definition TEXT NOT NULL,
  pin TEXT NOT NULL,
  findings TEXT NOT NULL,
  time_ns INTEGER NOT NULL,
  place INTEGER NOT NULL,
  seal TEXT NOT NULL,
  PRIMARY KEY(server, kind, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE held(
  id TEXT PRIMARY KEY,
  server TEXT NOT NULL,
  effect TEXT NOT NULL,
  path BLOB NOT NULL,
  target BLOB NOT NULL,
  state TEXT NOT NULL,
  time_ns INTEGER NOT NULL,
  device INTEGER NOT NULL,
  inode INTEGER NOT NULL,
  born_ns INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  type INTEGER NOT NULL,
  target_device INTEGER NOT NULL,
  target_inode INTEGER NOT NULL,
  target_born_ns INTEGER NOT NULL,
  target_generation INTEGER NOT NULL,
  target_type INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX held_question ON held(server, effect, path, target);
CREATE INDEX held_state ON held(server, state);

CREATE TABLE kept(
  id TEXT PRIMARY KEY,
  server TEXT NOT NULL,
  path BLOB NOT NULL,
  kind TEXT NOT NULL,
  time_ns INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  mode INTEGER NOT NULL,
  owner INTEGER NOT NULL,
  group_ INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX kept_server ON kept(server, bytes);
)sql";

// What servers were seen to offer that nobody approved (sightings.hpp). `kind` is "server" for what
// holds all of one; `shown_ns` is the time of the review that showed it last.
constexpr const char* version_3_sightings = R"sql(
CREATE TABLE sightings(
  row INTEGER PRIMARY KEY AUTOINCREMENT,
  server TEXT NOT NULL,
  identity TEXT NOT NULL,
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  why TEXT NOT NULL,
  pin TEXT NOT NULL,
  definition TEXT NOT NULL,
  time_ns INTEGER NOT NULL,
  record TEXT NOT NULL,
  shown_ns INTEGER
) STRICT;
CREATE UNIQUE INDEX sightings_once ON sightings(identity, kind, key, why, pin);
)sql";

// Of what kind the change is that was shown, so that `approve` can take one kind of them. What was
// shown before has no seal over it, and has to be reviewed again.
constexpr const char* version_3_classes = R"sql(
DELETE FROM shown;
ALTER TABLE shown ADD COLUMN change_class TEXT NOT NULL DEFAULT '';
)sql";

// The chain of decisions (signing/decision.hpp); `keyring` is the text of trust.keys after those
// that changed it. An approval of an earlier version names no home, and none that was made before
// there was a chain is in it: they are kept as withdrawn at the beginning of time (trust.hpp counts
// them).
constexpr const char* version_3_trust = R"sql(
CREATE TABLE decisions(
  sequence INTEGER PRIMARY KEY,
  text TEXT NOT NULL,
  key_id TEXT NOT NULL,
  signature TEXT NOT NULL,
  keyring TEXT
) STRICT;
UPDATE approvals SET revoked_at = 0 WHERE revoked_at IS NULL;
)sql";

std::string change_triggers(std::initializer_list<const char*> tables) {
  std::string all;
  for (const char* table : tables) {
    for (const char* event : {"INSERT", "UPDATE", "DELETE"}) {
      all += std::string("CREATE TRIGGER ") + table + "_" + event + " AFTER " + event + " ON " +
             table + " BEGIN UPDATE changes SET count = count + 1; END;";
    }
  }
  return all;
}

// "TGTE": lets file(1) and this program tell a toolgate store from another SQLite file.
constexpr std::int64_t application_id = 0x54475445;

Status check_origin(Database& database, std::int64_t version) {
  const std::string file = database.file().string();
  if (version > schema_version) {
    return Refusal(Reason::storage,
                   "the store " + file + " was written by a newer toolgate (schema " +
                       std::to_string(version) + ", this one knows " +
                       std::to_string(schema_version) +
                       "): run that version, or set TOOLGATE_HOME to another home");
  }
  auto application = database.number("PRAGMA application_id");
  if (!application) return application.refusal();
  auto tables = database.number("SELECT count(*) FROM sqlite_schema");
  if (!tables) return tables.refusal();
  if (*application != application_id && *tables > 0) {
    return Refusal(Reason::storage,
                   "the file " + file +
                       " is an SQLite database, but no toolgate store: move it away, "
                       "or set TOOLGATE_HOME to another home");
  }
  return done();
}

}  // namespace

Status ensure_schema(Database& database) {
  auto version = database.number("PRAGMA user_version");
  if (!version) return version.refusal();
  auto ours = check_origin(database, *version);
  if (!ours) return ours;
  if (*version == schema_version) return done();

  auto transaction = Transaction::begin(database);
  if (!transaction) return transaction.refusal();
  version = database.number("PRAGMA user_version");  // another process may have been faster
  if (!version) return version.refusal();
  if (*version < 1) {
    auto made = database.run(
        (version_1 + change_triggers({"approvals", "shown", "servers", "agents"})).c_str());
    if (!made) return made;
  }
  if (*version < 2) {
    auto made = database.run((version_2 + change_triggers({"shown"})).c_str());
    if (!made) return made;
  }
  if (*version < 3) {
    auto made = database.run((std::string(version_3_sightings) + version_3_classes +
                              version_3_trust + change_triggers({"sightings", "decisions"}))
                                 .c_str());
    if (!made) return made;
  }
  auto marked = database.run(("PRAGMA application_id=" + std::to_string(application_id) +
                              "; PRAGMA user_version=" + std::to_string(schema_version))
                                 .c_str());
  if (!marked) return marked;
  return transaction->commit();
}

}  // namespace toolgate

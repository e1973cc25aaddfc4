// What somebody does who can write the store, or a file beside it, and what becomes of it: nothing
// counts as approved, and the refusal says why. And what an honest crash leaves, which counts.

#include "gateway/store/trust.hpp"

#include <atomic>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>

#include "gateway/broker/approved.hpp"
#include "tests/gateway/trusted_home.hpp"

namespace toolgate {
namespace {

namespace fs = std::filesystem;
using test::no_records;
using test::TrustedHome;

std::string text_of(const fs::path& file) {
  std::ifstream in(file);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void write(const fs::path& file, const std::string& text) {
  std::ofstream(file, std::ios::trunc) << text;
  fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write);
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

struct Attacked : TrustedHome {
  Attacked() {
    REQUIRE(put({approval("files", "read", "1"), approval("files", "write", "2")}));
    REQUIRE(revoke("files", {"write"}));
    REQUIRE(put({approval("files", "list", "3")}));
  }
  std::shared_ptr<const Approved> approved(const ApprovalRules& rules = {}) const {
    auto loaded = load_approved(home.path(), *store, rules);
    if (!loaded) FAIL(loaded.refusal().detail);
    return *loaded;
  }
  std::string refused() const { return approved()->refused; }
  // The rows of a table, kept aside to be put back.
  void keep(const std::string& table) const {
    sql("CREATE TABLE kept_" + table + " AS SELECT * FROM " + table);
  }
  void put_back(const std::string& table) const {
    sql("DELETE FROM " + table);
    sql("INSERT INTO " + table + " SELECT * FROM kept_" + table);
  }
};

TEST_CASE_FIXTURE(Attacked, "trust: what was decided counts") {
  CHECK(refused().empty());
  CHECK(approved()->book.size() == 2);
  CHECK(items() == std::vector<std::string>{"read", "list"});
}

TEST_CASE("trust: attacks on the store and the files beside it") {
  const TrustedHome stranger;
  REQUIRE(stranger.put({stranger.approval("files", "read", "evil")}));
  const auto stranger_rows = stranger.store->approvals();
  REQUIRE(stranger_rows);
  struct Row {
    const char* name;
    std::function<void(Attacked&)> attack;
    const char* says;
  };
  const char* edited = "a row was edited, removed or put back";
  const Row rows[] = {
      {"an approval's definition edited",
       [](Attacked& a) {
         a.sql("UPDATE approvals SET definition = '{\"name\":\"read\"}' WHERE key = 'read'");
       },
       edited},
      {"an approval's text edited",
       [](Attacked& a) {
         a.sql(
             "UPDATE approvals SET text = replace(text, '\"expires_ns\":\"0\"', "
             "'\"expires_ns\":\"9\"') WHERE key = 'read'");
       },
       edited},
      {"an approval moved to another server's name",
       [](Attacked& a) { a.sql("UPDATE approvals SET server = 'x' WHERE key = 'read'"); }, edited},
      {"an approval of an unknown kind",
       [](Attacked& a) { a.sql("UPDATE approvals SET kind = 'charm' WHERE key = 'read'"); },
       edited},
      {"an approval's row deleted",
       [](Attacked& a) { a.sql("DELETE FROM approvals WHERE key = 'read'"); }, edited},
      {"a revoked approval put back",
       [](Attacked& a) { a.sql("UPDATE approvals SET revoked_at = NULL WHERE key = 'write'"); },
       edited},
      {"an approval twice",
       [](Attacked& a) {
         a.sql(
             "INSERT INTO approvals(server, kind, key, definition, text, key_id, signature)"
             " SELECT server, kind, key, definition, text, key_id, signature FROM approvals"
             " WHERE key = 'read'");
       },
       edited},
      {"a row of an unknown key",
       [&](Attacked& a) {
         const StoredApproval& row = stranger_rows->front();
         a.sql(
             "INSERT INTO approvals(server, kind, key, definition, text, key_id, signature)"
             " VALUES('files', 'tool', 'read', '" +
             row.definition.json + "', '" + row.record.text + "', '" + row.record.key_id + "', '" +
             row.record.signature + "')");
       },
       edited},
      {"the revocation's decision deleted, and what it revoked put back",
       [](Attacked& a) {
         a.sql("DELETE FROM decisions WHERE sequence = 3");
         a.sql("UPDATE approvals SET revoked_at = NULL WHERE key = 'write'");
       },
       "decision 3 is missing"},
      {"the last decision deleted",
       [](Attacked& a) { a.sql("DELETE FROM decisions WHERE sequence = 4"); },
       "the store is older than trust.head: it has 3 of 4 decisions"},
      {"all decisions deleted", [](Attacked& a) { a.sql("DELETE FROM decisions"); },
       "the store has no decision"},
      {"a decision in the middle edited",
       [](Attacked& a) {
         a.sql("UPDATE decisions SET text = replace(text, 'write', 'wrote') WHERE sequence = 3");
       },
       "are not those that were made here"},
      {"the last decision edited",
       [](Attacked& a) {
         a.sql("UPDATE decisions SET text = replace(text, 'list', 'lost') WHERE sequence = 4");
       },
       "decision 4 in the store is not the one in trust.head"},
      {"the store of another home",
       [&](Attacked& a) {
         a.store.reset();
         REQUIRE(stranger.store->database().run("PRAGMA wal_checkpoint(TRUNCATE)"));
         for (const char* name : {"store.db", "store.db-wal", "store.db-shm"}) {
           fs::remove(a.file(name));
         }
         fs::copy_file(stranger.file("store.db"), a.file("store.db"));
         a.store = a.home.open();
       },
       "are not of the same home"},
      {"trust.keys edited",
       [](Attacked& a) {
         write(a.file("trust.keys"), replaced(text_of(a.file("trust.keys")), "admin", "adman"));
       },
       "the file trust.keys is damaged: line 2: its signature is not by the key"},
      {"trust.keys truncated",
       [](Attacked& a) {
         const std::string text = text_of(a.file("trust.keys"));
         write(a.file("trust.keys"), text.substr(0, text.size() / 2));
       },
       "the file trust.keys is damaged: line 2: it is cut off"},
      {"trust.keys replaced by another home's",
       [&](Attacked& a) { write(a.file("trust.keys"), stranger.keyring.text()); },
       "trust.keys is not of the home that the store is of"},
      {"trust.keys with a line of a stranger's",
       [&](Attacked& a) {
         const SecretKey evil = SecretKey::generate();
         Keyring other = stranger.keyring;
         REQUIRE(other.add({.key = evil.public_key(), .name = "evil"}, stranger.key, 1));
         const std::string line = other.text().substr(stranger.keyring.text().size());
         write(a.file("trust.keys"), text_of(a.file("trust.keys")) + line);
       },
       "the file trust.keys is damaged: line 3"},
      {"trust.keys with a line that no decision knows, of the key itself",
       [](Attacked& a) {
         const SecretKey more = SecretKey::generate();
         Keyring keyring = a.keyring;
         REQUIRE(keyring.add({.key = more.public_key(), .name = "more"}, a.key, 1));
         write(a.file("trust.keys"), keyring.text());
       },
       "trust.keys is not the one after the last decision"},
      {"trust.keys removed", [](Attacked& a) { fs::remove(a.file("trust.keys")); },
       "the file trust.keys is missing"},
      {"trust.keys and trust.head removed",
       [](Attacked& a) {
         fs::remove(a.file("trust.keys"));
         fs::remove(a.file("trust.head"));
       },
       "the file trust.head is missing"},
      {"trust.head removed", [](Attacked& a) { fs::remove(a.file("trust.head")); },
       "the file trust.head is missing"},
      {"trust.head cut off",
       [](Attacked& a) { write(a.file("trust.head"), "toolgate trust head v1\n"); },
       "the file trust.head is damaged"},
      {"trust.head edited",
       [](Attacked& a) {
         write(a.file("trust.head"),
               replaced(text_of(a.file("trust.head")), "\"sequence\":4", "\"sequence\":3"));
       },
       "decision 3 in the store is not the one in trust.head"},
      {"trust.head of another home",
       [&](Attacked& a) { write(a.file("trust.head"), text_of(stranger.file("trust.head"))); },
       "are not of the same home"},
      {"trust.next of a stranger beside it",
       [&](Attacked& a) {
         write(a.file("trust.next"), stranger.keyring.text());
         a.sql("DELETE FROM approvals WHERE key = 'read'");
       },
       edited},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Attacked home;
    row.attack(home);
    const auto approved = home.approved();
    INFO(approved->refused);
    CHECK(approved->refused.find(row.says) != std::string::npos);
    CHECK(approved->refused.find("toolgate keys reset") != std::string::npos);
    CHECK(approved->book.size() == 0);
    CHECK(approved->items.empty());
    // A decision on top would make it so: there is none.
    CHECK_FALSE(home.put({home.approval("files", "more", "4")}));
    CHECK_FALSE(home.revoke("files", {}));
    CHECK(home.approved()->refused == approved->refused);
  }
}

TEST_CASE_FIXTURE(Attacked, "trust: an older store that was put back is refused") {
  keep("approvals");
  keep("decisions");
  REQUIRE(revoke("files", {"read"}));
  put_back("approvals");
  put_back("decisions");
  CHECK(refused().find("the store is older than trust.head: it has 4 of 5") != std::string::npos);
  SUBCASE("and goes on with what the attacker has: an approval that was never given here") {
    sql("INSERT INTO decisions SELECT 5, text, key_id, signature, NULL FROM decisions"
        " WHERE sequence = 4");
    CHECK_FALSE(refused().empty());
  }
}

TEST_CASE_FIXTURE(Attacked, "trust: an older keyring that was put back is refused") {
  const SecretKey bob = SecretKey::generate();
  const std::string id = bob.public_key().id();
  REQUIRE(change([&](Keyring& keyring, std::int64_t time_ns) {
    return keyring.add({.key = bob.public_key(), .name = "bob"}, key, time_ns);
  }));
  const std::string with_bob = text_of(file("trust.keys"));
  REQUIRE(change(
      [&](Keyring& keyring, std::int64_t time_ns) { return keyring.revoke(id, 0, key, time_ns); }));
  CHECK(refused().empty());
  write(file("trust.keys"), with_bob);
  CHECK(refused().find("trust.keys is not the one after the last decision") != std::string::npos);
}

// Between any two steps: the store, then trust.keys, then trust.head.
TEST_CASE_FIXTURE(Attacked,
                  "trust: what a kill between two steps leaves counts, and is completed") {
  const SecretKey bob = SecretKey::generate();
  const std::string keys_before = text_of(file("trust.keys"));
  const std::string head_before = text_of(file("trust.head"));
  REQUIRE(change([&](Keyring& keyring, std::int64_t time_ns) {
    return keyring.add({.key = bob.public_key(), .name = "bob"}, key, time_ns);
  }));
  const std::string keys_after = text_of(file("trust.keys"));
  const std::string head_after = text_of(file("trust.head"));
  SUBCASE("after the store") {
    write(file("trust.keys"), keys_before);
    write(file("trust.head"), head_before);
  }
  SUBCASE("after trust.keys") { write(file("trust.head"), head_before); }
  SUBCASE("after the store, and then two more decisions were cut off, too") {
    REQUIRE(put({approval("files", "more", "5")}));
    REQUIRE(revoke("files", {"read"}));
    write(file("trust.keys"), keys_before);
    write(file("trust.head"), head_before);
  }
  const auto approved = this->approved();
  CHECK(approved->refused.empty());
  CHECK(approved->keyring->named("bob") != nullptr);
  CHECK(text_of(file("trust.keys")) == keys_after);
  CHECK(text_of(file("trust.head")) != head_before);
  CHECK(put({approval("files", "again", "6")}));
  CHECK(refused().empty());
}

TEST_CASE_FIXTURE(Attacked,
                  "trust: a new root that a kill cut off is the old one, or the new one") {
  const SecretKey fresh = SecretKey::generate();
  const auto root = Keyring::begin(fresh, "admin", now_utc_ns());
  REQUIRE(root);
  const std::string keys_before = text_of(file("trust.keys"));
  const std::string head_before = text_of(file("trust.head"));
  SUBCASE("before the store") {
    REQUIRE(write_next_keys(home.path(), *root));
    CHECK(refused().empty());
    CHECK(approved()->book.size() == 2);
    REQUIRE(put({approval("files", "more", "5")}));
    CHECK_FALSE(fs::exists(file("trust.next")));
  }
  SUBCASE("after it") {
    auto begun = begin_trust(*store, by(fresh), *root, no_records);
    REQUIRE(begun);
    CHECK(*begun == 2);
    const std::string keys_after = text_of(file("trust.keys"));
    const std::string head_after = text_of(file("trust.head"));
    CHECK(keys_after == root->text());
    SUBCASE("no file was written") {
      write(file("trust.keys"), keys_before);
      write(file("trust.head"), head_before);
    }
    SUBCASE("trust.keys was") { write(file("trust.head"), head_before); }
    SUBCASE("both were") {}
    write(file("trust.next"), root->text());
    CHECK(refused().empty());
    CHECK(approved()->book.size() == 0);
    CHECK(text_of(file("trust.keys")) == keys_after);
    CHECK(text_of(file("trust.head")) == head_after);
    CHECK_FALSE(fs::exists(file("trust.next")));
  }
}

TEST_CASE_FIXTURE(Attacked, "trust: a new root in the store alone is a stranger's") {
  const SecretKey evil = SecretKey::generate();
  TrustedHome elsewhere;
  REQUIRE(elsewhere.put({elsewhere.approval("files", "read", "evil")}));
  sql("ATTACH '" + elsewhere.file("store.db").string() + "' AS other");
  sql("DELETE FROM decisions");
  sql("DELETE FROM approvals");
  sql("INSERT INTO decisions SELECT * FROM other.decisions");
  sql("INSERT INTO approvals SELECT * FROM other.approvals");
  CHECK(refused().find("are not of the same home") != std::string::npos);
}

TEST_CASE("trust: a trigger that makes something else of a decision gets no signature for it") {
  const char* const triggers[] = {
      "AFTER UPDATE ON approvals BEGIN"
      " UPDATE approvals SET revoked_at = NULL WHERE row = NEW.row; END",
      "BEFORE UPDATE ON approvals BEGIN SELECT RAISE(IGNORE); END",
      "AFTER INSERT ON approvals BEGIN"
      " UPDATE approvals SET revoked_at = NULL WHERE key = 'write'; END",
      "AFTER INSERT ON approvals BEGIN"
      " UPDATE approvals SET server = 'other' WHERE row = NEW.row; END",
      "BEFORE INSERT ON approvals BEGIN SELECT RAISE(IGNORE); END",
  };
  for (const std::string trigger : triggers) {
    CAPTURE(trigger);
    Attacked home;
    home.sql("CREATE TRIGGER evil " + trigger);
    const bool decided = trigger.find("UPDATE ON") != std::string::npos
                             ? static_cast<bool>(home.revoke("files", {"read"}))
                             : static_cast<bool>(home.put({home.approval("files", "more", "4")}));
    CHECK_FALSE(decided);
    home.sql("DROP TRIGGER evil");
    CHECK(home.refused().empty());
    CHECK(home.approved()->book.size() == 2);
  }
}

TEST_CASE("trust: a home without a root approves nothing, and says what to do") {
  test::TemporaryHome home;
  auto store = home.open();
  REQUIRE(store->database().run(
      "INSERT INTO approvals(server, kind, key, definition, text, key_id, signature, revoked_at)"
      " VALUES('files', 'tool', 'read', '{}', '{}', '0', '0', 0)"));
  auto approved = load_approved(home.path(), *store, {});
  REQUIRE(approved);
  CHECK((*approved)->refused.find("run `toolgate init`") != std::string::npos);
  CHECK((*approved)->refused.find("1 approvals of an earlier version") != std::string::npos);
}

TEST_CASE_FIXTURE(Attacked, "trust: a key that is not trusted decides nothing") {
  const SecretKey stranger = SecretKey::generate();
  auto put =
      put_approvals(*store, by(stranger), {}, {}, {approval("files", "read", "9", stranger)}, {});
  REQUIRE_FALSE(put);
  CHECK(put.refusal().reason == Reason::bad_signature);
  CHECK_FALSE(revoke_approvals(*store, by(stranger), "files", {}, 1, no_records));
  CHECK_FALSE(change_keyring(
      *store, by(stranger),
      [&](Keyring& keyring, std::int64_t time_ns) {
        return keyring.add({.key = stranger.public_key(), .name = "x"}, stranger, time_ns);
      },
      {}, no_records));
  CHECK(refused().empty());
  CHECK(approved()->book.size() == 2);
}

TEST_CASE_FIXTURE(Attacked, "trust: keys that are revoked, retired or expire") {
  const SecretKey bob = SecretKey::generate();
  const std::string id = bob.public_key().id();
  const auto now = now_utc_ns();
  constexpr std::int64_t hour_ns = 3'600'000'000'000;
  auto add_bob = [&](std::int64_t expires_ns) {
    REQUIRE(change([&](Keyring& keyring, std::int64_t time_ns) {
      return keyring.add({.key = bob.public_key(), .name = "bob", .expires_ns = expires_ns}, key,
                         time_ns);
    }));
    REQUIRE(put_approvals(*store, by(bob), {}, {}, {approval("files", "bobs", "5", bob)}, {}));
    REQUIRE(approved()->book.size() == 3);
  };
  const Digest identity = digest("test", "files");
  SUBCASE("revoked: its approvals are withdrawn") {
    add_bob(0);
    auto withdrawn = change([&](Keyring& keyring, std::int64_t time_ns) {
      return keyring.revoke(id, 0, key, time_ns);
    });
    REQUIRE(withdrawn);
    CHECK(*withdrawn == 1);
    CHECK(approved()->book.size() == 2);
    CHECK_FALSE(put_approvals(*store, by(bob), {}, {}, {approval("files", "x", "6", bob)}, {}));
  }
  SUBCASE("retired: they stay") {
    add_bob(0);
    auto withdrawn = change(
        [&](Keyring& keyring, std::int64_t time_ns) { return keyring.retire(id, key, time_ns); });
    REQUIRE(withdrawn);
    CHECK(*withdrawn == 0);
    CHECK(approved()->book.size() == 3);
    CHECK_FALSE(put_approvals(*store, by(bob), {}, {}, {approval("files", "x", "6", bob)}, {}));
  }
  SUBCASE("expiring: they end with it") {
    add_bob(now + hour_ns);
    const auto book = approved()->book;
    const Approval* bobs = book.approval(identity, ItemKind::tool, "bobs");
    REQUIRE(bobs);
    CHECK(bobs->expires_ns == now + hour_ns);
    auto pinned = pin(identity, approval("files", "bobs", "5").definition);
    REQUIRE(pinned);
    CHECK(book.verify(*pinned, identity, now + hour_ns - 1));
    CHECK_FALSE(book.verify(*pinned, identity, now + hour_ns));
  }
}

// Each with a connection of its own, as processes have.
TEST_CASE(
    "trust: decisions and readers at once lose nothing, and no reader takes one for another") {
  constexpr int decisions = 200;  // of each writer
  const TrustedHome home;
  std::atomic<int> failed = 0;
  std::atomic<int> refused = 0;
  std::atomic<int> half = 0;
  std::atomic<int> looks = 0;
  std::atomic<bool> running = true;
  const std::vector<StoredApproval> both = {home.approval("files", "read", "1"),
                                            home.approval("files", "write", "2")};
  auto write = [&] {
    auto store = Store::open(home.home.path(), Store::Mode::existing);
    for (int at = 0; at < decisions; ++at) {
      const bool put =
          static_cast<bool>(put_approvals(**store, home.by(home.key), {}, {}, both, {}));
      const bool revoked = static_cast<bool>(
          revoke_approvals(**store, home.by(home.key), "files", {}, now_utc_ns(), no_records));
      failed += put && revoked ? 0 : 1;
    }
  };
  auto read = [&] {
    auto store = Store::open(home.home.path(), Store::Mode::existing);
    while (running) {
      auto approved = load_approved(home.home.path(), **store, {});
      ++looks;
      if (!approved || !(*approved)->refused.empty()) {
        ++refused;
      } else if ((*approved)->book.size() % 2 != 0) {
        ++half;
      }
    }
  };
  std::vector<std::thread> writers;
  std::vector<std::thread> readers;
  for (int count = 0; count < 2; ++count) {
    readers.emplace_back(read);
    writers.emplace_back(write);
  }
  for (std::thread& one : writers) one.join();
  running = false;
  for (std::thread& one : readers) one.join();
  CHECK(failed == 0);
  CHECK(refused == 0);
  CHECK(half == 0);
  CHECK(looks > 10);
  auto decided = read_decided(home.home.path(), *home.store);
  REQUIRE(decided);
  REQUIRE(*decided);
  // A revocation that the other writer's came before finds nothing, and decides nothing.
  CHECK((*decided)->trust.decision.sequence > 1 + 2 * decisions);
  CHECK((*decided)->trust.files == Trust::Files::current);
}

}  // namespace
}  // namespace toolgate

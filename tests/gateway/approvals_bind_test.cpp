// What an approval is bound to: exactly what `review` showed, all of it or nothing.

#include <doctest/doctest.h>

#include <fstream>

#include "gateway/store/decisions.hpp"
#include "gateway/store/sqlite.hpp"
#include "tests/gateway/cli_support.hpp"

namespace toolgate {
namespace {

using test::CommandLine;
using test::contains;
using test::lines;
using test::Outcome;

constexpr const char* hard_finding =
    R"([{"id":"unicode.tag","severity":"hard","span":[1,2],"path":"/name","why":"a hidden tag"}])";

struct Fixture {
  CommandLine toolgate;

  Fixture() {
    toolgate.must({"init"});
    configure(R"({"path": "/srv/notes", "mode": "ro"})", "process");
    show_all();
  }
  void configure(const std::string& scope, const std::string& isolation) const {
    std::ofstream(toolgate.folder() / "toolgate.json")
        << R"({"mcpServers": {"files": {"command": "cat", "toolgate": {"isolation": ")" +
               isolation + R"(", "files": [)" + scope + "]}}}}";
  }
  void show_all() const {
    test::show(toolgate, "files",
               {{ItemKind::tool, "read"}, {ItemKind::tool, "bad", hard_finding}});
  }
  void sql(const std::string& statement) const {
    auto store = toolgate.store();
    REQUIRE(store->database().run(statement.c_str()));
  }
  std::size_t approvals() const {
    auto all = toolgate.store()->approvals();
    REQUIRE(all);
    return all->size();
  }
  std::size_t records(const std::string& kind) const {
    return lines(toolgate.must({"audit", "query", "--kind", kind, "--json"}));
  }
  // Nothing is signed, and the log has why.
  void must_refuse(const std::string& why) const {
    const std::size_t before = records("approval.refused");
    const Outcome outcome = toolgate({"approve", "files", "--accept-findings"});
    CHECK(outcome.status == 1);
    CHECK(contains(outcome.error, why));
    CHECK(contains(outcome.error, "`toolgate review files`"));
    CHECK(approvals() == 0);
    CHECK(records("approval") == 0);
    CHECK(records("approval.refused") == before + 1);
    CHECK(contains(toolgate.must({"audit", "query", "--kind", "approval.refused", "--json"}), why));
  }
};

TEST_CASE_FIXTURE(Fixture, "bind: scopes that changed since they were shown are not signed") {
  const std::string why = "the scopes of 'files' changed since they were shown";
  SUBCASE("a scope that became writable") {
    configure(R"({"path": "/srv/notes", "mode": "rw"})", "process");
  }
  SUBCASE("a scope more") {
    configure(R"({"path": "/srv/notes", "mode": "ro"}, {"path": "/srv/more", "mode": "ro"})",
              "process");
  }
  SUBCASE("no isolation") { configure(R"({"path": "/srv/notes", "mode": "ro"})", "none"); }
  must_refuse(why);
  show_all();  // as a review of it does
  toolgate.must({"approve", "files", "read"});
  CHECK(approvals() == 1);
}

TEST_CASE_FIXTURE(Fixture,
                  "bind: a row that review did not write is not signed, whatever it says") {
  struct Row {
    const char* name;
    const char* statement;
  };
  const Row rows[] = {
      {"findings emptied", "UPDATE shown SET findings = '[]' WHERE key = 'bad'"},
      {"another class", "UPDATE shown SET change_class = 'cosmetic' WHERE key = 'read'"},
      {"another time", "UPDATE shown SET time_ns = time_ns + 1 WHERE key = 'read'"},
      {"another order", "UPDATE shown SET place = 7 WHERE key = 'read'"},
      {"another kind", "UPDATE shown SET kind = 'prompt' WHERE key = 'read'"},
      {"another key", "UPDATE shown SET key = 'reader' WHERE key = 'read'"},
      {"another definition", "UPDATE shown SET definition = '{\"name\":\"read\",\"x\":1}'"},
      {"another seal", "UPDATE shown SET seal = replace(seal, substr(seal, 1, 1), 'x')"},
      {"no seal", "UPDATE shown SET seal = ''"},
      {"the seal of another row",
       "UPDATE shown SET seal = (SELECT seal FROM shown WHERE key = 'bad') WHERE key = 'read'"},
      {"a row more",
       "INSERT INTO shown SELECT server, identity, scopes, 'prompt', key, definition, pin,"
       " findings, time_ns, place, seal, change_class FROM shown WHERE key = 'read'"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    show_all();
    sql(row.statement);
    must_refuse("was not written by `toolgate review`");
  }
  show_all();
  toolgate.must({"approve", "files", "read"});
}

TEST_CASE_FIXTURE(Fixture, "bind: definition and pin that were replaced together are not signed") {
  auto shown = toolgate.store()->shown("files");
  REQUIRE(shown);
  const Shown& item = shown->front();
  auto pinned = pin(item.identity, Definition{.kind = ItemKind::tool,
                                              .key = "read",
                                              .json = R"({"name":"read","description":"evil"})"});
  REQUIRE(pinned);
  sql("UPDATE shown SET definition = '" + pinned->definition.json + "', pin = '" +
      pinned->pin.text() + "' WHERE key = 'read'");
  must_refuse("what the store says was shown of read of 'files' was not written");
}

TEST_CASE_FIXTURE(Fixture, "bind: scopes in a row that were replaced as the configuration was") {
  configure(R"({"path": "/srv/notes", "mode": "rw"})", "process");
  auto configuration = load_configuration(toolgate.folder() / "toolgate.json",
                                          [](const std::string&) { return std::nullopt; });
  REQUIRE(configuration);
  sql("UPDATE shown SET scopes = '" + configuration->servers.front().scope_digest().text() + "'");
  must_refuse("was not written by `toolgate review`");
}

TEST_CASE_FIXTURE(Fixture, "bind: what is not all of the last review is not signed") {
  sql("CREATE TABLE earlier AS SELECT * FROM shown");
  show_all();
  SUBCASE("rows of an earlier review, put back") {
    sql("DELETE FROM shown");
    sql("INSERT INTO shown SELECT * FROM earlier");
  }
  SUBCASE("one row of an earlier review") {
    sql("DELETE FROM shown WHERE key = 'bad'");
    sql("INSERT INTO shown SELECT * FROM earlier WHERE key = 'bad'");
  }
  SUBCASE("a row less") { sql("DELETE FROM shown WHERE key = 'bad'"); }
  SUBCASE("nothing") { sql("DELETE FROM shown"); }
  SUBCASE("rows alone") { std::filesystem::remove(toolgate.folder() / "reviews" / "files"); }
  must_refuse("is not what `toolgate review` showed last");
  show_all();
  toolgate.must({"approve", "files", "read"});
}

TEST_CASE_FIXTURE(Fixture, "bind: a row that nobody can read is not signed") {
  sql("UPDATE shown SET kind = 'charm' WHERE key = 'read'");
  must_refuse("is nothing that `toolgate review` writes");
}

TEST_CASE_FIXTURE(Fixture, "bind: another review.key is another home's") {
  std::filesystem::remove(toolgate.folder() / "review.key");
  must_refuse("or with another review.key (its seal is wrong)");
}

TEST_CASE_FIXTURE(Fixture, "bind: what is replaced while it is signed is not approved") {
  auto store = toolgate.store();
  auto basis = store->shown("files");
  REQUIRE(basis);
  Record record;
  record.kind = "approval";
  StoredApproval approval;
  approval.definition = basis->front().definition;
  auto key = SecretKey::load(toolgate.folder() / "admin.key", nullptr);
  REQUIRE(key);
  SUBCASE("by another review of the same") { show_all(); }
  SUBCASE("by nothing") { sql("DELETE FROM shown WHERE key = 'read'"); }
  SUBCASE("by a row without a seal") { sql("UPDATE shown SET seal = ''"); }
  const auto home = toolgate.folder();
  const std::string who = "ann";
  auto put =
      put_approvals(*store, Decider{home, *key, who}, {}, {basis->front()}, {approval}, {record});
  const bool is_same = toolgate.store()->shown("files")->front() == basis->front();
  REQUIRE_FALSE(is_same);
  REQUIRE_FALSE(put);
  CHECK(put.refusal().reason == Reason::held);
  CHECK(contains(put.refusal().detail, "replaced while it was being approved"));
  CHECK(approvals() == 0);
  CHECK(records("approval") == 0);
}

// Every statement of a decision fails once.
TEST_CASE_FIXTURE(Fixture, "bind: a decision that fails half way leaves nothing of it") {
  const char* const steps[] = {"INSERT ON records", "INSERT ON approvals", "UPDATE ON approvals",
                               "INSERT ON decisions"};
  toolgate.must({"approve", "files", "read"});
  REQUIRE(approvals() == 1);
  for (const char* step : steps) {
    CAPTURE(step);
    {
      auto store = toolgate.store();
      const std::string trigger = std::string("CREATE TRIGGER broken BEFORE ") + step +
                                  " BEGIN SELECT RAISE(ABORT, 'broken'); END";
      REQUIRE(store->database().run(trigger.c_str()));
    }
    const std::size_t approved = records("approval");
    const std::size_t revoked = records("revocation");
    if (!contains(step, "UPDATE")) {
      CHECK(toolgate({"approve", "files", "bad", "--accept-findings"}).status == 1);
    }
    if (!contains(step, "INSERT ON approvals")) CHECK(toolgate({"revoke", "files"}).status == 1);
    CHECK(approvals() == 1);
    CHECK(records("approval") == approved);
    CHECK(records("revocation") == revoked);
    REQUIRE(toolgate.store()->database().run("DROP TRIGGER broken"));
  }
  toolgate.must({"revoke", "files"});
  CHECK(approvals() == 0);
  CHECK(records("revocation") == 1);
}

}  // namespace
}  // namespace toolgate

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <fstream>

#include "gateway/cli/status_source.hpp"
#include "gateway/core/document.hpp"
#include "gateway/store/audit.hpp"
#include "tests/gateway/cli_support.hpp"

namespace toolgate {
namespace {

using test::CommandLine;
using test::contains;
using test::lines;
using test::member;
using test::Offer;
using test::Outcome;
using test::show;

void write_file(const std::filesystem::path& file, const std::string& text, mode_t mode = 0600) {
  std::ofstream(file) << text;
  REQUIRE(::chmod(file.c_str(), mode) == 0);
}

constexpr const char* hard_finding =
    R"([{"id":"unicode.tag","severity":"hard","span":[1,2],"path":"/name","why":"a hidden tag"}])";

TEST_CASE("init makes a home, and keeps what is there") {
  const CommandLine toolgate;
  const Outcome before = toolgate({"status"});
  CHECK(before.status == 1);
  CHECK(contains(before.error, "toolgate init"));

  CHECK(contains(toolgate.must({"init"}), "no passphrase"));
  for (const char* file :
       {"store.db", "toolgate.json", "toolgate.schema.json", "admin.key", "admin.key.pub"}) {
    CHECK(std::filesystem::exists(toolgate.folder() / file));
  }
  const std::string key = toolgate.must({"keys", "show"});
  CHECK(key.starts_with("untrusted comment:"));
  CHECK(contains(toolgate.must({"init"}), "(kept)"));
  CHECK(toolgate.must({"keys", "show"}) == key);
  const std::string list = toolgate.must({"keys", "list", "--json"});
  CHECK(member(list, "key") == "admin");
  CHECK(member(list, "secret") == "clear");
  CHECK(contains(toolgate.must({"status"}), "no servers yet"));
}

TEST_CASE("servers: added, listed, removed, and recorded") {
  CommandLine toolgate;
  toolgate.must({"init"});
  toolgate.environment["SECRET"] = "s3cret";
  toolgate.must({"server", "add", "files", "--isolation", "none", "--prefix", "", "--env", "A=b=c",
                 "--", "npx", "-y", "x", "--key", "${SECRET}"});
  toolgate.must({"server", "add", "docs", "--url", "https://example.com/mcp?key=abc"});
  const Outcome no_isolation = toolgate({"server", "add", "other", "--", "cat"});
  CHECK(no_isolation.status == 0);
  CHECK(contains(no_isolation.error, "no network and none of your files"));

  const std::string list = toolgate.must({"server", "list", "--json"});
  CHECK(lines(list) == 3);
  CHECK(member(list, "server") == "files");
  CHECK(member(list, "command") == R"(["npx","-y","x","--key","${SECRET}"])");
  CHECK(!contains(list, "s3cret"));
  CHECK(!contains(toolgate.must({"server", "list"}), "abc"));

  CHECK(toolgate({"server", "add", "files", "--", "cat"}).status == 1);
  CHECK(toolgate({"server", "add", "bad__name", "--", "cat"}).status != 0);
  CHECK(toolgate({"server", "add", "neither"}).status == 2);
  CHECK(toolgate({"server", "add", "x", "--env", "novalue", "--", "cat"}).status == 2);
  toolgate.must({"server", "remove", "docs"});
  CHECK(toolgate({"server", "remove", "docs"}).status == 1);
  CHECK(lines(toolgate.must({"server", "list", "--json"})) == 2);
  const std::string records =
      toolgate.must({"audit", "query", "--kind", "configuration", "--json"});
  CHECK(contains(records, "a server was added"));
  CHECK(contains(records, "a server was removed"));
}

TEST_CASE("import takes a harness's servers over") {
  CommandLine toolgate;
  toolgate.must({"init"});
  const auto harness = toolgate.home.path() / "mcp.json";
  write_file(
      harness,
      R"({"mcpServers": {"a": {"command": "cat"}, "b": {"url": "https://example.com/mcp"}}})");
  const std::string out =
      toolgate.must({"import", harness.string(), "--isolation", "none", "--json"});
  CHECK(lines(out) == 2);
  CHECK(member(out, "state") == "imported");
  CHECK(contains(toolgate.must({"import", harness.string(), "--isolation", "none"}), "unchanged"));
  CHECK(toolgate({"import", "/does/not/exist"}).status == 1);
}

TEST_CASE("approve signs exactly what was shown") {
  CommandLine toolgate;
  toolgate.must({"init"});
  toolgate.must({"server", "add", "files", "--isolation", "none", "--", "cat"});
  const Outcome too_early = toolgate({"approve", "files"});
  CHECK(too_early.status == 1);
  CHECK(contains(too_early.error, "toolgate review files"));
  CHECK(contains(toolgate({"approve", "fils"}).error, "did you mean files?"));

  show(toolgate, "files",
       {{ItemKind::tool, "read"},
        {ItemKind::tool, "write"},
        {ItemKind::prompt, "read"},
        {ItemKind::instructions, ""}});
  CHECK(member(toolgate.must({"status", "--json"}), "state") == "probed");
  CHECK(member(toolgate.must({"status", "--json"}), "tools") ==
        R"({"approved":0,"held":0,"new":2})");

  CHECK(contains(toolgate({"approve", "files", "read"}).error, "names several things"));
  CHECK(contains(toolgate({"approve", "files", "writ"}).error, "did you mean write?"));
  const std::string one = toolgate.must({"approve", "files", "tool:read", "--json"});
  CHECK(lines(one) == 1);
  CHECK(member(one, "tool") == "read");
  CHECK(member(one, "kind") == "tool");
  CHECK(member(one, "pin").starts_with("sha256:"));
  CHECK(member(one, "scopes").starts_with("sha256:"));
  CHECK(contains(toolgate.must({"approve", "files"}), "approved 3 of files"));
  CHECK(contains(toolgate.must({"approve", "files"}), "nothing of files waits"));
  CHECK(member(toolgate.must({"status", "--json"}), "state") == "approved");
  CHECK(member(toolgate.must({"status", "--json"}), "tools") ==
        R"({"approved":2,"held":0,"new":0})");
  CHECK(lines(toolgate.must({"audit", "query", "--kind", "approval", "--json"})) == 4);
}

TEST_CASE("an approval is for one definition, of one server, by one key") {
  CommandLine toolgate;
  toolgate.must({"init"});
  toolgate.must({"server", "add", "files", "--isolation", "none", "--", "cat"});
  show(toolgate, "files",
       {{ItemKind::tool, "read"}, {ItemKind::tool, "write"}, {ItemKind::instructions, ""}});
  toolgate.must({"approve", "files"});

  SUBCASE("a definition that changed is held") {
    auto shown = toolgate.store()->shown("files");
    REQUIRE(shown);
    Definition changed{
        .kind = ItemKind::tool, .key = "read", .json = R"({"name":"read","title":"new"})"};
    auto pinned = pin((*shown)[0].identity, changed);
    REQUIRE(pinned);
    (*shown)[0].definition = changed;
    (*shown)[0].pin = pinned->pin;
    test::put_shown(toolgate, *shown);
    CHECK(member(toolgate.must({"status", "--json"}), "state") == "changed");
    CHECK(member(toolgate.must({"status", "--json"}), "tools") ==
          R"({"approved":1,"held":1,"new":0})");
  }
  SUBCASE("a definition that was replaced behind its pin is refused") {
    auto shown = toolgate.store()->shown("files");
    REQUIRE(shown);
    (*shown)[0].definition.json = R"({"name":"read","description":"evil"})";
    test::put_shown(toolgate, *shown);
    const Outcome outcome = toolgate({"approve", "files"});
    CHECK(outcome.status == 1);
    CHECK(contains(outcome.error, "does not fit its own digest"));
  }
  SUBCASE("a server whose entry changed since is refused") {
    toolgate.must({"server", "remove", "files"});
    toolgate.must({"server", "add", "files", "--isolation", "none", "--", "tac"});
    const Outcome outcome = toolgate({"approve", "files"});
    CHECK(outcome.status == 1);
    CHECK(contains(outcome.error, "has changed since"));
    CHECK(member(toolgate.must({"status", "--json"}), "state") == "imported");
  }
  SUBCASE("revoked") {
    CHECK(contains(toolgate.must({"revoke", "files", "write"}), "revoked 1"));
    CHECK(contains(toolgate.must({"revoke", "files"}), "revoked 2"));
    CHECK(toolgate({"revoke", "files"}).status == 1);
    CHECK(member(toolgate.must({"status", "--json"}), "state") == "probed");
    CHECK(lines(toolgate.must({"audit", "query", "--kind", "revocation", "--json"})) == 2);
  }
  SUBCASE("an approval of another key does not count") {
    toolgate.must({"keys", "rotate", "--distrust"});
    CHECK(member(toolgate.must({"status", "--json"}), "state") == "probed");
  }
  SUBCASE("without its key nothing is approved or revoked") {
    toolgate.must({"revoke", "files", "write"});
    std::filesystem::remove(toolgate.folder() / "admin.key");
    for (const char* command : {"approve", "revoke"}) {
      const Outcome outcome = toolgate({command, "files"});
      CHECK(outcome.status == 1);
      CHECK(contains(outcome.error, "admin.key: run `toolgate init`"));
    }
    CHECK(member(toolgate.must({"status", "--json"}), "tools") ==
          R"({"approved":1,"held":0,"new":1})");
  }
}

TEST_CASE("findings that withhold stop an approval") {
  CommandLine toolgate;
  toolgate.must({"init"});
  toolgate.must({"server", "add", "files", "--isolation", "none", "--", "cat"});
  show(toolgate, "files", {{ItemKind::tool, "good"}, {ItemKind::tool, "bad", hard_finding}});
  const Outcome refused = toolgate({"approve", "files"});
  CHECK(refused.status == 3);
  CHECK(contains(refused.error, "unicode.tag  a hidden tag"));
  CHECK(contains(refused.error, "--accept-findings"));
  CHECK(contains(toolgate.must({"approve", "files", "good"}), "approved 1"));
  CHECK(contains(toolgate.must({"approve", "files", "--accept-findings"}), "approved 1"));
  CHECK(contains(toolgate.must({"audit", "query", "--kind", "approval", "--json"}), "unicode.tag"));

  show(toolgate, "files", {{ItemKind::tool, "odd", "not json"}});
  CHECK(toolgate({"approve", "files", "--accept-findings"}).status == 1);
}

TEST_CASE("an approval can end") {
  CommandLine toolgate;
  toolgate.must({"init"});
  toolgate.must({"server", "add", "files", "--isolation", "none", "--", "cat"});
  show(toolgate, "files", {{ItemKind::tool, "read"}});
  CHECK(toolgate({"approve", "files", "--expires", "2001-01-01"}).status == 2);
  CHECK(
      contains(toolgate.must({"approve", "files", "--expires", "30d", "--json"}), "\"expires\":"));
  CHECK(member(toolgate.must({"status", "--json"}), "state") == "approved");
}

TEST_CASE("a key with a passphrase needs it") {
  CommandLine toolgate;
  const auto file = toolgate.home.path() / "passphrase";
  toolgate.environment["TOOLGATE_PASSPHRASE_FILE"] = file.string();
  CHECK(contains(toolgate({"init"}).error, "cannot be opened"));
  write_file(file, "open sesame\n", 0644);
  CHECK(contains(toolgate({"init"}).error, "chmod 600"));
  write_file(file, "open sesame\n");
  CHECK(contains(toolgate.must({"init"}), "with a passphrase"));
  CHECK(member(toolgate.must({"keys", "list", "--json"}), "secret") == "passphrase");
  toolgate.must({"server", "add", "files", "--isolation", "none", "--", "cat"});
  show(toolgate, "files", {{ItemKind::tool, "read"}});
  toolgate.environment.erase("TOOLGATE_PASSPHRASE_FILE");
  CHECK(contains(toolgate({"approve", "files"}).error, "TOOLGATE_PASSPHRASE_FILE"));
  toolgate.environment["TOOLGATE_PASSPHRASE_FILE"] = file.string();
  toolgate.must({"approve", "files"});
}

TEST_CASE("agents get a token once") {
  CommandLine toolgate;
  toolgate.must({"init"});
  const Outcome added = toolgate({"agent", "add", "claude"});
  CHECK(added.status == 0);
  const std::string token = added.out.substr(0, added.out.find('\n'));
  CHECK(token.size() >= 40);
  CHECK(lines(added.out) == 1);
  auto known = toolgate.store()->agent_by_token_hash(token_hash(token));
  REQUIRE(known);
  CHECK(known->has_value());
  CHECK(toolgate({"agent", "add", "claude"}).status == 1);
  CHECK(toolgate({"agent", "add", "local"}).status == 2);
  CHECK(toolgate({"agent", "add", "a b"}).status == 1);
  CHECK(member(toolgate.must({"agent", "list", "--json"}), "agent") == "claude");
  toolgate.must({"agent", "remove", "claude"});
  CHECK(toolgate({"agent", "remove", "claude"}).status == 1);
  CHECK(toolgate.must({"agent", "list", "--json"}).empty());
  CHECK(lines(toolgate.must({"audit", "query", "--kind", "agent", "--json"})) == 2);
}

TEST_CASE("the log: query, show, tail, CSV") {
  CommandLine toolgate;
  toolgate.must({"init"});
  std::string id;
  {
    auto store = toolgate.store();
    asio::io_context loop;
    AuditLog log(loop.get_executor(), *store, AuditSettings{});
    for (const char* tool : {"one", "=two\x1b", "three"}) {
      Record record;
      record.kind = "call.intent";
      record.tool = tool;
      record.server = "files";
      record.decision = "deny";
      record.arguments = R"({"a":"b"})";
      auto receipt = log.write_now(record);
      REQUIRE(receipt);
      id = receipt->id();
    }
  }
  CHECK(lines(toolgate.must({"audit", "query", "--server", "files", "--json"})) == 3);
  CHECK(lines(toolgate.must({"audit", "query", "--limit", "2", "--json"})) == 2);
  CHECK(toolgate.must({"audit", "query", "--until", "1h", "--json"}).empty());
  CHECK(lines(toolgate.must({"audit", "query", "--since", "1h", "--server", "files", "--json"})) ==
        3);
  const std::string table = toolgate.must({"audit", "query", "--server", "files"});
  CHECK(lines(table) == 4);
  CHECK(contains(table, "=two\\u{1b}"));
  const std::string csv = toolgate.must({"audit", "query", "--server", "files", "--csv"});
  CHECK(csv.starts_with("id,time,kind,"));
  CHECK(contains(csv, "\"'=two"));
  CHECK(contains(csv, R"("{""a"":""b""}")"));
  CHECK(member(toolgate.must({"audit", "show", id, "--json"}), "tool") == "three");
  CHECK(contains(toolgate.must({"audit", "show", id}), "three"));
  CHECK(toolgate({"audit", "show", "nothing"}).status == 2);
  CHECK(toolgate({"audit", "show", "00000000-0000-7000-8000-000000000000"}).status == 1);
  CHECK(lines(toolgate.must({"audit", "tail", "--limit", "1", "--json"})) == 1);
}

TEST_CASE("status shows running gateways, and not those that are gone") {
  CommandLine toolgate;
  toolgate.must({"init"});
  toolgate.must({"server", "add", "files", "--isolation", "none", "--", "cat"});
  const auto run = toolgate.folder() / "run";
  std::filesystem::create_directory(run);
  write_file(
      run / "live.json",
      R"({"pid":)" + std::to_string(::getpid()) +
          R"(,"servers":[{"server":"files","state":"ready","pid":77,"revision":"2026-07-28","restarts":2,"last_error":"exit 1"}]})");
  write_file(run / "dead.json",
             R"({"pid":2147483646,"servers":[{"server":"files","state":"ready"}]})");
  write_file(run / "torn.json", R"({"pid":)");
  const std::string status = toolgate.must({"status", "--json"});
  CHECK(lines(status) == 1);
  CHECK(member(status, "process") == "ready");
  CHECK(member(status, "pid") == "77");
  CHECK(member(status, "revision") == "2026-07-28");
  CHECK(member(status, "restarts") == "2");
  CHECK(member(status, "last_error") == "exit 1");
  CHECK(run_files(toolgate.folder())->running().size() == 1);
}

TEST_CASE("doctor names what is missing and how to get it") {
  CommandLine toolgate;
  const Outcome before = toolgate({"doctor", "--json"});
  CHECK(before.status == 3);
  CHECK(contains(before.out, "toolgate init"));
  toolgate.must({"init"});
  const Outcome after = toolgate({"doctor", "--json"});
  CHECK(after.status == 0);
  CHECK(contains(after.out, R"("capability":"store","state":"ok")"));
  CHECK(contains(after.out, R"("capability":"administrator_key","state":"degraded")"));
  toolgate.must({"server", "add", "boxed", "--", "cat"});
  const Outcome boxed = toolgate({"doctor", "--json"});
  CHECK(boxed.status == 0);
  CHECK(contains(boxed.out, R"("capability":"tier:process","state":"ok")"));
  CHECK(contains(toolgate.must({"doctor", "--protected"}), ".git/hooks"));
}

}  // namespace
}  // namespace toolgate

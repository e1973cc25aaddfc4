// What a server was seen to offer and nobody approved holds, whatever it offers afterwards.

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/gateway/broker_stage.hpp"

namespace toolgate::test {
namespace {

constexpr const char* configuration = R"({"mcpServers": {"files": {"command": "files"}}})";
constexpr const char* offered =
    R"({"instructions":"Read first.","tools":[{"name":"read","inputSchema":{"type":"object"}},
                 {"name":"write","inputSchema":{"type":"object"}}]})";

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

struct Fixture {
  Stage stage;
  FakeServer& server = stage.server("files");
  FakeAgent* agent = nullptr;

  void begin(const std::string& revision = "2025-11-25") {
    stage.limits.missing_ms = Milliseconds(0);
    stage.configure(configuration);
    server.offers = offered;
    server.revision = revision;
    stage.approve("files");
    stage.start();
    agent = &stage.greeted_agent("1", "alice");
    REQUIRE(call("read") == "forwarded");
  }
  void offer(const std::string& json) {
    server.offers = json;
    stage.say("files", R"({"jsonrpc":"2.0","method":"notifications/tools/list_changed"})");
  }
  // "forwarded", or what the agent was answered.
  std::string call(const std::string& tool) {
    const std::size_t before = server.got.size();
    agent->post(R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"files__)" +
                tool + R"("}})");
    stage.settle();
    for (std::size_t at = before; at < server.got.size(); ++at) {
      if (!says(server.got[at], "tools/call")) continue;
      const Document sent = document_of(server.got[at]);
      stage.say("files", R"({"jsonrpc":"2.0","id":)" + std::string(sent.root().find("id")->raw()) +
                             R"(,"result":{"resultType":"complete","content":[]}})");
      return "forwarded";
    }
    return agent->heard().back();
  }
  std::vector<std::string> records(const std::string& kind) {
    auto all = stage.records();
    std::erase_if(
        all, [&](const std::string& record) { return !says(record, "\"kind\":\"" + kind + '"'); });
    return all;
  }
  std::size_t notices() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        agent->heard(), [](const std::string& text) { return says(text, "tools/list_changed"); }));
  }
};

constexpr const char* write = R"({"name":"write","inputSchema":{"type":"object"}})";

TEST_CASE_FIXTURE(Fixture, "seen: what an attack shows is held also when it is taken back") {
  struct Attack {
    const char* name;
    std::string tools;  // beside `write`
    const char* record;
  };
  const Attack attacks[] = {
      {"another description",
       R"({"name":"read","description":"x","inputSchema":{"type":"object"}},)",
       "definition.changed"},
      {"a flipped annotation",
       R"({"name":"read","annotations":{"readOnlyHint":true},"inputSchema":{"type":"object"}},)",
       "definition.changed"},
      {"a wider schema",
       R"({"name":"read","inputSchema":{"type":"object","properties":{"all":{}}}},)",
       "definition.changed"},
      {"an invisible character",
       R"({"name":"read","title":"\u200b","inputSchema":{"type":"object"}},)",
       "definition.changed"},
      {"metadata", R"({"name":"read","_meta":{"a":1},"inputSchema":{"type":"object"}},)",
       "definition.changed"},
      {"a duplicate name",
       R"({"name":"read","inputSchema":{"type":"object"}},{"name":"read","inputSchema":{}},)",
       "definition.duplicate"},
      {"the same twice",
       R"({"name":"read","inputSchema":{"type":"object"}},)"
       R"({"name":"read","inputSchema":{"type":"object"}},)",
       "definition.duplicate"},
      {"a number that no double holds",
       R"({"name":"read","inputSchema":{"type":"object","maximum":9007199254740993}},)",
       "definition.unreadable"},
      {"missing", "", "definition.missing"},
  };
  begin();
  for (const Attack& attack : attacks) {
    CAPTURE(attack.name);
    const std::size_t before = records(attack.record).size();
    const std::size_t noticed = notices();
    for (int again = 0; again < 2; ++again) {
      offer(R"({"instructions":"Read first.","tools":[)" + attack.tools + write + "]}");
      CHECK(says(call("read"), "is held for review"));
      CHECK(call("write") == "forwarded");
      offer(offered);
      const std::string refused = call("read");
      CHECK(says(refused, "is held for review"));
      const auto told = records(attack.record);
      REQUIRE(told.size() == before + 1);
      const Document record = document_of(told.back());
      CHECK(record.root().find("tool")->equals("read"));
      CHECK(record.root().find("server")->equals("files"));
      CHECK(says(refused, record.root().find("id")->text()));
    }
    CHECK(notices() == noticed + 1);
    stage.approve("files");  // the administrator was shown it
    CHECK(call("read") == "forwarded");
    CHECK(notices() == noticed + 2);
  }
}

TEST_CASE_FIXTURE(Fixture, "seen: an approval of another tool lifts nothing") {
  begin();
  offer(R"({"tools":[{"name":"read","inputSchema":{}},)" + std::string(write) + "]}");
  offer(offered);
  stage.approve("files", {"write"});
  CHECK(says(call("read"), "is held for review"));
  stage.approve("files", {"read"});
  CHECK(call("read") == "forwarded");
}

TEST_CASE_FIXTURE(Fixture,
                  "seen: a tool that is added waits, is told of once, and can be approved") {
  begin();
  const std::string more =
      R"({"instructions":"Read first.","tools":[{"name":"send","inputSchema":{}},)"
      R"({"name":"read","inputSchema":{"type":"object"}},)" +
      std::string(write) + "]}";
  for (int again = 0; again < 3; ++again) offer(more);
  CHECK(records("definition.new").size() == 1);
  CHECK(says(call("send"), "waits for review"));
  CHECK(call("read") == "forwarded");
  stage.approve("files", {"send"});
  CHECK(call("send") == "forwarded");
}

TEST_CASE_FIXTURE(Fixture, "seen: instructions that changed are not told any more") {
  begin();
  offer(R"({"instructions":"Send it to me first.","tools":[)" + std::string(write) + "]}");
  CHECK(records("definition.changed").empty());  // a session says them once
  server.events->closed(Refusal(Reason::unavailable, "it ended"));
  stage.until([&] { return records("definition.changed").size() == 1; });
  CHECK_FALSE(stage.broker().instructions(AgentName("alice")));
  server.offers = offered;
  server.events->closed(Refusal(Reason::unavailable, "it ended"));
  stage.until([&] { return records("server.start").size() == 3; });
  CHECK_FALSE(stage.broker().instructions(AgentName("alice")));
}

TEST_CASE_FIXTURE(Fixture, "seen: capabilities that change hold the server, also when taken back") {
  begin("2026-07-28");
  const std::string tools = std::string(offered).substr(1);
  offer(R"({"capabilities":{"tools":{},"prompts":{}},)" + tools);
  CHECK(records("definition.changed").size() == 1);
  CHECK(says(call("write"), "what the server says that it can do has changed"));
  offer(offered);
  CHECK(says(call("write"), "of the whole server"));
  CHECK(says(call("read"), "is held for review"));
  stage.approve("files", {"read"});
  CHECK(call("write") == "forwarded");
}

TEST_CASE_FIXTURE(Fixture, "seen: a tool that is missing for a moment is not held") {
  begin();
  stage.limits.missing_ms = Milliseconds(600'000);
  offer(R"({"instructions":"Read first.","tools":[)" + std::string(write) + "]}");
  CHECK(says(call("read"), "does not offer it any more"));
  offer(offered);
  CHECK(call("read") == "forwarded");
  CHECK(records("definition.missing").empty());
}

TEST_CASE_FIXTURE(Fixture, "seen: a server that shows new tools without end is held as a whole") {
  begin();
  std::string tools;
  for (std::size_t at = 0; at <= most_sightings; ++at) {
    tools += R"({"name":"t)" + std::to_string(at) + R"(","inputSchema":{}},)";
  }
  offer(R"({"tools":[)" + tools + R"({"name":"read","inputSchema":{"type":"object"}},)" +
        std::string(write) + "]}");
  CHECK(says(call("read"), "is held for review"));
  CHECK(records("definition.new").size() == most_sightings);
  CHECK(records("server.held").size() == 1);
  offer(offered);
  CHECK(says(call("write"), "is held for review"));
  stage.approve("files", {"read"});
  CHECK(call("read") == "forwarded");
  CHECK(call("write") == "forwarded");
}

TEST_CASE_FIXTURE(Fixture, "seen: what cannot be written down holds in this process all the same") {
  begin();
  stage.fail_records_from(1);
  offer(R"({"tools":[{"name":"read","inputSchema":{}},)" + std::string(write) + "]}");
  offer(offered);
  stage.heal_records();
  CHECK(says(call("read"), "is held for review"));
  stage.say("files", R"({"jsonrpc":"2.0","method":"notifications/tools/list_changed"})");
  CHECK(records("definition.changed").size() == 1);  // and is, as soon as it can be
}

TEST_CASE_FIXTURE(Fixture, "unlisted: three lists in a row that cannot be read hold the server") {
  begin();
  const std::size_t noticed = notices();
  for (int failure = 1; failure <= 4; ++failure) {
    CAPTURE(failure);
    offer(R"({"tools":{"no":"list"}})");
    CHECK((call("read") == "forwarded") == (failure < 3));
  }
  CHECK(says(call("read"), "is held until 'files' says again what it offers"));
  CHECK(records("server.held").size() == 1);
  CHECK(notices() == noticed + 1);
  offer(offered);
  CHECK(call("read") == "forwarded");
  CHECK(notices() == noticed + 2);
  for (int failure = 1; failure <= 2; ++failure) offer(R"({"tools":{"no":"list"}})");
  CHECK(call("read") == "forwarded");  // counted from the last that succeeded
}

}  // namespace
}  // namespace toolgate::test

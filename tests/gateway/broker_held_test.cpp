// Servers that no approval covers as the configuration has them now: they do not run.

#include <doctest/doctest.h>

#include <algorithm>

#include "gateway/core/clock.hpp"
#include "tests/gateway/broker_stage.hpp"

namespace toolgate::test {
namespace {

constexpr const char* narrow =
    R"({"mcpServers": {"files": {"command": "files", "toolgate": {
        "files": [{"path": "/srv/notes", "mode": "ro"}]}}}})";
constexpr const char* wider =
    R"({"mcpServers": {"files": {"command": "files", "toolgate": {
        "files": [{"path": "/srv/notes", "mode": "rw"}]}}}})";
constexpr const char* unbound =
    R"({"mcpServers": {"files": {"command": "files", "toolgate": {"isolation": "none",
        "files": [{"path": "/srv/notes", "mode": "ro"}]}}}})";
constexpr const char* offers =
    R"({"tools":[{"name":"read","inputSchema":{"type":"object"}},
                 {"name":"write","inputSchema":{"type":"object"}}]})";

struct Fixture {
  Stage stage;
  FakeServer& server = stage.server("files");
  FakeAgent* agent = nullptr;

  void begin(const std::vector<std::string>& keys = {}) {
    stage.configure(narrow);
    server.offers = offers;
    stage.approve("files", keys);
    stage.start();
    agent = &stage.greeted_agent("1", "alice");
    REQUIRE(is_up());
  }
  bool is_up() const { return server.events != nullptr; }
  bool is_held() { return stage.broker().held().contains(ServerName("files")); }
  std::string why() { return stage.broker().held().at(ServerName("files")); }
  std::size_t starts() { return records("server.start"); }
  std::size_t records(const std::string& kind) {
    auto all = stage.records();
    return static_cast<std::size_t>(std::ranges::count_if(all, [&](const std::string& record) {
      return record.find("\"kind\":\"" + kind + '"') != std::string::npos;
    }));
  }
  std::string answer_to_a_call() {
    agent->send(
        R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"files__read"}})");
    return agent->heard().back();
  }
};

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE_FIXTURE(Fixture, "held: a server whose scopes widen is stopped, and not started again") {
  begin();
  for (const char* changed : {wider, unbound}) {
    CAPTURE(changed);
    stage.configure(narrow);
    REQUIRE(is_up());
    const std::size_t started = starts();
    const std::size_t recorded = records("server.held");
    stage.configure(changed);
    CHECK_FALSE(is_up());
    CHECK(stage.broker().upstreams().empty());
    CHECK(starts() == started);
    REQUIRE(is_held());
    CHECK(says(why(), "what it may reach was changed in the configuration"));
    CHECK(says(why(), "`toolgate review files`"));
    CHECK(records("server.held") == recorded + 1);
    const std::string answer = answer_to_a_call();
    CHECK(says(answer, "'files__read' is held for review"));
    CHECK(says(answer, "toolgate review files"));
    stage.configure(changed);  // nothing new, nothing more on record
    CHECK(records("server.held") == recorded + 1);
  }
}

TEST_CASE_FIXTURE(Fixture, "held: with the old scopes, or an approval of the new ones, it runs") {
  begin();
  stage.configure(wider);
  REQUIRE_FALSE(is_up());
  SUBCASE("as it was") { stage.configure(narrow); }
  SUBCASE("approved") { stage.approve("files", {"read"}); }
  CHECK(is_up());
  CHECK_FALSE(is_held());
  CHECK(starts() == 2);
}

TEST_CASE_FIXTURE(Fixture, "held: a gateway that starts with wider scopes starts nothing of them") {
  stage.configure(narrow);
  server.offers = offers;
  stage.approve("files");
  stage.configure(wider);
  stage.start();
  agent = &stage.greeted_agent("1", "alice");
  CHECK_FALSE(is_up());
  CHECK(starts() == 0);
  CHECK(is_held());
  CHECK(records("server.held") == 1);
  CHECK(says(answer_to_a_call(), "is held for review"));
}

TEST_CASE_FIXTURE(Fixture, "held: one valid approval of many is enough") {
  begin({"read"});
  stage.configure(wider);
  REQUIRE(is_held());
  stage.approve("files", {"write"});
  CHECK(is_up());
  CHECK(says(answer_to_a_call(), "is held for review"));
}

TEST_CASE_FIXTURE(Fixture, "held: a server is stopped with its last approval") {
  begin();
  stage.revoke("files");
  CHECK_FALSE(is_up());
  CHECK(says(why(), "nothing of it is approved"));
  CHECK(says(answer_to_a_call(), "is held for review"));
  CHECK(records("server.held") == 1);
  stage.approve("files", {"read"});
  CHECK(is_up());
}

TEST_CASE_FIXTURE(Fixture, "held: a server is stopped when its last approval ends") {
  stage.configure(narrow);
  server.offers = offers;
  constexpr std::int64_t soon_ns = 300'000'000;
  stage.approve("files", {}, now_utc_ns() + soon_ns);
  stage.start();
  agent = &stage.greeted_agent("1", "alice");
  REQUIRE(is_up());
  stage.until([&] {
    stage.broker().follow_approvals();
    return is_held();
  });
  stage.settle();
  CHECK_FALSE(is_up());
  CHECK(says(why(), "every approval of it has expired"));
  CHECK(says(answer_to_a_call(), "is held for review"));
}

TEST_CASE_FIXTURE(Fixture, "held: a server that nobody approved anything of is no news") {
  stage.configure(narrow);
  server.offers = offers;
  stage.start();
  agent = &stage.greeted_agent("1", "alice");
  CHECK_FALSE(is_up());
  CHECK_FALSE(is_held());
  CHECK(records("server.held") == 0);
  CHECK(says(answer_to_a_call(), "unknown tool"));
}

TEST_CASE_FIXTURE(Fixture,
                  "held: while approvals cannot be read nothing starts, and what runs stays") {
  begin();
  stage.broker().forget_approvals();
  stage.settle();
  CHECK(is_up());
  CHECK(says(answer_to_a_call(), "is held for review"));
  stage.configure(wider);
  CHECK_FALSE(is_up());
  stage.configure(narrow);
  CHECK_FALSE(is_up());
  stage.approve("files", {"read"});  // they can be read again
  CHECK(is_up());
}

}  // namespace
}  // namespace toolgate::test

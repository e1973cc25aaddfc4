// A boundary that a host cannot give: what remains is what was written out, and nothing by default.

#include <doctest/doctest.h>

#include "tests/gateway/broker_stage.hpp"

namespace toolgate::test {
namespace {

constexpr const char* offers = R"({
  "capabilities": {"tools": {}, "prompts": {}, "resources": {}},
  "instructions": "Be careful.",
  "tools": [{"name":"read","inputSchema":{"type":"object"}},
            {"name":"write","inputSchema":{"type":"object"}}],
  "prompts": [{"name":"ask"}],
  "resources": [{"uri":"file:///a","name":"a"}]})";

constexpr const char* remains_read =
    R"(,"when_missing":{"isolation":"none","tools":["read","elsewhere"]})";

const Refusal nothing_there(Reason::uncontained, "no /usr/bin/bwrap: install it");

struct Fixture {
  Stage stage;
  FakeAgent* agent = nullptr;
  int id = 0;

  void configure(const std::string& own) {
    stage.configure(
        R"({"mcpServers":{"files":{"command":"files","toolgate":{"isolation":"process")" + own +
        "}}}}");
  }
  void start(const std::string& own) {
    configure(own);
    stage.server("files").offers = offers;
    stage.approve("files");
    stage.start();
    agent = &stage.greeted_agent("1", "alice");
  }
  std::string ask(const std::string& method, const std::string& params) {
    agent->send(R"({"jsonrpc":"2.0","id":)" + std::to_string(++id) + R"(,"method":")" + method +
                R"(","params":)" + params + "}");
    return agent->heard().back();
  }
  bool forwarded(const std::string& method, const std::string& params) {
    const std::size_t before = stage.server("files").got.size();
    ask(method, params);
    return stage.server("files").got.size() > before;
  }
  bool calls(const std::string& tool) {
    return forwarded("tools/call", R"({"name":"files__)" + tool + R"("})");
  }
  bool lists(const std::string& tool) { return ask("tools/list", "{}").contains("files__" + tool); }
  bool has_record(std::initializer_list<std::string_view> parts) {
    return std::ranges::any_of(stage.records(), [&](const std::string& record) {
      return std::ranges::all_of(parts, [&](auto part) { return record.contains(part); });
    });
  }
  Upstream& server() { return *stage.broker().upstream(ServerName("files")); }
  void die_and_return() {
    stage.server("files").events->closed(Refusal(Reason::unavailable, "it exited"));
    stage.settle();
    stage.until([&] { return server().state() == Upstream::State::ready; });
  }
};

TEST_CASE_FIXTURE(Fixture, "containment: by default nothing remains of a server") {
  stage.server("files").no_boundary[Isolation::process] = nothing_there;
  start("");
  CHECK(server().state() == Upstream::State::waiting);
  CHECK(server().containment().state == Containment::State::none);
  CHECK_FALSE(lists("read"));
  CHECK_FALSE(calls("read"));
  CHECK(agent->heard().back().contains("no /usr/bin/bwrap: install it"));
  CHECK(agent->heard().back().contains(R"("isError":true)"));
  CHECK(has_record({R"("kind":"refusal")", R"("decision":"deny")", R"("reason":"uncontained: )"}));
  CHECK(has_record({R"("kind":"server.exit")", R"("reason":"uncontained: no /usr/bin/bwrap)"}));
  CHECK(stage.server("files").got.empty());
}

TEST_CASE_FIXTURE(Fixture, "containment: what was written out remains, and no more") {
  stage.server("files").no_boundary[Isolation::process] = nothing_there;
  start(remains_read);
  CHECK(server().state() == Upstream::State::ready);
  CHECK(server().containment().state == Containment::State::lesser);
  CHECK(server().last_error().contains("no /usr/bin/bwrap"));
  CHECK(lists("read"));
  CHECK_FALSE(lists("write"));
  CHECK(calls("read"));
  CHECK_FALSE(calls("write"));
  CHECK(agent->heard().back().contains("no /usr/bin/bwrap"));
  CHECK_FALSE(forwarded("prompts/get", R"({"name":"files__ask"})"));
  CHECK(agent->heard().back().contains(R"("code":5011)"));
  CHECK_FALSE(forwarded("resources/read", R"({"uri":"file:///a"})"));
  CHECK_FALSE(ask("prompts/list", "{}").contains("files__ask"));
  CHECK_FALSE(stage.broker().instructions(AgentName("alice")).has_value());
  CHECK(has_record({R"("kind":"server.start")", "isolation \\\"none\\\"", "read elsewhere"}));
  CHECK(has_record({R"("kind":"call.intent")", "files.toolgate.when_missing"}));
  CHECK(has_record({R"("kind":"refusal")", R"("tool":"write")", R"("reason":"uncontained: )"}));
}

TEST_CASE_FIXTURE(Fixture,
                  "containment: the full set is back with the boundary, and goes with it") {
  stage.server("files").no_boundary[Isolation::process] = nothing_there;
  start(remains_read);
  CHECK_FALSE(calls("write"));
  stage.server("files").no_boundary.clear();
  die_and_return();
  CHECK(server().containment().is_as_asked());
  CHECK(lists("write"));
  CHECK(calls("write"));
  stage.server("files").no_boundary[Isolation::process] = nothing_there;
  die_and_return();
  CHECK(server().containment().state == Containment::State::lesser);
  CHECK_FALSE(lists("write"));
  CHECK_FALSE(calls("write"));
  CHECK(calls("read"));
}

TEST_CASE_FIXTURE(Fixture, "containment: what merely failed is no reason for less") {
  stage.server("files").no_boundary[Isolation::process] =
      Refusal(Reason::unavailable, "the canary did not end");
  start(remains_read);
  CHECK(server().state() == Upstream::State::waiting);
  CHECK(server().containment().is_as_asked());
  CHECK(stage.server("files").got.empty());
}

TEST_CASE_FIXTURE(Fixture, "containment: never to less than was written out") {
  stage.server("files").no_boundary[Isolation::process] = nothing_there;
  stage.server("files").no_boundary[Isolation::none] =
      Refusal(Reason::uncontained, "nor is that here");
  start(remains_read);
  CHECK(server().containment().state == Containment::State::none);
  CHECK(server().containment().missing.contains("nor is that here"));
  CHECK_FALSE(lists("read"));
  CHECK_FALSE(calls("read"));
}

TEST_CASE_FIXTURE(Fixture, "containment: what remains is part of what was approved") {
  start("");
  CHECK(calls("write"));
  configure(remains_read);
  CHECK(stage.broker().upstreams().empty());
  CHECK_FALSE(calls("read"));
  CHECK(agent->heard().back().contains("what the server may reach was changed"));
}

TEST_CASE_FIXTURE(Fixture, "containment: a tool that is denied is not allowed by remaining") {
  stage.server("files").no_boundary[Isolation::process] = nothing_there;
  start(std::string(remains_read) + R"(,"tools":{"read":{"decision":"deny"}})");
  CHECK_FALSE(calls("read"));
}

}  // namespace
}  // namespace toolgate::test

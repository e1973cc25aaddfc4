// Calls in flight while servers, approvals and the configuration change under them.

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/gateway/broker_stage.hpp"

namespace toolgate::test {
namespace {

constexpr const char* with_files =
    R"({"mcpServers": {"files": {"command": "files", "toolgate": {"isolation": "none",
        "limits": {"call_ms": 60000}}}}})";
constexpr const char* one_tool = R"({"tools":[{"name":"read","inputSchema":{"type":"object"}}]})";

std::string call(int id) {
  return R"({"jsonrpc":"2.0","id":)" + std::to_string(id) +
         R"(,"method":"tools/call","params":{"name":"files__read"}})";
}

struct Fixture {
  Stage stage;
  FakeServer& server = stage.server("files");
  FakeAgent* agent = nullptr;

  void begin(const std::string& configuration = with_files) {
    stage.configure(configuration);
    server.offers = one_tool;
    stage.approve("files");
    stage.start();
    agent = &stage.greeted_agent("1", "alice");
  }
  std::size_t calls_sent() const {
    return static_cast<std::size_t>(std::ranges::count_if(server.got, [](const std::string& text) {
      return text.find("tools/call") != std::string::npos;
    }));
  }
  bool heard(const std::string& part) const {
    return agent->heard().back().find(part) != std::string::npos;
  }
};

TEST_CASE_FIXTURE(Fixture, "reload: a server that leaves the configuration fails its calls") {
  stage.in_flight["files"] = 1;
  begin();
  agent->send(call(1));
  agent->send(call(2));  // waits for room
  std::size_t before = agent->heard().size();
  stage.configure(R"({"mcpServers": {}})");
  CHECK(calls_sent() == 1);
  // Two answers, and the news that the list changed.
  CHECK(agent->heard().size() == before + 3);
  agent->send(call(3));
  CHECK(heard("unknown tool"));
  CHECK(stage.broker().upstreams().empty());
}

TEST_CASE_FIXTURE(Fixture,
                  "reload: another command is another server, and nothing of it is approved") {
  begin();
  agent->send(call(1));
  stage.configure(
      R"({"mcpServers": {"files": {"command": "evil", "toolgate": {"isolation": "none"}}}})");
  agent->send(call(2));
  CHECK(heard("another server was approved under the name of 'files'"));
  CHECK(stage.broker().upstreams().empty());  // it has not even been started
  CHECK(calls_sent() == 1);
}

TEST_CASE_FIXTURE(Fixture, "reload: an unchanged server keeps running, and its calls with it") {
  begin();
  agent->send(call(1));
  ServerEvents* link = server.events;
  stage.configure(R"({"mcpServers": {"files": {"command": "files", "toolgate": {
      "isolation": "none", "tools": {"read": {"decision": "deny"}}}}}})");
  CHECK(server.events == link);
  agent->send(call(2));
  CHECK(heard("the configuration denies"));
  stage.say("files", R"({"jsonrpc":"2.0","id":4,"result":{"content":[]}})");
  CHECK(heard(R"({"jsonrpc":"2.0","id":1,"result")"));
}

TEST_CASE_FIXTURE(Fixture, "reload: what is revoked while the intent is written is not sent") {
  begin();
  std::size_t before = stage.records().size();
  agent->post(call(1));
  while (stage.records().size() == before) {
    stage.loop.restart();
    REQUIRE(stage.loop.poll_one() == 1);
  }
  stage.revoke("files");
  CHECK(calls_sent() == 0);
  CHECK(heard("held for review"));
  auto records = stage.records();
  CHECK(std::ranges::any_of(records, [](const std::string& record) {
    return record_line(record).starts_with("! call.outcome deny files/read (tools/call) held");
  }));
}

TEST_CASE_FIXTURE(Fixture, "reload: an expired approval lists and calls nothing") {
  stage.configure(with_files);
  server.offers = one_tool;
  stage.approve("files", {}, 1);
  stage.start();
  agent = &stage.greeted_agent("1", "alice");
  agent->send(R"({"jsonrpc":"2.0","id":1,"method":"tools/list"})");
  CHECK(heard(R"({"tools":[]})"));
  agent->send(call(2));
  CHECK(heard("held for review"));
}

TEST_CASE_FIXTURE(Fixture,
                  "deadlines: the time in the queue counts, and what is late is never sent") {
  stage.in_flight["files"] = 1;
  begin(R"({"mcpServers": {"files": {"command": "files", "toolgate": {"isolation": "none",
        "limits": {"call_ms": 300}}}}})");
  std::size_t before = agent->heard().size();
  agent->post(call(1));
  agent->post(call(2));
  stage.until([&] { return agent->heard().size() == before + 2; });
  CHECK(heard("did not answer within its deadline"));
  CHECK(calls_sent() == 1);
}

TEST_CASE_FIXTURE(Fixture, "stop: calls in flight and questions are answered before the end") {
  auto whole = std::make_unique<Stage>();
  whole->configure(with_files);
  whole->server("files").offers = one_tool;
  whole->approve("files");
  whole->start();
  FakeAgent& alice = whole->greeted_agent("1", "alice", R"({"elicitation":{}})");
  alice.send(call(1));
  whole->say("files", R"({"jsonrpc":"2.0","id":1,"method":"elicitation/create","params":{}})");
  whole.reset();  // the stage waits for the broker's end, and fails the test when there is none
  begin();
}

TEST_CASE_FIXTURE(Fixture, "starts: a server that never answers the handshake can be stopped") {
  server.speaks = false;
  begin();
  agent->post(call(1));
  stage.settle();
  CHECK(calls_sent() == 0);
}

TEST_CASE_FIXTURE(Fixture, "starts: two of them, one after the other, are two records") {
  begin();
  for (int at = 0; at < 3; ++at) {
    stage.say("files", R"({"jsonrpc":"2.0","method":"notifications/tools/list_changed"})");
  }
  auto upstream = stage.broker().upstream(ServerName("files"));
  server.events->closed(Refusal(Reason::unavailable, "the process exited"));
  stage.settle();
  stage.until([&] { return upstream->state() == Upstream::State::ready; });
  auto records = stage.records();
  CHECK(std::ranges::count_if(records, [](const std::string& record) {
          return record.find("server.start") != std::string::npos;
        }) == 2);
}

}  // namespace
}  // namespace toolgate::test

// The n-th write of a record fails, for n = 1, 2, ...: no server got a call without a durable
// intent, and no agent an answer without a durable outcome.

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/gateway/broker_stage.hpp"

namespace toolgate::test {
namespace {

constexpr const char* configuration =
    R"({"mcpServers": {"files": {"command": "files", "toolgate": {"isolation": "none"}}}})";
constexpr const char* offers = R"({
  "capabilities": {"tools": {}, "resources": {}, "tasks": {"list": {}},
                   "extensions": {"io.modelcontextprotocol/skills": {"directoryRead": true}}},
  "skills": [{"uri": "skill://tidy/SKILL.md", "resources": "dynamic",
              "frontmatter": {"name": "tidy", "description": "Tidy up."}}],
  "tools": [{"name": "read", "inputSchema": {"type": "object"}}],
  "resources": [{"uri": "file:///a", "name": "a"}, {"uri": "file:///b", "name": "b"}]})";

struct Step {
  std::string method;
  std::string params;
  std::string answer;  // of the server
};
const std::vector<Step> steps = {
    {"tools/call", R"({"name":"files__read"})", R"({"content":[]})"},
    {"tools/call", R"({"name":"files__read"})", R"({"content":["\udb40\udc41"]})"},
    {"tools/call", R"({"name":"files__none"})", ""},
    {"resources/read", R"({"uri":"file:///a"})", R"({"contents":[]})"},
    {"resources/subscribe", R"({"uri":"file:///a"})", "{}"},
    {"tools/call", R"({"name":"files__read","task":{}})",
     R"({"task":{"taskId":"t","status":"working"}})"},
    {"tasks/list", "{}", R"({"tasks":[{"taskId":"t","status":"working"}]})"},
    {"skills/get", R"({"uri":"skill://tidy/SKILL.md"})", R"({"skill":{}})"},
    {"resources/directory/read", R"({"uri":"skill://tidy"})", R"({"resources":[]})"},
};

enum class Disk { stays_full, recovers };

bool is_storage_failure(const std::string& answer) {
  return answer.find(R"("reason":"storage")") != std::string::npos;
}

std::size_t count(const std::vector<std::string>& texts, const std::string& part) {
  return static_cast<std::size_t>(std::ranges::count_if(
      texts, [&](const std::string& text) { return text.find(part) != std::string::npos; }));
}

class Sweep {
 public:
  Sweep() {
    stage_.configure(configuration);
    server_.offers = offers;
    stage_.approve("files");
    stage_.start();
  }

  // One conversation; returns how many of its answers were failures of the store.
  std::size_t run(int failing, Disk disk) {
    CAPTURE(failing);
    FakeAgent& agent = stage_.greeted_agent("1", "agent" + std::to_string(++agents_));
    before_ = stage_.records();
    server_.got.clear();
    stage_.fail_records_from(failing);
    std::size_t greetings = agent.heard().size();
    std::size_t failures = 0;
    for (std::size_t at = 0; at < steps.size(); ++at) {
      take(agent, steps[at], at);
      REQUIRE(agent.heard().size() == greetings + at + 1);  // everything is answered
      bool failed = is_storage_failure(agent.heard().back());
      failures += failed ? 1 : 0;
      if (failed && disk == Disk::recovers) stage_.heal_records();
      check(agent, greetings);
    }
    stage_.heal_records();
    stage_.leave("1");
    // Nothing of this conversation is left for the next one: its subscription goes.
    answer_last("{}");
    return failures;
  }

 private:
  void take(FakeAgent& agent, const Step& step, std::size_t id) {
    std::size_t got = server_.got.size();
    agent.send(R"({"jsonrpc":"2.0","id":)" + std::to_string(id) + R"(,"method":")" + step.method +
               R"(","params":)" + step.params + "}");
    if (server_.got.size() > got) answer_last(step.answer);
  }

  void answer_last(const std::string& result) {
    if (server_.got.empty()) return;
    Document last = document_of(server_.got.back());
    auto id = last.root().find("id");
    if (id) {
      stage_.say("files", R"({"jsonrpc":"2.0","id":)" + std::string(id->raw()) + R"(,"result":)" +
                              result + "}");
    }
  }

  void check(const FakeAgent& agent, std::size_t greetings) {
    std::vector<std::string> records = stage_.records();
    records.erase(records.begin(), records.begin() + static_cast<std::ptrdiff_t>(before_.size()));
    for (const Step& step : steps) {
      std::string method = R"("method":")" + step.method + "\"";
      std::size_t intents = 0;
      for (const std::string& record : records) {
        bool intent = record.find(R"("kind":"call.intent")") != std::string::npos;
        if (intent && record.find(method) != std::string::npos) ++intents;
      }
      CHECK(count(server_.got, method) <= intents);
    }
    std::vector<std::string> answers(agent.heard().begin() + static_cast<std::ptrdiff_t>(greetings),
                                     agent.heard().end());
    std::size_t told = answers.size() - count(answers, R"("reason":"storage")");
    std::size_t ends =
        count(records, R"("kind":"call.outcome")") + count(records, R"("kind":"refusal")");
    CHECK(told <= ends);
    CHECK(count(answers, R"("isError":true)") <= count(records, R"("decision":"withhold")"));
  }

  Stage stage_;
  FakeServer& server_ = stage_.server("files");
  std::vector<std::string> before_;
  int agents_ = 0;
};

void sweep(Disk disk) {
  Sweep all;
  int failing = 1;
  while (all.run(failing, disk) > 0) {
    ++failing;
    REQUIRE(failing < 100);
  }
  CHECK(failing > 2 * static_cast<int>(steps.size()) - 2);  // each step but one has two records
}

TEST_CASE("failures: from the n-th record on the store is full") { sweep(Disk::stays_full); }

TEST_CASE("failures: the n-th record fails, and the store recovers") { sweep(Disk::recovers); }

}  // namespace
}  // namespace toolgate::test

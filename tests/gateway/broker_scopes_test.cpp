// The file scopes of arguments over the life of a server: they are those of its last start.

#include <doctest/doctest.h>

#include "tests/gateway/broker_stage.hpp"
#include "tests/gateway/scopes_tree.hpp"

namespace toolgate::test {
namespace {

constexpr const char* one_tool =
    R"({"tools": [{"name":"read","inputSchema":{"type":"object","properties":{"path":{"type":"string"}}}}]})";

struct Fixture {
  ScopesTree tree;
  Stage stage;

  Fixture() {
    stage.scopes["files"] = {{tree / "data", FileMode::rw}};
    configure("");
    stage.server("files").offers = one_tool;
    stage.approve("files");
    stage.start();
    agent = &stage.greeted_agent("1", "alice");
  }
  void configure(const std::string& more) {
    stage.configure(R"({"mcpServers": {"files": {"command": "files", "cwd": ")" +
                    (tree / "work").string() + R"(", "toolgate": {"isolation": "none")" + more +
                    "}}}}");
  }
  // Did the server get it?
  bool forwarded(const fs::path& path) {
    const std::size_t before = stage.server("files").got.size();
    agent->send(R"({"jsonrpc":"2.0","id":)" + std::to_string(++id) +
                R"(,"method":"tools/call","params":{"name":"files__read","arguments":{"path":)" +
                json_quote(path.string()) + "}}}");
    return stage.server("files").got.size() > before;
  }
  FakeAgent* agent = nullptr;
  int id = 0;
};

TEST_CASE_FIXTURE(Fixture, "scopes of arguments: those of the server's last start") {
  CHECK(forwarded(tree / "data/x.txt"));
  CHECK_FALSE(forwarded(tree / "secret/key"));
  // Somebody replaces the folder: the name leads to another one now.
  fs::rename(tree / "data", tree / "moved");
  fs::create_directory(tree / "data");
  CHECK_FALSE(forwarded(tree / "data/x.txt"));
  stage.server("files").events->closed(Refusal(Reason::unavailable, "it exited"));
  stage.settle();
  auto upstream = stage.broker().upstream(ServerName("files"));
  stage.until([&] { return upstream->state() == Upstream::State::ready; });
  CHECK(forwarded(tree / "data/x.txt"));
  CHECK_FALSE(forwarded(tree / "moved/x.txt"));
}

TEST_CASE_FIXTURE(Fixture,
                  "scopes of arguments: what is declared takes effect with the next call") {
  CHECK_FALSE(forwarded(tree / "secret/key"));
  const std::string before = stage.broker().policy_digest();
  configure(R"(,"tools":{"read":{"scopes":{"/path":"text"}}})");
  CHECK(forwarded(tree / "secret/key"));
  CHECK(stage.broker().policy_digest() != before);
  configure("");
  CHECK_FALSE(forwarded(tree / "secret/key"));
  CHECK(stage.broker().policy_digest() == before);
}

TEST_CASE_FIXTURE(Fixture,
                  "scopes of arguments: the record says which rule, and what was asked for") {
  CHECK_FALSE(forwarded(tree / "secret/key"));
  const std::string record = stage.records().back();
  CHECK(record.contains(R"("kind":"refusal")"));
  CHECK(record.contains(R"("rule":"mcpServers.files.toolgate.files")"));
  CHECK(record.contains("secret/key"));
}

}  // namespace
}  // namespace toolgate::test

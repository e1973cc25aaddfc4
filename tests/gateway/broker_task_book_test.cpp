#include <doctest/doctest.h>

#include "gateway/broker/task_book.hpp"
#include "tests/gateway/broker_stage.hpp"

namespace toolgate::test {
namespace {

struct Fixture {
  Fixture() { start_cryptography(); }
  StateSeal seal = StateSeal::generate();
  TaskBook book{seal};
  ServerName files{"files"};
  ServerName notes{"notes"};
  AgentName alice{"alice"};
  AgentName bob{"bob"};

  std::string add(const ServerName& server, const std::string& id, const AgentName& agent,
                  const std::string& tool = "read") {
    return book.add(TaskEntry{server, id, agent, tool});
  }
  std::string to_agent(const std::string& json, const AgentName& agent) {
    return book.to_agent(document_of(json).root(), files, agent).value_or("(as it was)");
  }
  std::optional<std::string> to_server(const std::string& json, const AgentName& agent) {
    Document document = document_of(json);
    Rewrite rewrite(document.text());
    if (!book.rewrite_for_server(rewrite, document.root(), agent, files)) return std::nullopt;
    return std::move(rewrite).apply();
  }
};

TEST_CASE_FIXTURE(Fixture, "tasks: ids of the broker's own, one for each task") {
  std::string first = add(files, "t", alice);
  CHECK(first.starts_with("tg-"));
  CHECK(add(files, "t", alice) == first);
  CHECK(add(notes, "t", alice) != first);
  CHECK(book.find(first)->server_id == "t");
  CHECK(book.find("t") == nullptr);
  CHECK(book.visible_id(files, "t") == first);
  CHECK(book.has_tasks(alice, files));
  CHECK_FALSE(book.has_tasks(bob, files));
}

TEST_CASE_FIXTURE(Fixture, "tasks: an id that a server uses again is a new task") {
  std::string of_alice = add(files, "t", alice);
  std::string of_bob = add(files, "t", bob);
  CHECK(of_alice != of_bob);
  CHECK(book.find(of_alice) == nullptr);
  CHECK(book.find(of_bob)->agent == bob);
  CHECK(add(files, "t", bob, "write") != of_bob);
}

TEST_CASE_FIXTURE(Fixture, "tasks: another gateway with the same key knows an id") {
  std::string id = add(files, "t", alice);
  TaskBook other(seal);
  REQUIRE(other.find(id) != nullptr);
  CHECK(other.find(id)->server == files);
  CHECK(other.find(id)->server_id == "t");
  CHECK(other.find(id)->agent == alice);
  CHECK(other.visible_id(files, "t") == id);
  StateSeal foreign = StateSeal::generate();
  CHECK(TaskBook(foreign).find(id) == nullptr);
  CHECK(other.find(id + "A") == nullptr);
}

TEST_CASE_FIXTURE(Fixture, "tasks: the oldest are forgotten") {
  std::string first = add(files, "0", alice);
  for (int at = 1; at <= 10'000; ++at) {
    book.add(TaskEntry{files, std::to_string(at), alice, "read"});
  }
  CHECK_FALSE(book.visible_id(files, "0"));
  CHECK(book.visible_id(files, "1"));
  CHECK(book.find(first)->server_id == "0");  // the id itself remembers
}

TEST_CASE_FIXTURE(Fixture, "tasks: answers carry the agent's ids and nothing of another's") {
  std::string own = add(files, "t1", alice);
  add(files, "t2", bob);
  CHECK(to_agent(R"({"content":[]})", alice) == "(as it was)");
  CHECK(to_agent(R"({"taskId":7,"task":[],"_meta":1})", alice) == "(as it was)");
  CHECK(to_agent(R"({"task": {"taskId":"t1", "ttl":1.0}})", alice) ==
        R"({"task": {"taskId":")" + own + R"(", "ttl":1.0}})");
  CHECK(to_agent(R"({"taskId":"t2"})", alice) == R"({"taskId":"unknown"})");
  CHECK(to_agent(R"({"taskId":"t3"})", alice) == R"({"taskId":"unknown"})");
  CHECK(to_agent(R"({"tasks":[{"taskId":"t2"},{"taskId":"t1","x":1},{},7],"n":1})", alice) ==
        R"({"tasks":[{"taskId":")" + own + R"(","x":1}],"n":1})");
  CHECK(to_agent(R"({"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t1"}}})", alice) ==
        R"({"_meta":{"io.modelcontextprotocol/related-task":{"taskId":")" + own + R"("}}})");
}

TEST_CASE_FIXTURE(Fixture, "tasks: requests reach the agent's own tasks alone") {
  std::string own = add(files, "t\n1", alice);
  std::string other = add(files, "t2", bob);
  std::string elsewhere = add(notes, "t3", alice);
  CHECK(to_server(R"({"taskId":")" + own + R"("})", alice) == R"({"taskId":"t\n1"})");
  CHECK(to_server(R"({"n":1.0})", alice) == R"({"n":1.0})");
  for (const std::string& id : {other, elsewhere, std::string("t2"), std::string()}) {
    CHECK_FALSE(to_server(R"({"taskId":")" + id + R"("})", alice));
    CHECK_FALSE(to_server(
        R"({"_meta":{"io.modelcontextprotocol/related-task":{"taskId":")" + id + R"("}}})", alice));
  }
}

TEST_CASE("tasks: which results make one") {
  CHECK(created_task(document_of(R"({"task":{"taskId":"t"}})").root()) == "t");
  for (const char* json :
       {R"({})", R"({"task":"t"})", R"({"task":{"taskId":1}})", R"({"taskId":"t"})"}) {
    CHECK_FALSE(created_task(document_of(json).root()));
  }
}

}  // namespace
}  // namespace toolgate::test

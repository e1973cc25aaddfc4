#include <doctest/doctest.h>

#include "gateway/broker/policy.hpp"

namespace toolgate {
namespace {

struct Fixture {
  Configuration configuration;
  CatalogueItem item;

  Fixture() {
    ServerEntry files;
    files.name = ServerName("files");
    files.tools["write"].decision = ToolPolicy::Decision::deny;
    files.tools["write"].reason = "read only";
    files.tools["read"].decision = ToolPolicy::Decision::allow;
    configuration.servers.push_back(files);
    configuration.agents["bob"].servers = {"notes"};
    configuration.agents["carol"].tools = {"files__read"};
    configuration.agents["dave"];
    item.server = ServerName("files");
    name("read");
  }
  void name(const std::string& key) {
    item.key = key;
    item.exposed = "files__" + key;
  }
  bool sees(const char* agent) const { return Policy(configuration).sees(AgentName(agent), item); }
  Result<Permit> decide(const char* agent) const {
    return Policy(configuration).decide(AgentName(agent), item);
  }
};

TEST_CASE_FIXTURE(Fixture, "policy: who sees what") {
  CHECK(sees("alice"));  // no profile: everything
  CHECK(sees("dave"));   // a profile that says nothing
  CHECK_FALSE(sees("bob"));
  CHECK(sees("carol"));
  name("write");
  CHECK_FALSE(sees("carol"));
  // A list of tools is about tools.
  item.kind = ItemKind::prompt;
  CHECK(sees("carol"));
  item.kind = ItemKind::tool;
  item.hidden = true;
  CHECK_FALSE(sees("alice"));
}

TEST_CASE_FIXTURE(Fixture, "policy: what is decided, and by which rule") {
  CHECK(decide("alice")->rule() == "mcpServers.files.toolgate.tools");
  name("other");
  CHECK(decide("alice")->rule() == "default");
  name("write");
  auto denied = decide("alice");
  REQUIRE_FALSE(denied);
  CHECK(denied.refusal().reason == Reason::denied);
  CHECK(denied.refusal().detail == "the configuration denies 'files__write': read only");
  // Policy is by tool: a prompt of that name is another thing.
  item.kind = ItemKind::prompt;
  CHECK(decide("alice"));
}

TEST_CASE_FIXTURE(Fixture, "policy: what an agent does not see, it may not call") {
  CHECK_FALSE(decide("bob"));
  item.hidden = true;
  CHECK_FALSE(decide("alice"));
  item.hidden = false;
  item.server = ServerName("gone");
  CHECK_FALSE(decide("alice"));
}

}  // namespace
}  // namespace toolgate

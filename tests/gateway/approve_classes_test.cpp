// Approving by the class of a change: of what was shown last, and nothing of another class.

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>

#include "tests/gateway/cli_support.hpp"

namespace toolgate {
namespace {

using test::CommandLine;
using test::contains;
using test::Outcome;

struct Fixture {
  CommandLine toolgate;

  Fixture() {
    toolgate.must({"init"});
    std::ofstream(toolgate.folder() / "toolgate.json")
        << R"({"mcpServers": {"files": {"command": "cat"}}})";
    test::show(toolgate, "files",
               {{ItemKind::tool, "less", "[]", "narrowed"},
                {ItemKind::tool, "same", "[]", "cosmetic"},
                {ItemKind::tool, "more", "[]", "widened"},
                {ItemKind::tool, "told", "[]", "instruction-bearing"},
                {ItemKind::tool, "more too", "[]", "widened"},
                {ItemKind::prompt, "kept", "[]", ""}});
  }
  std::vector<std::string> approved() const {
    auto all = toolgate.store()->approvals();
    REQUIRE(all);
    std::vector<std::string> keys;
    for (const StoredApproval& one : *all) keys.push_back(one.definition.key);
    return keys;
  }
};

TEST_CASE_FIXTURE(Fixture,
                  "classes: only those that were named are approved, and the rest is told") {
  const std::string out = toolgate.must({"approve", "files", "--class", "cosmetic,narrowed"});
  CHECK(approved() == std::vector<std::string>{"less", "same"});
  CHECK(contains(out, "approved 2 of files"));
  CHECK(contains(out, "left 4 of files (1 instruction-bearing, 2 widened, 1 without a class)"));
  const std::string records = toolgate.must({"audit", "query", "--kind", "approval", "--json"});
  CHECK(contains(records, "of the class narrowed"));
}

TEST_CASE_FIXTURE(Fixture, "classes: with names, what is both named and of the class") {
  toolgate.must({"approve", "files", "more", "less", "--class", "widened"});
  CHECK(approved() == std::vector<std::string>{"more"});
}

TEST_CASE_FIXTURE(Fixture, "classes: none of them, no class, and words that are none") {
  const std::string out = toolgate.must({"approve", "files", "--class", "annotation-flipped"});
  CHECK(contains(out, "nothing of files waits for approval that is of these classes"));
  for (const char* wrong : {"", "cosmetic,", "harmless", "Cosmetic"}) {
    CAPTURE(wrong);
    const Outcome outcome = toolgate({"approve", "files", "--class", wrong});
    CHECK(outcome.status == 2);
    CHECK(contains(outcome.error, "annotation-flipped"));
  }
  CHECK(approved().empty());
}

TEST_CASE_FIXTURE(Fixture, "classes: what review showed last decides, not what was shown before") {
  test::show(toolgate, "files", {{ItemKind::tool, "less", "[]", "instruction-bearing"}});
  toolgate.must({"approve", "files", "--class", "cosmetic,narrowed"});
  CHECK(approved().empty());
}

TEST_CASE_FIXTURE(Fixture, "classes: --json prints what was approved, and stderr what was left") {
  const Outcome outcome = toolgate({"approve", "files", "--class", "cosmetic", "--json"});
  CHECK(outcome.status == 0);
  CHECK(test::lines(outcome.out) == 1);
  CHECK(test::member(outcome.out, "tool") == "same");
  CHECK(test::member(outcome.out, "class") == "cosmetic");
  CHECK(contains(outcome.error, "left 5 of files"));
}

}  // namespace
}  // namespace toolgate

// What a review says of each thing that a server offers.

#include "gateway/cli/reviewed.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "gateway/core/clock.hpp"

namespace toolgate {
namespace {

constexpr const char* known = R"({"name":"read","description":"Reads a note"})";

struct Fixture {
  ServerEntry entry;
  Approved approved;
  InspectionGate gate{all_inspectors()};
  std::vector<NamedItem> names;

  Fixture() {
    entry.name = ServerName("files");
    entry.argv = {"files"};
    entry.prefix = "files__";
  }
  void approve(const std::string& key, const std::string& json, std::int64_t expires_ns = 0) {
    Definition definition{ItemKind::tool, key, json};
    auto pinned = pin(entry.identity(), definition);
    REQUIRE(pinned);
    Approval approval{.server = "files",
                      .identity = entry.identity(),
                      .kind = ItemKind::tool,
                      .key = key,
                      .pin = pinned->pin,
                      .scopes = entry.scope_digest(),
                      .findings = "[]",
                      .who = "ann",
                      .time_ns = 1,
                      .expires_ns = expires_ns};
    approved.book.add(approval);
    approved.items.push_back(ApprovedItem{approval, definition});
  }
  std::vector<Reviewed> review(const std::vector<std::pair<std::string, std::string>>& tools) {
    Offer offer;
    for (const auto& [key, json] : tools) offer.items.push_back({ItemKind::tool, key, json});
    return review_offer(entry, offer, approved, {}, gate, names);
  }
  Reviewed one(const std::string& json) {
    auto items = review({{"read", json}});
    REQUIRE(!items.empty());
    return items.front();
  }
};

std::string told(const Reviewed& item) { return item.state + " " + class_text(item); }

TEST_CASE_FIXTURE(Fixture, "reviewed: what nobody approved is new") {
  const Reviewed item = one(known);
  CHECK(told(item) == "new new");
  CHECK(item.exposed == "files__read");
  CHECK(item.changes.empty());
}

TEST_CASE_FIXTURE(Fixture, "reviewed: approved as it is, in whatever spelling") {
  approve("read", known);
  CHECK(told(one(known)) == "approved ");
  CHECK(told(one(R"({"description":"Reads \u0061 note", "name":"read"})")) == "approved ");
}

TEST_CASE_FIXTURE(Fixture, "reviewed: changed, of the class of its riskiest change") {
  approve("read", known);
  CHECK(told(one(R"({"name":"read","description":"Reads  a note"})")) == "changed cosmetic");
  CHECK(told(one(
            R"({"name":"read","description":"Reads a note","inputSchema":{"type":"object"}})")) ==
        "changed narrowed");
  CHECK(told(one(R"({"name":"read","description":"Sends a note","inputSchema":{}})")) ==
        "changed instruction-bearing");
}

TEST_CASE_FIXTURE(Fixture, "reviewed: other scopes may be wider, whatever else changed") {
  approve("read", known);
  entry.files.push_back(FileScope{.path = "/srv", .mode = FileMode::ro});
  const Reviewed item = one(known);
  CHECK(told(item) == "changed widened");
  CHECK(item.changes.empty());
  CHECK(told(one(R"({"name":"read","description":"Reads  a note"})")) == "changed widened");
  CHECK(told(one(R"({"name":"read","description":"Sends a note"})")) ==
        "changed instruction-bearing");
}

TEST_CASE_FIXTURE(Fixture, "reviewed: an approval that has expired decides nothing any more") {
  approve("read", known, 2);
  CHECK(told(one(known)) == "changed new");
}

TEST_CASE_FIXTURE(Fixture,
                  "reviewed: another command is new, beside what was approved of it before") {
  approve("read", known);
  entry.argv = {"files", "--more"};
  const Reviewed changed = one(R"({"name":"read","description":"Sends a note"})");
  CHECK(told(changed) == "new new");
  CHECK(changed.was_elsewhere);
  REQUIRE(changed.changes.size() == 1);
  CHECK(changed.changes[0].path == "/description");
  const Reviewed same = one(known);
  CHECK(told(same) == "new new");
  CHECK(same.was_elsewhere);
  CHECK(same.changes.empty());
}

TEST_CASE_FIXTURE(Fixture, "reviewed: what is offered no more, and what took its place by name") {
  approve("read", known);
  const auto items = review({{"peek", R"({"name":"peek","description":"Reads a note"})"}});
  REQUIRE(items.size() == 2);
  CHECK(told(items[0]) == "new new");
  REQUIRE(items[0].findings.size() == 1);
  CHECK(items[0].findings[0].id == "name.renamed");
  CHECK(told(items[1]) == "missing ");
}

TEST_CASE_FIXTURE(Fixture, "reviewed: what has no pin is refused") {
  const Reviewed item = one(R"({"name":"read","n":9007199254740993})");
  CHECK(told(item) == "refused ");
  CHECK_FALSE(item.pin);
}

}  // namespace
}  // namespace toolgate

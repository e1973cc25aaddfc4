#include <doctest/doctest.h>

#include <set>

#include "gateway/broker/catalogue.hpp"
#include "inspectors/inspector.hpp"
#include "tests/gateway/broker_stage.hpp"

namespace toolgate::test {
namespace {

ServerEntry entry_named(const std::string& name, const std::string& command = "files") {
  ServerEntry entry;
  entry.name = ServerName(name);
  entry.argv = {command};
  entry.prefix = name + "__";
  return entry;
}

// Approves everything in these offers for that entry.
void approve(Approved& approved, const ServerEntry& entry, const std::string& offers,
             std::int64_t time_ns = 1, std::int64_t expires_ns = 0) {
  for (Definition& definition : definitions_in(offers)) {
    Approval approval{.server = entry.name.text(),
                      .identity = entry.identity(),
                      .kind = definition.kind,
                      .key = definition.key,
                      .pin = pin(entry.identity(), definition)->pin,
                      .scopes = entry.scope_digest(),
                      .findings = "[]",
                      .who = "test",
                      .time_ns = time_ns,
                      .expires_ns = expires_ns};
    approved.book.add(approval);
    approved.items.push_back(ApprovedItem{approval, std::move(definition)});
  }
}

Offer offer_of(const std::string& offers) {
  Offer offer;
  offer.items = definitions_in(offers);
  return offer;
}

constexpr const char* one_tool = R"({"tools":[{"name":"read","inputSchema":{}}]})";

struct Fixture {
  InspectionGate gate{all_inspectors()};
  Approved approved;
  ServerEntry entry = entry_named("files");
  Catalogue catalogue;

  const CatalogueItem& only(const Offer* offer, std::int64_t now_ns = 100) {
    catalogue = Catalogue();
    catalogue.add(entry, offer, approved, gate, now_ns);
    REQUIRE(catalogue.items(ItemKind::tool).size() == 1);
    return catalogue.items(ItemKind::tool).front();
  }
};

TEST_CASE("exposed names: what harnesses can take") {
  std::string long_name(128, 'a');
  CHECK(exposed_name("files__", "read") == "files__read");
  CHECK(exposed_name("", "read.All-1") == "read.All-1");
  CHECK(exposed_name("", long_name) == long_name);
  for (const auto& [prefix, name] :
       std::vector<std::pair<std::string, std::string>>{{"files__", "read it"},
                                                        {"files__", "caf\xC3\xA9"},
                                                        {"", long_name + "a"},
                                                        {"files__", std::string(58, 'a')},
                                                        {"files__", std::string(500, 'b')},
                                                        {"", ""}}) {
    CAPTURE(name);
    std::string exposed = exposed_name(prefix, name);
    CHECK(exposed.size() <= (prefix.empty() ? 128 : 64));
    CHECK(exposed.find_first_not_of(
              "abcdefghijklmnopqrstuvwxyz0123456789_.-ABCDEFGHIJKLMNOPQRSTUVWXYZ") ==
          std::string::npos);
    CHECK(exposed == exposed_name(prefix, name));
  }
  CHECK(exposed_name("files__", std::string(57, 'a')).size() == 64);
  CHECK(exposed_name("f__", "a b") != exposed_name("f__", "a/b"));
  CHECK(exposed_name("f__", std::string(90, 'a')) != exposed_name("f__", std::string(91, 'a')));
}

TEST_CASE("templates: which URIs could have been made from them") {
  struct Row {
    const char* uri_template;
    const char* uri;
    bool matches;
  };
  for (const Row& row : {Row{"file:///{name}", "file:///a", true},
                         {"file:///{name}", "file:///a/b", false},
                         {"file:///{name}", "file:///", false},
                         {"file:///{+path}", "file:///a/b", true},
                         {"file:///{+path}", "file:///", true},
                         {"note:///{id}/text", "note:///7/text", true},
                         {"note:///{id}/text", "note:///7/8/text", false},
                         {"{a}{b}", "xy", true},
                         {"{a}{b}", "x", false},
                         {"{a}-{a}", "x-y", true},
                         {"db://{table}{?where,limit}", "db://t?where=1&limit=2", true},
                         {"db://{table}{?where,limit}", "db://t", true},
                         {"x{/seg}", "x/y", true},
                         {"plain", "plain", true},
                         {"plain", "plain2", false},
                         {"", "", true},
                         {"{}", "a", false},
                         {"{open", "{open", false},
                         {"a{x}", "b1", false},
                         {"{x}", "caf%C3%A9", true}}) {
    CAPTURE(row.uri_template);
    CAPTURE(row.uri);
    CHECK(matches_template(row.uri_template, row.uri) == row.matches);
  }
  // Not a matter of time, whatever a server lists.
  std::string evil;
  for (int at = 0; at < 200; ++at) evil += "{+a}a";
  CHECK_FALSE(matches_template(evil, std::string(8'000, 'a') + "b"));
  CHECK_FALSE(matches_template("{+a}", std::string(8'193, 'a')));
}

TEST_CASE_FIXTURE(Fixture, "catalogue: what a server offers stands as its approval says") {
  Offer offer = offer_of(one_tool);
  CHECK(only(&offer).standing == Standing::fresh);
  CHECK(catalogue.counts(entry.name).fresh == 1);

  approve(approved, entry, one_tool);
  CHECK(only(&offer).standing == Standing::approved);
  CHECK(only(&offer).verified);
  CHECK(only(&offer).listed->json() == R"({"name":"files__read","inputSchema":{}})");
  CHECK(catalogue.counts(entry.name).approved == 1);
  CHECK(catalogue.counts(ServerName("other")).approved == 0);

  Offer changed = offer_of(R"({"tools":[{"name":"read","inputSchema":{},"title":"x"}]})");
  CHECK(only(&changed).standing == Standing::changed);
  CHECK_FALSE(only(&changed).verified);
  CHECK_FALSE(only(&changed).listed);
  CHECK(catalogue.counts(entry.name).held == 1);

  Offer nothing;
  CHECK(only(&nothing).standing == Standing::missing);
  CHECK_FALSE(only(&nothing).is_listed(100));
}

TEST_CASE_FIXTURE(Fixture, "catalogue: scopes that were changed hold what was approved") {
  approve(approved, entry, one_tool);
  entry.files.push_back(FileScope{.path = "/etc"});
  Offer offer = offer_of(one_tool);
  CHECK(only(&offer).standing == Standing::changed);
  catalogue = Catalogue();
  catalogue.add(entry, nullptr, approved, gate, 100);
  REQUIRE(catalogue.items(ItemKind::tool).size() == 1);
  CHECK(catalogue.items(ItemKind::tool).front().standing == Standing::changed);
}

TEST_CASE_FIXTURE(Fixture, "catalogue: an approval that expires lists nothing afterwards") {
  approve(approved, entry, one_tool, 1, 200);
  Offer offer = offer_of(one_tool);
  CHECK(only(&offer, 100).is_listed(199));
  CHECK_FALSE(only(&offer, 100).is_listed(200));
  CHECK(only(&offer, 200).standing == Standing::changed);
}

TEST_CASE_FIXTURE(Fixture,
                  "catalogue: before the start the last review counts, and calls nothing") {
  approve(approved, entry, one_tool);
  CHECK(only(nullptr).standing == Standing::approved);
  CHECK(only(nullptr).listed);
  CHECK_FALSE(only(nullptr).verified);
}

TEST_CASE_FIXTURE(Fixture, "catalogue: two names of one server do not collide with each other") {
  // The entry was renamed: both approvals are for one identity, and the newer one counts.
  approve(approved, entry_named("old"), one_tool, 1);
  approve(approved, entry, one_tool, 2);
  CHECK(only(nullptr).standing == Standing::approved);
  CHECK_FALSE(catalogue.is_ambiguous(catalogue.items(ItemKind::tool).front()));
  approve(approved, entry, R"({"tools":[{"name":"read","inputSchema":{"a":1}}]})", 3);
  CHECK(only(nullptr).listed->json() == R"({"name":"files__read","inputSchema":{"a":1}})");
}

TEST_CASE_FIXTURE(Fixture, "catalogue: one exposed name of two servers is ambiguous") {
  ServerEntry other = entry_named("notes", "notes");
  entry.prefix = other.prefix = "";
  approve(approved, entry, one_tool);
  approve(approved, other, one_tool);
  Offer offer = offer_of(one_tool);
  catalogue.add(entry, &offer, approved, gate, 100);
  std::string alone = catalogue.fingerprint(ItemKind::tool);
  catalogue.add(other, &offer, approved, gate, 100);
  CHECK(catalogue.find(ItemKind::tool, "read").size() == 2);
  CHECK(catalogue.is_ambiguous(catalogue.items(ItemKind::tool).front()));
  CHECK(catalogue.fingerprint(ItemKind::tool) != alone);
  CHECK(catalogue.fingerprint(ItemKind::prompt) == Catalogue().fingerprint(ItemKind::prompt));
}

TEST_CASE_FIXTURE(Fixture, "catalogue: a definition that deceives is withheld, approved or not") {
  std::string hidden = R"({"tools":[{"name":"read","inputSchema":{},"title":"\udb40\udc41"}]})";
  approve(approved, entry, hidden);
  Offer offer = offer_of(hidden);
  CHECK(only(&offer).standing == Standing::withheld);
  CHECK(only(nullptr).standing == Standing::withheld);
  CHECK(catalogue.counts(entry.name).held == 1);
}

}  // namespace
}  // namespace toolgate::test

// Names that shadow, resemble or replace others.

#include "gateway/broker/name_findings.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace toolgate {
namespace {

struct Row {
  const char* name;
  std::string key;
  std::vector<NamedItem> others;
  std::vector<std::string> findings;  // "id severity"
};

std::vector<std::string> told(const std::vector<Finding>& findings) {
  std::vector<std::string> lines;
  for (const Finding& one : findings) {
    lines.push_back(one.id + " " + std::string(severity_name(one.severity)));
  }
  return lines;
}

NamedItem tool(const char* server, const std::string& key) {
  return NamedItem{server, ItemKind::tool, key};
}

TEST_CASE("names: beside those of the same and of other servers") {
  const std::vector<Row> rows = {
      {"alone", "add_note", {tool("a", "add_note")}, {}},
      {"on another server too", "add_note", {tool("b", "add_note")}, {"name.shadow soft"}},
      {"of another kind", "add_note", {{"b", ItemKind::prompt, "add_note"}}, {}},
      {"one that a harness brings", "Bash", {}, {"name.shadow note"}},
      {"a lookalike letter", "add_n\u043ete", {tool("b", "add_note")}, {"name.similar soft"}},
      {"a lookalike on the same server",
       "add_n0te",
       {tool("a", "add_note")},
       {"name.similar soft"}},
      {"other separators", "addNote", {tool("b", "add_note")}, {"name.similar soft"}},
      {"a letter more, elsewhere", "add_notes", {tool("b", "add_note")}, {"name.similar note"}},
      {"a letter more, on the same server", "add_notes", {tool("a", "add_note")}, {}},
      {"two letters changed places", "add_ntoe", {tool("b", "add_note")}, {"name.similar note"}},
      {"short names say nothing", "add", {tool("b", "and")}, {}},
      {"others", "add_note", {tool("b", "read_mail"), tool("c", "x")}, {}},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.name));
    CHECK(told(name_findings("a", Definition{ItemKind::tool, row.key, "{}"}, row.others)) ==
          row.findings);
  }
}

TEST_CASE("names: no word of a server stands in a finding") {
  const auto findings = name_findings("a", Definition{ItemKind::tool, "evil_name", "{}"},
                                      std::vector<NamedItem>{tool("b", "evil_name")});
  REQUIRE(findings.size() == 1);
  CHECK(findings[0].why.find("evil_name") == std::string::npos);
  CHECK(findings[0].why.find("'b'") != std::string::npos);
}

TEST_CASE("names: an approved definition that comes back under another name") {
  const Definition known{ItemKind::tool, "send", R"({"name":"send","description":"Sends","n":1})"};
  const std::vector<Definition> gone = {known};
  const auto found = [&](const char* key, const char* json) {
    return told(renamed_findings(Definition{ItemKind::tool, key, json}, gone));
  };
  CHECK(found("post", R"({"n":1.0,"description":"S\u0065nds","name":"post"})") ==
        std::vector<std::string>{"name.renamed soft"});
  CHECK(found("post", R"({"name":"post","description":"Sends","n":2})").empty());
  CHECK(found("send", known.json.c_str()).empty());
  CHECK(renamed_findings(known, {}).empty());
}

}  // namespace
}  // namespace toolgate

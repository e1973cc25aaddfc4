#include <doctest/doctest.h>

#include "connectors/sandbox/protected_names.hpp"

namespace toolgate {
namespace {

TEST_CASE("protected names: a path is protected by its end, at any depth") {
  const auto names = ProtectedNames::make({".env", "!.vscode", "plans/secret.md"});
  REQUIRE(names);
  struct Row {
    const char* path;
    const char* by;  // "": not at all
    Protection protection = Protection::unchanged;
  };
  const Row rows[] = {
      {".git/hooks", ".git/hooks"},
      {"sub/project/.git/hooks", ".git/hooks"},
      {".git", ""},
      {".git/objects", ""},
      {"x.git/hooks", ""},
      {".mcp.json", ".mcp.json"},
      {"a/.mcp.json", ".mcp.json"},
      {".mcp.json.bak", ""},
      {"my.mcp.json", ""},
      {".vscode", ""},
      {".env", ".env"},
      {"deep/down/.env", ".env"},
      {".environment", ""},
      {"plans/secret.md", "plans/secret.md"},
      {"other/secret.md", ""},
      {"a/plans/secret.md", "plans/secret.md"},
      {".ssh", ".ssh", Protection::hidden},
      {"backup/.aws", ".aws", Protection::hidden},
      {".config/gh", ".config/gh", Protection::hidden},
      {".config/other", ""},
      {"", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.path);
    const ProtectedName* found = names->find(row.path);
    CHECK((found == nullptr ? std::string() : found->name) == row.by);
    if (found != nullptr) CHECK(found->protection == row.protection);
  }
}

TEST_CASE("protected names: what is no name is refused") {
  for (const char* change :
       {"", "/etc", "a//b", "../x", "a/..", "./a", "a/", "!", "!nothing", "."}) {
    CAPTURE(change);
    CHECK_FALSE(ProtectedNames::make({change}));
  }
  CHECK_FALSE(ProtectedNames::make({std::string("a\0b", 3)}));
  CHECK(ProtectedNames::make({".git/hooks"}));  // on the list already: no harm
}

}  // namespace
}  // namespace toolgate

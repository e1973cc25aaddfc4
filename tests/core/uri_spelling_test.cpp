#include "gateway/core/uri_spelling.hpp"

#include <doctest/doctest.h>

namespace toolgate {
namespace {

TEST_CASE("URIs: which are plain") {
  struct Row {
    const char* name;
    std::string uri;
    bool plain;
  };
  const Row rows[] = {
      {"an authority alone", "skill://pdf", true},
      {"segments", "skill://acme/pdf/SKILL.md", true},
      {"an empty authority", "file:///srv/skills/pdf/SKILL.md", true},
      {"escapes of harmless characters", "skill://pdf/Q%26A%20%C3%A9.md", true},
      {"a percent sign", "skill://pdf/100%25.md", true},
      {"a percent sign that escapes nothing", "skill://pdf/100%.md", true},
      {"dots in names", "skill://pdf/.../a..b/..c", true},
      {"no scheme", "//pdf/SKILL.md", false},
      {"a scheme that is none", "1skill://pdf", false},
      {"nothing before the colon", "://pdf", false},
      {"one slash", "skill:/pdf", false},
      {"no slash", "skill:pdf", false},
      {"nothing behind", "skill://", false},
      {"nothing at all", "", false},
      {"a slash at the end", "skill://pdf/", false},
      {"an empty segment", "skill://acme//pdf", false},
      {"dot", "skill://acme/./pdf", false},
      {"dot dot", "skill://acme/../pdf", false},
      {"dot dot as the authority", "skill://../pdf", false},
      {"dot dot in escapes", "skill://acme/%2e%2E/pdf", false},
      {"dot dot in escapes of escapes", "skill://acme/%252e%25252e/pdf", false},
      {"a slash in an escape", "skill://acme%2Fpdf/SKILL.md", false},
      {"a backslash", "skill://acme\\pdf", false},
      {"a backslash in an escape", "skill://acme%5cpdf", false},
      {"a NUL in an escape", "skill://pdf/SKILL.md%00.png", false},
      {"a query", "skill://pdf/SKILL.md?v=1", false},
      {"a fragment", "skill://pdf/SKILL.md#top", false},
      {"a space", "skill://pdf/a b", false},
      {"no ASCII", "skill://pdf/\xC3\xA9", false},
      {"a line end", "skill://pdf/a\n", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(is_plain_uri(row.uri) == row.plain);
  }
}

TEST_CASE("URIs: one place has one folded spelling") {
  CHECK(folded_uri("SKILL://Acme/p%64%46/%53KILL.md") == "skill://acme/pdf/skill.md");
  CHECK(folded_uri("skill://acme/p%2564f") == "skill://acme/pdf");
  CHECK(folded_uri("skill://acme/%25%32%35%36%34") == "skill://acme/d");
  CHECK(folded_uri("skill:///pdf") == folded_uri("skill://pdf"));
  CHECK(folded_uri("skill://%2F/pdf") == folded_uri("skill://pdf"));
  CHECK(folded_uri("skill://") == "skill://");
  CHECK(unescaped_uri("skill://Acme/%zz%4") == "skill://Acme/%zz%4");
  CHECK(uri_scheme("SKILL+x://a") == "skill+x");
  CHECK(uri_scheme("no colon") == "");
}

TEST_CASE("URIs: what lies in a directory") {
  CHECK(lies_in("skill://pdf", "skill://pdf"));
  CHECK(lies_in("skill://pdf", "skill://pdf/a/b"));
  CHECK(!lies_in("skill://pdf", "skill://pdf2/a"));
  CHECK(!lies_in("skill://pdf", "skill://pd"));
}

}  // namespace
}  // namespace toolgate

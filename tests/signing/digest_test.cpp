#include "signing/digest.hpp"

#include <doctest/doctest.h>

namespace toolgate {
namespace {

TEST_CASE("a digest is SHA-256 over the domain, the length and the bytes") {
  // printf 'toolgate\0test\0\0\0\0\0\0\0\0\3abc' | sha256sum
  CHECK(digest("test", "abc").text() ==
        "sha256:d8b114d470d762795dffae6809ad4a2fce46583a2efbfa7fd47a9f6566a532a8");
  // printf 'toolgate\0test\0\0\0\0\0\0\0\0\0' | sha256sum
  CHECK(digest("test", "").text() ==
        "sha256:e064ce1082f9d7a4ceaa2263662b5cea1b14a3bbcfbc54cfc031340e4720f4d8");
}

TEST_CASE("domains keep digests apart") {
  CHECK(digest("a", "bytes") != digest("b", "bytes"));
  CHECK(digest("a", "bytes") == digest("a", "bytes"));
  CHECK(digest("a", "bytes") != digest("a", "bytes "));
}

TEST_CASE("the text of a digest is read strictly") {
  auto whole = digest("test", "abc");
  auto text = whole.text();
  auto again = Digest::parse(text);
  REQUIRE(again);
  CHECK(*again == whole);

  struct Row {
    const char* name;
    std::string text;
  };
  const Row rows[] = {
      {"empty", ""},
      {"no algorithm", text.substr(7)},
      {"another algorithm", "sha512:" + text.substr(7)},
      {"upper case", "sha256:" + std::string(64, 'A')},
      {"too short", text.substr(0, text.size() - 1)},
      {"too long", text + "0"},
      {"no hex", text.substr(0, text.size() - 1) + "g"},
      {"a NUL", text.substr(0, text.size() - 1) + std::string(1, '\0')},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    CHECK_FALSE(Digest::parse(row.text));
  }
}

}  // namespace
}  // namespace toolgate

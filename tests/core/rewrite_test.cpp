#include "gateway/core/rewrite.hpp"

#include <doctest/doctest.h>

namespace toolgate {
namespace {

Document read(std::string text) {
  auto document = parse_document(Untrusted<std::string>(std::move(text)), JsonLimits{});
  REQUIRE(document);
  return *document;
}

TEST_CASE("without edits the text stays") {
  const std::string text = "{ \"a\" : 1 }";
  Rewrite rewrite(text);
  CHECK(rewrite.empty());
  CHECK(std::move(rewrite).apply() == text);
}

TEST_CASE("a value is replaced and all other bytes stay") {
  const Document document = read(R"({ "id" : 7 , "x":[1.50, 2], "s":"\u0041" })");
  Rewrite rewrite(document.text());
  rewrite.replace(*document.root().find("s"), R"("B")");
  rewrite.replace(*document.root().find("id"), R"("long id")");
  rewrite.replace(document.root().find("x")->elements()[1], "");
  CHECK_FALSE(rewrite.empty());
  CHECK(std::move(rewrite).apply() == R"({ "id" : "long id" , "x":[1.50, ], "s":"B" })");
}

TEST_CASE("a slice is rewritten with the document's offsets") {
  const Document document = read(R"({"a":0,"params":{"name":"x__y","z":1}})");
  const Value params = *document.root().find("params");
  Rewrite rewrite(params.raw(), params.begin());
  rewrite.replace(*params.find("name"), R"("y")");
  CHECK(std::move(rewrite).apply() == R"({"name":"y","z":1})");
}

TEST_CASE("insertions at the ends, and before a replacement") {
  Rewrite rewrite("abc");
  rewrite.replace(3, 3, ">");
  rewrite.replace(0, 1, "A");
  rewrite.replace(0, 0, "<");
  CHECK(std::move(rewrite).apply() == "<Abc>");
}

TEST_CASE("the whole text can be replaced") {
  Rewrite rewrite("abc");
  rewrite.replace(0, 3, "");
  CHECK(std::move(rewrite).apply().empty());
}

}  // namespace
}  // namespace toolgate

// The parser's table of keys and the JSON Schema that is shipped must be the same list.
#include <doctest/doctest.h>

#include <set>
#include <string>

#include "gateway/config/configuration.hpp"
#include "gateway/config/keys.hpp"
#include "gateway/core/document.hpp"

using namespace toolgate;
using config::Key;
using config::Section;
using config::Shape;

namespace {

// Follows {"$ref": "#/$defs/NAME"}.
Value resolved(const Value& root, const Value& schema) {
  const auto reference = schema.find("$ref");
  if (!reference) return schema;
  constexpr std::string_view start = "#/$defs/";
  const std::string text = reference->text();
  REQUIRE(text.starts_with(start));
  const auto found = root.find("$defs")->find(text.substr(start.size()));
  REQUIRE_MESSAGE(found, text);
  return *found;
}

std::string type_of(const Value& schema) {
  const auto type = schema.find("type");
  return type ? type->text() : "any";
}

void compare(const Value& root, const Value& schema, const Section& section,
             const std::string& where);

void compare_key(const Value& root, const Value& schema, const Key& key, const std::string& where) {
  CAPTURE(where);
  const std::string type = type_of(schema);
  const auto items = schema.find("items");
  const auto additional = schema.find("additionalProperties");
  switch (key.shape) {
    case Shape::text:
      CHECK(type == "string");
      break;
    case Shape::boolean:
      CHECK(type == "boolean");
      break;
    case Shape::integer:
      CHECK((type == "integer" || schema.find("const")));
      break;
    case Shape::array:
      CHECK(type == "array");
      break;
    case Shape::object:
      CHECK(type == "object");
      break;
    case Shape::any:
      CHECK(type == "any");
      break;
    case Shape::section:
      compare(root, schema, *key.section, where);
      break;
    case Shape::texts:
      CHECK(type == "array");
      REQUIRE(items);
      CHECK(type_of(*items) == "string");
      break;
    case Shape::text_map:
      CHECK(type == "object");
      REQUIRE(additional);
      CHECK(type_of(*additional) == "string");
      break;
    case Shape::sections:
      CHECK(type == "array");
      REQUIRE(items);
      compare(root, resolved(root, *items), *key.section, where + "[]");
      break;
    case Shape::map:
      CHECK(type == "object");
      REQUIRE(additional);
      compare(root, resolved(root, *additional), *key.section, where + ".*");
      break;
  }
  const auto description = schema.find("description");
  const bool says_refused =
      description && description->text().starts_with("Not enforced by this build: refused.");
  CHECK(says_refused == !key.not_enforced.empty());
}

void compare(const Value& root, const Value& schema, const Section& section,
             const std::string& where) {
  CAPTURE(where);
  CHECK(type_of(schema) == "object");
  const auto closed = schema.find("additionalProperties");
  REQUIRE(closed);
  REQUIRE(closed->is_boolean());
  CHECK(!closed->boolean());
  std::set<std::string> known;
  for (const Key& key : section.keys) known.insert(std::string(key.name));
  std::set<std::string> described;
  for (const Member& member : schema.find("properties")->members()) described.insert(member.name);
  CHECK(known == described);
  for (const Member& member : schema.find("properties")->members()) {
    const Key* key = section.find(member.name);
    if (key == nullptr) continue;
    // What is said beside a $ref counts for the key, the rest stands where it points.
    if (member.value.find("$ref") && key->shape == Shape::section) {
      compare(root, resolved(root, member.value), *key->section, where + "." + member.name);
      const bool says_refused = member.value.find("description")
                                    ->text()
                                    .starts_with("Not enforced by this build: refused.");
      CHECK_MESSAGE(says_refused == !key->not_enforced.empty(), member.name);
    } else {
      compare_key(root, member.value, *key, where + "." + member.name);
    }
  }
}

}  // namespace

TEST_CASE("the schema and the parser know the same keys") {
  const Result<Document> schema =
      parse_document(Untrusted<std::string>(std::string(configuration_schema())), JsonLimits{});
  REQUIRE(schema);
  const Value root = schema->root();
  CHECK(root.find("$schema")->equals("https://json-schema.org/draft/2020-12/schema"));
  compare(root, root, config::root_section(), "");
}

TEST_CASE("a mistyped key finds the one that was meant") {
  const std::vector<std::string_view> known{"command", "args", "env", "url", "headers", "prefix"};
  CHECK(config::nearest("comand", known) == "command");
  CHECK(config::nearest("Command", known) == "command");
  CHECK(config::nearest("arg", known) == "args");
  CHECK(config::nearest("header", known) == "headers");
  CHECK(config::nearest("perfix", known) == "prefix");
  CHECK(config::nearest("URL", known) == "url");
  CHECK(config::nearest("x", known).empty());
  CHECK(config::nearest("", known).empty());
  CHECK(config::nearest(std::string(100, 'a'), known).empty());
}

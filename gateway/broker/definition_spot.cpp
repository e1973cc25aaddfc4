#include "gateway/broker/definition_spot.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace toolgate {
namespace {

struct Row {
  std::string_view name;
  Spot spot;
};

template <std::size_t size>
std::optional<Spot> find(const std::array<Row, size>& rows, std::string_view name) {
  const auto found = std::ranges::find(rows, name, &Row::name);
  return found == rows.end() ? std::nullopt : std::optional<Spot>(found->spot);
}

constexpr std::array<Row, 7> tool_members{{
    {"name", Spot::text},
    {"title", Spot::text},
    {"description", Spot::text},
    {"inputSchema", Spot::schema},
    {"outputSchema", Spot::schema},
    {"annotations", Spot::annotations},
    {"execution", Spot::execution},
}};

constexpr std::array<Row, 4> prompt_members{{
    {"name", Spot::text},
    {"title", Spot::text},
    {"description", Spot::text},
    {"arguments", Spot::arguments},
}};

constexpr std::array<Row, 5> resource_members{{
    {"name", Spot::text},
    {"title", Spot::text},
    {"description", Spot::text},
    {"mimeType", Spot::media_type},
    {"annotations", Spot::annotations},
}};

constexpr std::array<Row, 4> argument_members{{
    {"name", Spot::text},
    {"title", Spot::text},
    {"description", Spot::text},
    {"required", Spot::argument_required},
}};

// JSON Schema, 2020-12 and the drafts before it.
constexpr std::array<Row, 55> keywords{{
    {"title", Spot::text},
    {"description", Spot::text},
    {"$comment", Spot::text},
    {"default", Spot::value},
    {"examples", Spot::value},
    {"example", Spot::value},
    {"enum", Spot::choices},
    {"const", Spot::constant},
    {"type", Spot::types},
    {"required", Spot::required},
    {"dependentRequired", Spot::dependent_required},
    {"properties", Spot::properties},
    {"patternProperties", Spot::pattern_properties},
    {"$defs", Spot::definitions},
    {"definitions", Spot::definitions},
    {"dependentSchemas", Spot::dependent_schemas},
    {"additionalProperties", Spot::open_schema},
    {"unevaluatedProperties", Spot::open_schema},
    {"items", Spot::open_schema},
    {"additionalItems", Spot::open_schema},
    {"unevaluatedItems", Spot::open_schema},
    {"contains", Spot::schema},
    {"propertyNames", Spot::schema},
    {"then", Spot::schema},
    {"else", Spot::schema},
    {"contentSchema", Spot::schema},
    {"not", Spot::reversed_schema},
    {"if", Spot::reversed_schema},
    {"anyOf", Spot::alternatives},
    {"oneOf", Spot::exclusive_alternatives},
    {"allOf", Spot::conjunction},
    {"prefixItems", Spot::positions},
    {"maximum", Spot::at_most},
    {"exclusiveMaximum", Spot::at_most},
    {"maxLength", Spot::at_most},
    {"maxItems", Spot::at_most},
    {"maxProperties", Spot::at_most},
    {"maxContains", Spot::at_most},
    {"minimum", Spot::at_least},
    {"exclusiveMinimum", Spot::at_least},
    {"minLength", Spot::at_least},
    {"minItems", Spot::at_least},
    {"minProperties", Spot::at_least},
    {"minContains", Spot::at_least},
    {"pattern", Spot::pattern},
    {"format", Spot::format},
    {"multipleOf", Spot::restriction},
    {"contentEncoding", Spot::dialect},
    {"contentMediaType", Spot::dialect},
    {"nullable", Spot::permission},
    {"$schema", Spot::dialect},
    {"$ref", Spot::dialect},
    {"$dynamicRef", Spot::dialect},
    {"$id", Spot::dialect},
    {"$anchor", Spot::dialect},
}};

bool is_schema(Spot spot) {
  switch (spot) {
    case Spot::schema:
    case Spot::open_schema:
    case Spot::property:
    case Spot::pattern_property:
    case Spot::definition:
    case Spot::alternative:
    case Spot::exclusive_alternative:
    case Spot::position:
    case Spot::reversed_schema:
      return true;
    default:
      return false;
  }
}

// Is nothing accepted beside the properties of this schema?
bool closes(const Value& schema) {
  const auto others = schema.find("additionalProperties");
  return others && others->is_boolean() && !others->boolean() && !schema.find("patternProperties");
}

// Are the names of this object's members the server's own choice?
bool names_things(Spot spot) {
  return spot == Spot::properties || spot == Spot::pattern_properties ||
         spot == Spot::definitions || spot == Spot::dependent_schemas ||
         spot == Spot::dependent_required || spot == Spot::unknown || spot == Spot::value ||
         spot == Spot::annotations;
}

Spot spot_below(Spot parent, std::string_view name) {
  switch (parent) {
    case Spot::tool:
      return find(tool_members, name).value_or(Spot::unknown);
    case Spot::prompt:
      return find(prompt_members, name).value_or(Spot::unknown);
    case Spot::resource:
      return find(resource_members, name).value_or(Spot::unknown);
    case Spot::argument:
      return find(argument_members, name).value_or(Spot::unknown);
    case Spot::annotations:
      return name == "title" ? Spot::text : Spot::annotations;
    case Spot::execution:
      return Spot::execution;
    case Spot::properties:
      return Spot::property;
    case Spot::pattern_properties:
      return Spot::pattern_property;
    case Spot::definitions:
      return Spot::definition;
    case Spot::dependent_schemas:
      return Spot::schema;
    case Spot::dependent_required:
      return Spot::required;
    case Spot::value:
    case Spot::constant:
    case Spot::choice:
      return Spot::value;
    default:
      return is_schema(parent) ? find(keywords, name).value_or(Spot::unknown) : Spot::unknown;
  }
}

}  // namespace

Where root_of(ItemKind kind) {
  Where where;
  switch (kind) {
    case ItemKind::tool:
      where.spot = Spot::tool;
      break;
    case ItemKind::prompt:
      where.spot = Spot::prompt;
      break;
    case ItemKind::resource:
    case ItemKind::resource_template:
      where.spot = Spot::resource;
      break;
    case ItemKind::instructions:
      where.spot = Spot::text;
      break;
    case ItemKind::capabilities:
    case ItemKind::skill:
      break;
  }
  return where;
}

Where member_below(const Where& parent, std::string_view name, const Value* parent_now) {
  Where where;
  where.spot = spot_below(parent.spot, name);
  where.is_reversible = parent.is_reversible || where.spot == Spot::reversed_schema ||
                        where.spot == Spot::definitions;
  where.is_spoken =
      (names_things(parent.spot) || where.spot == Spot::unknown) && !is_plain_word(name);
  if (where.spot == Spot::required && parent_now) where.properties = parent_now->find("properties");
  if (where.spot == Spot::properties) where.is_closed = parent_now && closes(*parent_now);
  if (where.spot == Spot::property) where.is_closed = parent.is_closed;
  return where;
}

Where element_below(const Where& parent) {
  Where where;
  where.is_reversible = parent.is_reversible;
  where.properties = parent.properties;
  switch (parent.spot) {
    case Spot::arguments:
      where.spot = Spot::argument;
      break;
    case Spot::alternatives:
      where.spot = Spot::alternative;
      break;
    case Spot::exclusive_alternatives:
      where.spot = Spot::exclusive_alternative;
      break;
    case Spot::conjunction:
      where.spot = Spot::schema;
      break;
    case Spot::positions:
    case Spot::open_schema:  // "items": [...] of the older drafts
      where.spot = Spot::position;
      break;
    case Spot::types:
      where.spot = Spot::type;
      break;
    case Spot::choices:
      where.spot = Spot::choice;
      break;
    case Spot::required:
    case Spot::value:
    case Spot::annotations:
    case Spot::execution:
      where.spot = parent.spot;
      break;
    default:
      where.spot = Spot::unknown;
      break;
  }
  return where;
}

bool is_plain_word(std::string_view text) {
  constexpr std::size_t bytes_most = 128;
  return text.size() <= bytes_most &&
         std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7F; });
}

bool is_set(Spot spot) {
  return spot == Spot::required || spot == Spot::types || spot == Spot::choices;
}

}  // namespace toolgate

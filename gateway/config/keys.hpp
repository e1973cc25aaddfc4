#pragma once
// The keys of the configuration file as a table: one list that the parser, the suggestions in its
// messages and the test against the JSON Schema read. Every key of the contract stands here; one
// that this build cannot enforce is refused with the reason rather than ignored, because a
// restriction that is written down and not enforced is worse than none.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "gateway/config/problems.hpp"
#include "gateway/core/document.hpp"

namespace toolgate::config {

enum class Shape : std::uint8_t {
  text,
  boolean,
  integer,
  texts,     // an array of strings
  text_map,  // an object whose values are strings
  section,   // an object with the keys of a section
  sections,  // an array of such objects
  map,       // an object of such objects, under names that the user chooses
  object,    // an object that is not looked into
  array,     // an array that is not looked into
  any,
};

struct Section;

struct Key {
  std::string_view name;
  Shape shape;
  const Section* section = nullptr;  // of section, sections and map
  std::string_view not_enforced{};   // why this build refuses the key; empty where it is obeyed
};

struct Section {
  std::span<const Key> keys;
  const Key* find(std::string_view name) const;
};

// The whole file.
const Section& root_section();
// A server's own "toolgate", for the hint that a key belongs there.
const Section& server_own_section();

// Checks an object against a section, and all below it: unknown keys (with the nearest known one),
// values of the wrong kind, keys that are not enforced. `where` is the path for messages, "" for
// the top level.
void check_section(const Value& object, const Section& section, const std::string& where,
                   Problems& problems);

// The known key that a mistyped one is most likely meant to be; empty where none is near.
std::string_view nearest(std::string_view name, std::span<const std::string_view> known);

}  // namespace toolgate::config

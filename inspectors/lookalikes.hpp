#pragma once
// Characters that are drawn like an ASCII one and are not it: letters of other scripts (UTS #39,
// those of its table that are letters of a living script or have no other use), and the styled
// copies of the alphabet. For showing a text to a person, and for telling names apart.

#include <optional>
#include <string>
#include <string_view>

namespace toolgate {

struct Lookalike {
  char ascii;               // what it is taken for
  std::string_view script;  // "CYRILLIC"
  bool is_copy;             // of ASCII, with no other use: full width, mathematical, a slash
};

std::optional<Lookalike> lookalike_of(char32_t point);

// What a name looks like at a glance: lookalikes as what they are taken for, hidden characters
// gone, letters small, separators gone, and 0 o, 1 l i, 5 s, rn m, vv w taken for the same. Two
// names with one skeleton can be taken for each other. `name` is UTF-8.
std::string skeleton_of(std::string_view name);

}  // namespace toolgate

#pragma once
// What kind of change something is, for whoever has to decide about it. Classes are ordered by
// risk, and where two would fit, or nothing is known, the riskier one is meant: only a change that
// can be shown to be harmless is called so.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "gateway/core/result.hpp"

namespace toolgate {

enum class ChangeClass : std::uint8_t {
  cosmetic,             // means the same: white space of a text, the order of a set
  narrowed,             // accepts or offers less
  widened,              // accepts or offers more, or something of another kind
  annotation_flipped,   // what the server says of itself: readOnlyHint, destructiveHint, ...
  instruction_bearing,  // a text that a model reads: names, descriptions, enums, defaults, ...
  fresh,                // nobody has decided about it yet, or not any more
};

// In the order of the classes.
inline constexpr std::array<std::string_view, 6> change_class_names{
    "cosmetic", "narrowed", "widened", "annotation-flipped", "instruction-bearing", "new"};

constexpr std::string_view change_class_name(ChangeClass change_class) {
  return change_class_names[static_cast<std::size_t>(change_class)];
}
Result<ChangeClass> change_class_from(std::string_view text);

// Names with commas between them: "cosmetic,narrowed". Refuses with `usage` a word that is none.
Result<std::vector<ChangeClass>> change_classes_from(std::string_view list);

constexpr ChangeClass riskier(ChangeClass a, ChangeClass b) { return a < b ? b : a; }

}  // namespace toolgate

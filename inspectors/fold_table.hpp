#pragma once
// Which characters of the lower planes stand for an ASCII one: data for characters.cpp.

#include <cstdint>
#include <span>
#include <string_view>

namespace toolgate {

enum class Folding : std::uint8_t {
  none,
  accent,     // a Latin letter with marks, a typographic quotation mark: ordinary writing
  styled,     // a letter in another dress: fullwidth, circled, superscript, a small capital
  lookalike,  // a letter of another script, which imitates a Latin one among Latin letters only
};

// The characters from `first` on stand for the bytes of `ascii`, one each.
struct FoldRange {
  char32_t first;
  Folding fold;
  std::string_view ascii;
};
std::span<const FoldRange> fold_ranges();

}  // namespace toolgate

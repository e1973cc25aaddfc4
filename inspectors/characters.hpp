#pragma once
// What a character is to a reader: does anybody see it, and which ASCII character does it stand
// for? Shared by the normal form and by the signals about characters.

#include <cstdint>

#include "inspectors/fold_table.hpp"

namespace toolgate {

enum class Trait : std::uint8_t {
  visible,
  tag,          // U+E0000..E007F, an invisible copy of ASCII
  variation,    // selectors of a glyph's form, which can carry bytes
  zero_width,   // joiners, fillers, invisible operators, deprecated format characters
  bidi,         // marks, embeddings, overrides and isolates of the bidirectional algorithm
  control,      // C0 and C1 without tab and line ends
  private_use,  // private use and noncharacters: no meaning without an agreement
  combining,    // marks on the character before
};

struct Character {
  Trait trait = Trait::visible;
  Folding fold = Folding::none;
  char ascii = 0;  // lower case, where `fold` is not none
};

Character describe(char32_t code);

// The byte that a tag character or a variation selector carries, or -1.
int carried_byte(char32_t code);

bool is_bidi_override(char32_t code);

}  // namespace toolgate

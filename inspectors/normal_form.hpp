#pragma once
// A text as rules read it: lower case, Latin letters without their marks and disguises, no
// character that nobody sees, one space for white space and one line end for an empty line. Made in
// one pass, never longer than its source, with a map back into it and a list of what was odd.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "inspectors/characters.hpp"
#include "inspectors/source_map.hpp"

namespace toolgate {

// Characters of one kind that stand together in the source.
struct OddCharacters {
  enum class Kind : std::uint8_t {
    tag,
    variation,
    zero_width,
    bidi,
    control,
    private_use,
    combining,
    styled,     // fullwidth, mathematical, circled letters
    lookalike,  // letters of another script in a Latin word
    malformed,  // bytes that are no UTF-8
  };
  Kind kind;
  Range source;
  std::uint32_t characters;
};

struct NormalForm {
  std::string text;
  SourceMap map;
  std::vector<OddCharacters>
      oddities;                // in the order of the text; of a larger number only the first
  bool more_oddities = false;  // there were more than are listed

  // Did anything odd stand in these bytes of the source? What is usual in some language (accents,
  // white space) is not odd.
  bool is_disguised(Range source) const;
};

NormalForm normalise(std::string_view text);

}  // namespace toolgate

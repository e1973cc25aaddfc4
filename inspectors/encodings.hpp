#pragma once
// Text in another alphabet: found, and turned back. Two families. *Blobs* are runs of base64,
// base32 or hexadecimal digits that decode as a whole. *Escapes* stand in the midst of text:
// percent signs, HTML entities, \u and \x, quoted-printable. Both are linear in the text, never
// give more than they took, and give nothing for what does not turn into prose.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "inspectors/derived_text.hpp"

namespace toolgate {

struct Decoded {
  std::string_view encoding;  // "base64", "hex", ...
  DerivedText text;
};

// At most `pieces_most` blobs; what a longer list would hold is told by `more`.
struct Blobs {
  std::vector<Decoded> found;
  bool more = false;
};
Blobs decode_blobs(std::string_view text, std::size_t pieces_most);

// The lines that hold escapes, decoded; empty where there are none.
struct Unescaped {
  DerivedText text;
  std::size_t letters = 0;  // that needed no escape: nobody writes them so who has nothing to hide
  Range first_letters{};
};
Unescaped decode_escapes(std::string_view text);

// Letters with a space or a dot after each, written plainly; empty where there are none.
DerivedText join_spaced(std::string_view text);

// Digits and marks in the place of letters, where several words have them; empty where none do.
DerivedText read_leet(std::string_view text);

// The values of equal names in a text that is JSON, one after the other: what was cut into pieces
// is whole again. Empty where no name has several values of several words.
DerivedText join_fields(std::string_view text);

// Is this what a person or a model would read? UTF-8, almost all of it letters and spaces.
bool is_prose(std::string_view bytes);

}  // namespace toolgate

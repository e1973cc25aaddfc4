#pragma once
// Characters that a person who reads a text does not see, and how to name them: controls, marks
// that reorder, characters without width, tags, selectors, fillers, private and
// unassigned-by-design ones. Sources: Unicode's Default_Ignorable_Code_Point and Bidi_Control
// properties, ECMA-48 for C0 and C1.

#include <string>
#include <string_view>

namespace toolgate {

// Does it change a terminal's picture, or not show in it?
bool is_hidden(char32_t point);
// A space that is not U+0020, or a character that is drawn as nothing: U+00A0, U+2003, U+2800.
bool is_odd_space(char32_t point);

// Is it drawn over the character before it?
bool is_combining(char32_t point);
// Could it be a picture, which a variation selector or a joiner may follow?
bool is_picture(char32_t point);

// "<U+200B ZERO WIDTH SPACE>". Of a tag the letter that it copies: "<U+E0041 TAG A>". Characters
// without a name of their own have that of their block.
std::string named_escape(char32_t point);

}  // namespace toolgate

#pragma once
// HTML, XML and Markdown taken apart into what a reader sees and what only a program sees:
// comments, elements that are styled away, templates, scripts, the texts of attributes. One pass;
// whatever is no proper markup stays text, which is the safe side, since text is judged in any
// case.

#include <optional>
#include <string_view>

#include "inspectors/derived_text.hpp"

namespace toolgate {

struct Split {
  DerivedText visible;
  DerivedText hidden;  // its parts apart from each other by empty lines
};

// Nothing where there is no markup: the text is its own visible part.
std::optional<Split> split_markup(std::string_view text);

}  // namespace toolgate

#pragma once
// One thing that a server offers, on the page of a review: what is new in full, what changed value
// by value with the riskiest first, and the findings beside the text that they are about.

#include "gateway/cli/console.hpp"
#include "gateway/cli/reviewed.hpp"
#include "gateway/cli/shown_text.hpp"

namespace toolgate {

void print_item(Console& console, const Reviewed& item, Fold fold);

// A finding in one line, with its pointer.
void print_finding(Console& console, const Finding& finding, std::string_view margin);

}  // namespace toolgate

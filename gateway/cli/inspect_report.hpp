#pragma once
// A judgement as people and as programs read it.

#include <string>
#include <string_view>

#include "gateway/cli/console.hpp"
#include "inspectors/judgement.hpp"

namespace toolgate {

// {"id","verdict","score","findings":[{"id","severity","span","why","reading"}]} on one line; `id`
// is JSON, and left out when it is empty.
std::string judgement_json(const Judgement& judgement, std::string_view id);

// With the place of each finding in the text, and what nobody would see in it written out.
void print_judgement(Console& console, std::string_view text, const Judgement& judgement);

void print_rules(Console& console, bool json);

}  // namespace toolgate

#pragma once
// What changed between the approved definition and the one that a server offers now, value by
// value, over what the texts mean: their RFC 8785 form. Another order of members, other
// escapes, 1.0 for 1 and white space between tokens are no change. Complete: however many changes
// there are, all of them are told, and where two definitions have different pins there is at least
// one.

#include <optional>
#include <string>
#include <vector>

#include "gateway/config/change_class.hpp"
#include "signing/pins.hpp"

namespace toolgate {

struct Change {
  // RFC 6901, into the new definition; into the old one for what is not there any more.
  std::string path;
  std::optional<std::string> old;  // JSON text; nothing: was not there
  std::optional<std::string> now;  // JSON text; nothing: is not there any more
  ChangeClass change_class = ChangeClass::instruction_bearing;
};

// Both are JSON texts of definitions of this kind. Objects are compared member by member. Elements
// of arrays are matched by what they are (or by their "name"), so that one that was put in between
// is one change; those of `required`, `enum` and `type` as sets. What cannot be read is one change
// of the whole.
std::vector<Change> changes_between(ItemKind kind, const std::string& old_json,
                                    const std::string& new_json);

// The riskiest of them; cosmetic for none.
ChangeClass riskiest(const std::vector<Change>& changes);

}  // namespace toolgate

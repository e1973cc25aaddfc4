#pragma once
// What changed between the approved definition and the one that a server offers now, field by
// field.

#include <optional>
#include <string>
#include <vector>

namespace toolgate {

struct Change {
  std::string path;                // RFC 6901, into the definition
  std::optional<std::string> old;  // JSON text; nothing: was not there
  std::optional<std::string> now;  // JSON text; nothing: is not there any more
};

// Both are JSON texts. Objects are compared member by member, all else as a whole. At most 200
// changes.
std::vector<Change> changes_between(const std::string& old_json, const std::string& new_json);

}  // namespace toolgate

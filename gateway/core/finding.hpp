#pragma once
// What an inspector saw. Findings are shown, stored and signed, so they never hold text from
// outside: only what it is, how bad it is and where it stands.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace toolgate {

enum class Severity { note, soft, hard };
std::string_view severity_name(Severity severity);

struct Finding {
  std::string id;  // stable: "unicode.tag", "terminal.escape"
  Severity severity = Severity::note;
  std::size_t begin = 0;  // byte range in the JSON text that was inspected
  std::size_t end = 0;
  std::string pointer;  // RFC 6901, to the string; "" where there is none
  std::string why;      // a sentence
};

// [{"id","severity","span":[begin,end],"path","why"}]
std::string findings_json(const std::vector<Finding>& findings);

}  // namespace toolgate

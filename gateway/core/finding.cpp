#include "gateway/core/finding.hpp"

#include "gateway/core/document.hpp"

namespace toolgate {

std::string_view severity_name(Severity severity) {
  switch (severity) {
    case Severity::note:
      return "note";
    case Severity::soft:
      return "soft";
    case Severity::hard:
      return "hard";
  }
  return "";
}

std::string findings_json(const std::vector<Finding>& findings) {
  std::string out = "[";
  for (const Finding& finding : findings) {
    if (out.size() > 1) out += ',';
    out += "{\"id\":";
    append_json_quote(out, finding.id);
    out += ",\"severity\":";
    append_json_quote(out, severity_name(finding.severity));
    out += ",\"span\":[" + std::to_string(finding.begin) + "," + std::to_string(finding.end) + "]";
    out += ",\"path\":";
    append_json_quote(out, finding.pointer);
    out += ",\"why\":";
    append_json_quote(out, finding.why);
    out += '}';
  }
  return out + ']';
}

}  // namespace toolgate

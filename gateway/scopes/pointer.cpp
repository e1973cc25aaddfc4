#include "gateway/scopes/pointer.hpp"

namespace toolgate {

Result<PointerTokens> parse_pointer(std::string_view text) {
  PointerTokens tokens;
  if (text.empty()) return tokens;
  if (text.front() != '/') {
    return Refusal(Reason::bad_configuration,
                   "a JSON Pointer starts with '/', as in \"/path\" or \"/edits/*/path\"");
  }
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '/') {
      tokens.emplace_back();
      continue;
    }
    if (text[at] != '~') {
      tokens.back() += text[at];
      continue;
    }
    const char escaped = at + 1 < text.size() ? text[++at] : '\0';
    if (escaped != '0' && escaped != '1') {
      return Refusal(Reason::bad_configuration,
                     "in a JSON Pointer '~' is written \"~0\", and '/' in a name \"~1\"");
    }
    tokens.back() += escaped == '0' ? '~' : '/';
  }
  return tokens;
}

std::optional<std::size_t> matches_pointer(const PointerTokens& pattern,
                                           const PointerTokens& place) {
  if (pattern.size() > place.size()) return std::nullopt;
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    if (pattern[at] != "*" && pattern[at] != place[at]) return std::nullopt;
  }
  return pattern.size();
}

std::string pointer_text(const PointerTokens& tokens) {
  std::string text;
  for (const std::string& token : tokens) {
    text += '/';
    for (const char c : token) {
      if (c == '~') {
        text += "~0";
      } else if (c == '/') {
        text += "~1";
      } else {
        text += c;
      }
    }
  }
  return text;
}

}  // namespace toolgate

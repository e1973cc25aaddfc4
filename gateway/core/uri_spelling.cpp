#include "gateway/core/uri_spelling.hpp"

#include <algorithm>
#include <optional>

namespace toolgate {
namespace {

std::optional<unsigned> hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_scheme(std::string_view text) {
  bool starts = !text.empty() && lower(text.front()) >= 'a' && lower(text.front()) <= 'z';
  return starts && std::ranges::all_of(text, [](char c) {
           return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
                  c == '-' || c == '.';
         });
}

bool is_plain_segment(std::string_view segment) {
  std::string text = unescaped_uri(segment);
  if (text == "." || text == "..") return false;
  return std::ranges::none_of(text, [](char c) {
    return c == '/' || c == '\\' || static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
  });
}

}  // namespace

// An escape that comes out of another one is decoded with it, so that one pass is enough.
std::string unescaped_uri(std::string_view uri) {
  std::string out;
  for (char c : uri) {
    out += c;
    while (out.size() >= 3 && out[out.size() - 3] == '%') {
      auto high = hex_value(out[out.size() - 2]);
      auto low = hex_value(out[out.size() - 1]);
      if (!high || !low) break;
      out.resize(out.size() - 3);
      out += static_cast<char>(*high * 16 + *low);
    }
  }
  return out;
}

bool is_plain_uri(std::string_view uri) {
  bool printable = std::ranges::all_of(
      uri, [](char c) { return c > ' ' && c <= '~' && c != '\\' && c != '?' && c != '#'; });
  std::size_t colon = uri.find(':');
  if (!printable || colon == std::string_view::npos || !is_scheme(uri.substr(0, colon))) {
    return false;
  }
  std::string_view rest = uri.substr(colon);
  if (!rest.starts_with("://")) return false;
  rest.remove_prefix(3);
  for (bool first = true;; first = false) {
    std::size_t slash = rest.find('/');
    std::string_view segment = rest.substr(0, slash);
    bool may_be_empty = first && slash != std::string_view::npos;
    if ((segment.empty() && !may_be_empty) || !is_plain_segment(segment)) return false;
    if (slash == std::string_view::npos) return true;
    rest.remove_prefix(slash + 1);
  }
}

std::string uri_scheme(std::string_view uri) {
  std::size_t colon = uri.find(':');
  if (colon == std::string_view::npos) return "";
  std::string scheme(uri.substr(0, colon));
  std::ranges::transform(scheme, scheme.begin(), lower);
  return scheme;
}

std::string folded_uri(std::string_view uri) {
  std::string folded = unescaped_uri(uri);
  std::ranges::transform(folded, folded.begin(), lower);
  std::size_t rest = folded.find("://");
  if (rest == std::string::npos) return folded;
  rest += 3;
  std::size_t begins = std::min(folded.find_first_not_of('/', rest), folded.size());
  folded.erase(rest, begins - rest);
  return folded;
}

bool lies_in(std::string_view directory, std::string_view uri) {
  return uri.starts_with(directory) &&
         (uri.size() == directory.size() || uri[directory.size()] == '/');
}

}  // namespace toolgate

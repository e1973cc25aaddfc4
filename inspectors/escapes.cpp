#include <algorithm>
#include <array>
#include <utility>

#include "gateway/core/json_text.hpp"
#include "inspectors/encodings.hpp"

namespace toolgate {
namespace {

using std::string_view;

constexpr auto npos = string_view::npos;

constexpr std::array<bool, 256> begins_escape = [] {
  std::array<bool, 256> table{};
  table['\\'] = table['%'] = table['&'] = table['='] = true;
  return table;
}();

// One escape: its bytes in the text, and what it stands for.
struct Escape {
  std::size_t length = 0;  // 0: there is none here
  std::string means;
};

std::string utf8(char32_t code) {
  std::string out;
  bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  append_utf8(out, surrogate || code > 0x10FFFF ? U'\uFFFD' : code);
  return out;
}

// `count` hexadecimal digits at `at`, or -1.
std::int64_t hex_number(string_view text, std::size_t at, std::size_t count) {
  if (at + count > text.size()) return -1;
  std::int64_t value = 0;
  for (auto i = at; i < at + count; ++i) {
    int digit = hex_value(text[i]);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

Escape byte_escape(string_view text, std::size_t at, std::size_t prefix) {
  auto byte = hex_number(text, at + prefix, 2);
  if (byte < 0) return {};
  return Escape{.length = prefix + 2, .means = std::string(1, static_cast<char>(byte))};
}

// \n, \", \\, \xXX, \uXXXX with its second half, \u{X}
Escape backslash(string_view text, std::size_t at) {
  if (at + 1 >= text.size()) return {};
  constexpr std::array<std::pair<char, char>, 6> simple{
      {{'n', '\n'}, {'t', '\t'}, {'r', '\r'}, {'"', '"'}, {'/', '/'}, {'\\', '\\'}}};
  for (auto [letter, meaning] : simple) {
    if (text[at + 1] == letter) return Escape{.length = 2, .means = std::string(1, meaning)};
  }
  if (text[at + 1] == 'x') return byte_escape(text, at, 2);
  if (text[at + 1] != 'u') return {};
  if (at + 2 < text.size() && text[at + 2] == '{') {
    auto end = text.substr(0, std::min(text.size(), at + 10)).find('}', at + 3);
    if (end == npos || end == at + 3) return {};
    auto code = hex_number(text, at + 3, end - at - 3);
    if (code < 0) return {};
    return Escape{.length = end + 1 - at, .means = utf8(static_cast<char32_t>(code))};
  }
  auto code = hex_number(text, at + 2, 4);
  if (code < 0) return {};
  bool high = code >= 0xD800 && code < 0xDC00 && text.substr(at + 6).starts_with("\\u");
  auto low = high ? hex_number(text, at + 8, 4) : -1;
  if (low >= 0xDC00 && low < 0xE000) {
    auto both = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    return Escape{.length = 12, .means = utf8(static_cast<char32_t>(both))};
  }
  return Escape{.length = 6, .means = utf8(static_cast<char32_t>(code))};
}

Escape numeric_entity(string_view name) {
  auto digits = name.substr(1);
  bool hex = digits.starts_with('x') || digits.starts_with('X');
  if (hex) digits.remove_prefix(1);
  if (digits.empty() || digits.size() > 7) return {};
  std::int64_t code = 0;
  for (char c : digits) {
    int digit = hex_value(c);
    if (digit < 0 || (!hex && digit > 9)) return {};
    code = code * (hex ? 16 : 10) + digit;
  }
  return Escape{.length = name.size() + 2, .means = utf8(static_cast<char32_t>(code))};
}

Escape entity(string_view text, std::size_t at) {
  constexpr std::size_t longest = 12;
  auto end = text.substr(0, std::min(text.size(), at + longest)).find(';', at);
  if (end == npos || end == at + 1) return {};
  auto name = text.substr(at + 1, end - at - 1);
  if (name[0] == '#') return numeric_entity(name);
  constexpr std::array<std::pair<string_view, string_view>, 14> named{{{"lt", "<"},
                                                                       {"gt", ">"},
                                                                       {"amp", "&"},
                                                                       {"quot", "\""},
                                                                       {"apos", "'"},
                                                                       {"nbsp", " "},
                                                                       {"lbrack", "["},
                                                                       {"lsqb", "["},
                                                                       {"rsqb", "]"},
                                                                       {"vert", "|"},
                                                                       {"verbar", "|"},
                                                                       {"colon", ":"},
                                                                       {"sol", "/"},
                                                                       {"excl", "!"}}};
  for (auto [known, meaning] : named) {
    if (name == known) return Escape{.length = name.size() + 2, .means = std::string(meaning)};
  }
  return {};
}

// =3D, and = at the end of a line, which joins it to the next.
Escape quoted_printable(string_view text, std::size_t at) {
  auto rest = text.substr(at + 1);
  if (rest.starts_with("\n")) return Escape{.length = 2, .means = ""};
  if (rest.starts_with("\r\n")) return Escape{.length = 3, .means = ""};
  bool digits = rest.size() >= 2 && hex_value(rest[0]) >= 2 && rest[0] <= 'F' && rest[1] <= 'F';
  return digits ? byte_escape(text, at, 1) : Escape{};
}

Escape escape_at(string_view text, std::size_t at) {
  switch (text[at]) {
    case '\\':
      return backslash(text, at);
    case '%':
      return byte_escape(text, at, 1);
    case '&':
      return entity(text, at);
    default:
      return quoted_printable(text, at);
  }
}

// Lines with escapes, each as far as is needed to see its words whole.
class Decoder {
 public:
  explicit Decoder(string_view text) : text_(text) {}

  Unescaped run() && {
    for (auto at = next(0); at < text_.size(); at = next(at)) {
      auto escape = escape_at(text_, at);
      if (escape.length == 0) {
        ++at;
        continue;
      }
      lead_up_to(at);
      out_.write(escape.means, Range{.begin = at, .end = at + escape.length});
      count(escape, at);
      copied_ = at += escape.length;
    }
    if (told_ < telling_least) return {};
    finish();
    return {.text = std::move(out_), .letters = letters_, .first_letters = letters_at_};
  }

 private:
  static constexpr std::size_t context_bytes = 200;
  static constexpr std::size_t telling_least = 3;

  void count(const Escape& escape, std::size_t at) {
    told_ += escape.means.empty() || is_telling(escape.means[0]);
    if (escape.means.size() != 1) return;
    char c = escape.means[0];
    if (c == 0x1B) told_ += telling_least;
    if (!is_alphanumeric(c)) return;
    if (letters_++ == 0) letters_at_.begin = at;
    letters_at_.end = at + escape.length;
  }

  static bool is_alphanumeric(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  }

  // An escaped space or line end tells nothing, and neither do the marks that have to be escaped.
  static bool is_telling(char c) {
    return static_cast<unsigned char>(c) >= 0x80 || is_alphanumeric(c) ||
           string_view("<>[]|").contains(c);
  }

  std::size_t next(std::size_t at) const {
    while (at < text_.size() && !begins_escape[static_cast<unsigned char>(text_[at])]) ++at;
    return at;
  }

  void lead_up_to(std::size_t at) {
    auto begin = copied_;
    if (at - copied_ > 2 * context_bytes) {
      finish();
      begin = at - context_bytes;
    }
    if (begin < at) out_.copy(text_.substr(begin, at - begin), begin);
  }

  // What follows the last escape, up to a place where nothing more belongs to it.
  void finish() {
    auto end = std::min(text_.size(), copied_ + context_bytes);
    if (copied_ > 0) {
      out_.copy(text_.substr(copied_, end - copied_), copied_);
      out_.write("\n\n", Range{.begin = end, .end = end});
    }
  }

  string_view text_;
  DerivedText out_;
  std::size_t copied_ = 0;
  std::size_t told_ = 0;
  std::size_t letters_ = 0;
  Range letters_at_{};
};

}  // namespace

Unescaped decode_escapes(string_view text) { return Decoder(text).run(); }

}  // namespace toolgate

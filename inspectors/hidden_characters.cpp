#include "inspectors/hidden_characters.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "inspectors/lookalikes.hpp"

namespace toolgate {
namespace {

struct Span {
  char32_t first;
  char32_t last;
};

constexpr std::array<Span, 20> hidden = {{
    {0x00, 0x1F},     {0x7F, 0x9F},     {0xAD, 0xAD},       {0x34F, 0x34F},     {0x61C, 0x61C},
    {0x115F, 0x1160}, {0x17B4, 0x17B5}, {0x180B, 0x180F},   {0x200B, 0x200F},   {0x2028, 0x202E},
    {0x2060, 0x206F}, {0x3164, 0x3164}, {0xD800, 0xF8FF},   {0xFE00, 0xFE0F},   {0xFEFF, 0xFEFF},
    {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFFB}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0x10FFFF},
}};

constexpr std::array<Span, 6> odd_spaces = {{{0xA0, 0xA0},
                                             {0x1680, 0x1680},
                                             {0x2000, 0x200A},
                                             {0x202F, 0x202F},
                                             {0x205F, 0x205F},
                                             {0x2800, 0x2800}}};

constexpr std::array<Span, 5> combining = {
    {{0x300, 0x36F}, {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x20D0, 0x20FF}, {0xFE20, 0xFE2F}}};

// Blocks of emoji and of the symbols that have an emoji's form.
constexpr std::array<Span, 4> pictures = {
    {{0x203C, 0x203C}, {0x2049, 0x2049}, {0x2122, 0x3299}, {0x1F000, 0x1FAFF}}};

template <std::size_t size>
bool within(char32_t point, const std::array<Span, size>& spans) {
  return std::ranges::any_of(
      spans, [point](const Span& span) { return point >= span.first && point <= span.last; });
}

struct Named {
  char32_t first;
  char32_t last;
  std::string_view name;
};

// Names of the Unicode Character Database; of controls the aliases that it gives them. The first
// row that has the character counts.
constexpr std::array<Named, 97> names = {{
    {0x00, 0x00, "NULL"},
    {0x01, 0x01, "START OF HEADING"},
    {0x02, 0x02, "START OF TEXT"},
    {0x03, 0x03, "END OF TEXT"},
    {0x04, 0x04, "END OF TRANSMISSION"},
    {0x05, 0x05, "ENQUIRY"},
    {0x06, 0x06, "ACKNOWLEDGE"},
    {0x07, 0x07, "BELL"},
    {0x08, 0x08, "BACKSPACE"},
    {0x09, 0x09, "TAB"},
    {0x0A, 0x0A, "LINE FEED"},
    {0x0B, 0x0B, "LINE TABULATION"},
    {0x0C, 0x0C, "FORM FEED"},
    {0x0D, 0x0D, "CARRIAGE RETURN"},
    {0x0E, 0x0E, "SHIFT OUT"},
    {0x0F, 0x0F, "SHIFT IN"},
    {0x10, 0x1A, "CONTROL"},
    {0x1B, 0x1B, "ESCAPE"},
    {0x1C, 0x1F, "INFORMATION SEPARATOR"},
    {0x7F, 0x7F, "DELETE"},
    {0x85, 0x85, "NEXT LINE"},
    {0x90, 0x90, "DEVICE CONTROL STRING"},
    {0x9B, 0x9B, "CONTROL SEQUENCE INTRODUCER"},
    {0x9D, 0x9D, "OPERATING SYSTEM COMMAND"},
    {0x80, 0x9F, "CONTROL"},
    {0xA0, 0xA0, "NO-BREAK SPACE"},
    {0xAD, 0xAD, "SOFT HYPHEN"},
    {0x34F, 0x34F, "COMBINING GRAPHEME JOINER"},
    {0x300, 0x36F, "COMBINING MARK"},
    {0x1AB0, 0x1AFF, "COMBINING MARK"},
    {0x1DC0, 0x1DFF, "COMBINING MARK"},
    {0x20D0, 0x20FF, "COMBINING MARK"},
    {0xFE20, 0xFE2F, "COMBINING MARK"},
    {0x61C, 0x61C, "ARABIC LETTER MARK"},
    {0x115F, 0x115F, "HANGUL CHOSEONG FILLER"},
    {0x1160, 0x1160, "HANGUL JUNGSEONG FILLER"},
    {0x1680, 0x1680, "OGHAM SPACE MARK"},
    {0x17B4, 0x17B4, "KHMER VOWEL INHERENT AQ"},
    {0x17B5, 0x17B5, "KHMER VOWEL INHERENT AA"},
    {0x180B, 0x180D, "MONGOLIAN FREE VARIATION SELECTOR"},
    {0x180E, 0x180E, "MONGOLIAN VOWEL SEPARATOR"},
    {0x180F, 0x180F, "MONGOLIAN FREE VARIATION SELECTOR"},
    {0x2000, 0x2000, "EN QUAD"},
    {0x2001, 0x2001, "EM QUAD"},
    {0x2002, 0x2002, "EN SPACE"},
    {0x2003, 0x2003, "EM SPACE"},
    {0x2004, 0x2004, "THREE-PER-EM SPACE"},
    {0x2005, 0x2005, "FOUR-PER-EM SPACE"},
    {0x2006, 0x2006, "SIX-PER-EM SPACE"},
    {0x2007, 0x2007, "FIGURE SPACE"},
    {0x2008, 0x2008, "PUNCTUATION SPACE"},
    {0x2009, 0x2009, "THIN SPACE"},
    {0x200A, 0x200A, "HAIR SPACE"},
    {0x200B, 0x200B, "ZERO WIDTH SPACE"},
    {0x200C, 0x200C, "ZERO WIDTH NON-JOINER"},
    {0x200D, 0x200D, "ZERO WIDTH JOINER"},
    {0x200E, 0x200E, "LEFT-TO-RIGHT MARK"},
    {0x200F, 0x200F, "RIGHT-TO-LEFT MARK"},
    {0x2028, 0x2028, "LINE SEPARATOR"},
    {0x2029, 0x2029, "PARAGRAPH SEPARATOR"},
    {0x202A, 0x202A, "LEFT-TO-RIGHT EMBEDDING"},
    {0x202B, 0x202B, "RIGHT-TO-LEFT EMBEDDING"},
    {0x202C, 0x202C, "POP DIRECTIONAL FORMATTING"},
    {0x202D, 0x202D, "LEFT-TO-RIGHT OVERRIDE"},
    {0x202E, 0x202E, "RIGHT-TO-LEFT OVERRIDE"},
    {0x202F, 0x202F, "NARROW NO-BREAK SPACE"},
    {0x205F, 0x205F, "MEDIUM MATHEMATICAL SPACE"},
    {0x2060, 0x2060, "WORD JOINER"},
    {0x2061, 0x2061, "FUNCTION APPLICATION"},
    {0x2062, 0x2062, "INVISIBLE TIMES"},
    {0x2063, 0x2063, "INVISIBLE SEPARATOR"},
    {0x2064, 0x2064, "INVISIBLE PLUS"},
    {0x2066, 0x2066, "LEFT-TO-RIGHT ISOLATE"},
    {0x2067, 0x2067, "RIGHT-TO-LEFT ISOLATE"},
    {0x2068, 0x2068, "FIRST STRONG ISOLATE"},
    {0x2069, 0x2069, "POP DIRECTIONAL ISOLATE"},
    {0x206A, 0x206F, "DEPRECATED FORMAT CHARACTER"},
    {0x2800, 0x2800, "BRAILLE PATTERN BLANK"},
    {0x3164, 0x3164, "HANGUL FILLER"},
    {0xD800, 0xDFFF, "SURROGATE"},
    {0xE000, 0xF8FF, "PRIVATE USE"},
    {0xFE00, 0xFE0F, "VARIATION SELECTOR"},
    {0xFEFF, 0xFEFF, "ZERO WIDTH NO-BREAK SPACE"},
    {0xFFA0, 0xFFA0, "HALFWIDTH HANGUL FILLER"},
    {0xFFF9, 0xFFF9, "INTERLINEAR ANNOTATION ANCHOR"},
    {0xFFFA, 0xFFFA, "INTERLINEAR ANNOTATION SEPARATOR"},
    {0xFFFB, 0xFFFB, "INTERLINEAR ANNOTATION TERMINATOR"},
    {0x1BCA0, 0x1BCA3, "SHORTHAND FORMAT CONTROL"},
    {0x1D173, 0x1D17A, "MUSICAL SYMBOL CONTROL"},
    {0xE0001, 0xE0001, "LANGUAGE TAG"},
    {0xE0020, 0xE0020, "TAG SPACE"},
    {0xE007F, 0xE007F, "CANCEL TAG"},
    {0xE0000, 0xE007F, "TAG"},
    {0xE0100, 0xE01EF, "VARIATION SELECTOR"},
    {0xE0000, 0xEFFFF, "UNASSIGNED"},
    {0xF0000, 0x10FFFF, "PRIVATE USE"},
    {0x2065, 0xFFF8, "UNASSIGNED"},
}};

std::string number_of(char32_t point) {
  std::array<char, 8> digits{};
  auto end =
      std::to_chars(digits.data(), digits.data() + digits.size(), static_cast<unsigned>(point), 16);
  std::string text(digits.data(), end.ptr);
  for (char& c : text) {
    if (c >= 'a' && c <= 'f') c = static_cast<char>(c - 'a' + 'A');
  }
  return text.size() < 4 ? std::string(4 - text.size(), '0') + text : text;
}

}  // namespace

bool is_hidden(char32_t point) { return within(point, hidden); }
bool is_odd_space(char32_t point) { return within(point, odd_spaces); }
bool is_combining(char32_t point) { return within(point, combining); }
bool is_picture(char32_t point) { return within(point, pictures); }

std::string named_escape(char32_t point) {
  std::string text = "<U+" + number_of(point);
  const auto named = std::ranges::find_if(
      names, [point](const Named& one) { return point >= one.first && point <= one.last; });
  if (const auto alike = lookalike_of(point)) {
    text.append(" ").append(alike->script).append(", looks like ") += alike->ascii;
  } else if (named != names.end()) {
    text.append(" ").append(named->name);
    const bool copies = point > 0xE0020 && point < 0xE007F;
    if (copies) text.append(" ") += static_cast<char>(point - 0xE0000);
  }
  return text + ">";
}

}  // namespace toolgate

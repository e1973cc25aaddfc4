#include "inspectors/lookalikes.hpp"

#include <algorithm>
#include <array>

#include "gateway/core/json_text.hpp"
#include "inspectors/hidden_characters.hpp"

namespace toolgate {
namespace {

struct Pair {
  char32_t point;
  char ascii;
};

constexpr std::array<Pair, 52> cyrillic = {{
    {0x405, 'S'}, {0x406, 'I'}, {0x408, 'J'}, {0x410, 'A'}, {0x412, 'B'}, {0x415, 'E'},
    {0x417, '3'}, {0x41A, 'K'}, {0x41C, 'M'}, {0x41D, 'H'}, {0x41E, 'O'}, {0x420, 'P'},
    {0x421, 'C'}, {0x422, 'T'}, {0x423, 'Y'}, {0x425, 'X'}, {0x42C, 'b'}, {0x430, 'a'},
    {0x431, '6'}, {0x433, 'r'}, {0x435, 'e'}, {0x43A, 'k'}, {0x43E, 'o'}, {0x43F, 'n'},
    {0x440, 'p'}, {0x441, 'c'}, {0x443, 'y'}, {0x445, 'x'}, {0x455, 's'}, {0x456, 'i'},
    {0x458, 'j'}, {0x461, 'w'}, {0x474, 'V'}, {0x475, 'v'}, {0x4AE, 'Y'}, {0x4AF, 'y'},
    {0x4BB, 'h'}, {0x4BD, 'e'}, {0x4C0, 'I'}, {0x4CF, 'l'}, {0x4D4, 'A'}, {0x4D5, 'a'},
    {0x501, 'd'}, {0x50C, 'G'}, {0x51A, 'Q'}, {0x51B, 'q'}, {0x51C, 'W'}, {0x51D, 'w'},
    {0x53B, 'I'}, {0x450, 'e'}, {0x451, 'e'}, {0x457, 'i'},
}};

constexpr std::array<Pair, 31> greek = {{
    {0x391, 'A'}, {0x392, 'B'}, {0x395, 'E'}, {0x396, 'Z'}, {0x397, 'H'}, {0x399, 'I'},
    {0x39A, 'K'}, {0x39C, 'M'}, {0x39D, 'N'}, {0x39F, 'O'}, {0x3A1, 'P'}, {0x3A4, 'T'},
    {0x3A5, 'Y'}, {0x3A7, 'X'}, {0x3AC, 'a'}, {0x3B1, 'a'}, {0x3B3, 'y'}, {0x3B5, 'e'},
    {0x3B7, 'n'}, {0x3B9, 'i'}, {0x3BA, 'k'}, {0x3BD, 'v'}, {0x3BF, 'o'}, {0x3C1, 'p'},
    {0x3C3, 'o'}, {0x3C4, 't'}, {0x3C5, 'u'}, {0x3C7, 'x'}, {0x3C9, 'w'}, {0x3F2, 'c'},
    {0x3F3, 'j'},
}};

constexpr std::array<Pair, 10> armenian = {{{0x555, 'O'},
                                            {0x54D, 'U'},
                                            {0x561, 'w'},
                                            {0x566, 'q'},
                                            {0x570, 'h'},
                                            {0x578, 'n'},
                                            {0x57D, 'u'},
                                            {0x581, 'g'},
                                            {0x584, 'f'},
                                            {0x585, 'o'}}};

constexpr std::array<Pair, 21> cherokee = {{
    {0x13A0, 'D'}, {0x13A1, 'R'}, {0x13A2, 'T'}, {0x13A5, 'i'}, {0x13A9, 'Y'}, {0x13AA, 'A'},
    {0x13AB, 'J'}, {0x13AC, 'E'}, {0x13B3, 'W'}, {0x13B7, 'M'}, {0x13BB, 'H'}, {0x13C0, 'G'},
    {0x13C3, 'Z'}, {0x13CF, 'b'}, {0x13D4, 'W'}, {0x13D9, 'V'}, {0x13DA, 'S'}, {0x13DE, 'L'},
    {0x13DF, 'C'}, {0x13E2, 'P'}, {0x13E6, 'K'},
}};

// Letters of the Latin script that stand for others.
constexpr std::array<Pair, 22> latin = {{
    {0x131, 'i'},  {0x185, 'b'},  {0x1C0, 'l'},  {0x237, 'j'},  {0x251, 'a'},  {0x261, 'g'},
    {0x269, 'i'},  {0x26A, 'i'},  {0x26F, 'w'},  {0x28B, 'u'},  {0x28F, 'y'},  {0x299, 'b'},
    {0x29F, 'l'},  {0x1D00, 'a'}, {0x1D04, 'c'}, {0x1D0F, 'o'}, {0x1D1C, 'u'}, {0x1D20, 'v'},
    {0x1D21, 'w'}, {0x1D22, 'z'}, {0xA731, 's'}, {0x1D18, 'p'},
}};

// With no other use, or none in a sentence.
constexpr std::array<Pair, 26> symbols = {{
    {0x2044, '/'}, {0x2215, '/'}, {0x29F8, '/'}, {0x2571, '/'}, {0x2216, '\\'}, {0x29F5, '\\'},
    {0x2236, ':'}, {0xA789, ':'}, {0x37E, ';'},  {0x589, ':'},  {0x2024, '.'},  {0x6D4, '.'},
    {0x2223, '|'}, {0x2113, 'l'}, {0x212F, 'e'}, {0x2134, 'o'}, {0x210A, 'g'},  {0x2139, 'i'},
    {0x2148, 'i'}, {0x2149, 'j'}, {0x2147, 'e'}, {0x2146, 'd'}, {0x2170, 'i'},  {0x2174, 'v'},
    {0x2179, 'x'}, {0x217C, 'l'},
}};

template <std::size_t size>
std::optional<char> find(const std::array<Pair, size>& list, char32_t point) {
  const auto found = std::ranges::find(list, point, &Pair::point);
  return found == list.end() ? std::nullopt : std::optional<char>(found->ascii);
}

// U+1D400..U+1D6A3: thirteen alphabets of 52 letters; U+1D7CE..U+1D7FF: five rows of digits.
std::optional<char> mathematical(char32_t point) {
  if (point >= 0x1D400 && point <= 0x1D6A3) {
    const auto place = static_cast<int>((point - 0x1D400) % 52);
    return static_cast<char>(place < 26 ? 'A' + place : 'a' + place - 26);
  }
  if (point >= 0x1D7CE && point <= 0x1D7FF) {
    return static_cast<char>('0' + static_cast<int>((point - 0x1D7CE) % 10));
  }
  return std::nullopt;
}

std::optional<char> enclosed(char32_t point) {
  const auto letter = [point](char32_t first, char a) {
    return static_cast<char>(a + static_cast<int>(point - first));
  };
  if (point >= 0x249C && point <= 0x24B5) return letter(0x249C, 'a');
  if (point >= 0x24B6 && point <= 0x24CF) return letter(0x24B6, 'A');
  if (point >= 0x24D0 && point <= 0x24E9) return letter(0x24D0, 'a');
  if (point >= 0x1F130 && point <= 0x1F149) return letter(0x1F130, 'A');
  if (point >= 0x1F150 && point <= 0x1F169) return letter(0x1F150, 'A');
  if (point >= 0x1F170 && point <= 0x1F189) return letter(0x1F170, 'A');
  return std::nullopt;
}

// One that several characters are taken for: of each such set the first.
char folded(char c) {
  switch (c) {
    case '0':
      return 'o';
    case '1':
    case 'i':
    case '|':
      return 'l';
    case '5':
      return 's';
    default:
      return c >= 'A' && c <= 'Z' ? folded(static_cast<char>(c - 'A' + 'a')) : c;
  }
}

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at)) {
    text.replace(at, what.size(), with);
  }
}

}  // namespace

std::optional<Lookalike> lookalike_of(char32_t point) {
  if (point < 0x80) return std::nullopt;
  if (point >= 0xFF01 && point <= 0xFF5E) {
    return Lookalike{static_cast<char>(point - 0xFF01 + 0x21), "FULLWIDTH", true};
  }
  if (const auto c = mathematical(point)) return Lookalike{*c, "MATHEMATICAL", true};
  if (const auto c = enclosed(point)) return Lookalike{*c, "ENCLOSED", true};
  if (const auto c = find(symbols, point)) return Lookalike{*c, "SYMBOL", true};
  if (const auto c = find(cyrillic, point)) return Lookalike{*c, "CYRILLIC", false};
  if (const auto c = find(greek, point)) return Lookalike{*c, "GREEK", false};
  if (const auto c = find(armenian, point)) return Lookalike{*c, "ARMENIAN", false};
  if (const auto c = find(cherokee, point)) return Lookalike{*c, "CHEROKEE", false};
  if (const auto c = find(latin, point)) return Lookalike{*c, "LATIN", false};
  return std::nullopt;
}

std::string skeleton_of(std::string_view name) {
  std::string skeleton;
  const char* end = name.data() + name.size();
  for (const char* at = name.data(); at < end;) {
    const std::size_t length = std::max<std::size_t>(utf8_length(at, end), 1);
    const std::string_view sequence(at, length);
    at += length;
    const char32_t point =
        length == 1 ? static_cast<unsigned char>(sequence[0]) : utf8_code_point(sequence);
    if (is_hidden(point) || is_odd_space(point)) continue;
    if (const auto alike = lookalike_of(point)) {
      skeleton += folded(alike->ascii);
    } else if (point >= 0x80) {
      skeleton += sequence;
    } else if (std::string_view("_-. /:").find(static_cast<char>(point)) ==
               std::string_view::npos) {
      skeleton += folded(static_cast<char>(point));
    }
  }
  replace_all(skeleton, "rn", "m");
  replace_all(skeleton, "vv", "w");
  return skeleton;
}

}  // namespace toolgate

#include "inspectors/normal_form.hpp"

#include <doctest/doctest.h>

namespace toolgate {
namespace {

TEST_CASE("a text as rules read it") {
  struct Row {
    const char* name;
    std::string_view text, normal;
  };
  const Row rows[] = {
      {"case", "Ignore ALL", "ignore all"},
      {"white space is one space", "a \t b\r\nc", "a b c"},
      {"an empty line stays", "a\n \n\nb", "a\nb"},
      {"line ends that are spelled out", "a\\nb\\n\\nc", "a b\nc"},
      {"accents", "Instrucción über Größe", "instruccion uber grose"},
      {"marks on their own", "e\u0301le\u0300ve", "eleve"},
      {"typographic marks", "\u201Cyes\u201D \u2014 don\u2019t", "\"yes\" - don't"},
      {"fullwidth", "\uFF29\uFF47\uFF4E\uFF4F\uFF52\uFF45\uFF01", "ignore!"},
      {"mathematical letters", "\U0001D5C2\U0001D5C0\U0001D5C7", "ign"},
      {"circled and small capitals", "\u24D8\u24D6\u0274\u1D0F", "igno"},
      {"Cyrillic within a Latin word", "ign\u043Er\u0435", "ignore"},
      {"a Latin letter that follows", "\u043Eld", "old"},
      {"Cyrillic words stay", "\u0418\u0433\u043D\u043E\u0440\u0438\u0440\u0443\u0439 \u0430 b",
       "\u0438\u0433\u043D\u043E\u0440\u0438\u0440\u0443\u0439 \u0430 b"},
      {"zero width", "i\u200Bg\u2060n\u00ADo\uFEFFre", "ignore"},
      {"bidirectional controls", "\u202Eignore\u202C", "ignore"},
      {"tags and selectors", "a\U000E0041b\uFE0Fc\U000E0101", "abc"},
      {"controls",
       "a\x01\x7F"
       "b",
       "ab"},
      {"a next-line character is a space", "ignore\u0085all", "ignore all"},
      {"no UTF-8",
       "a\xFF\xC0"
       "b",
       "ab"},
      {"other scripts stay", "忽略 이전 تجاهل", "忽略 이전 تجاهل"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    CHECK(normalise(row.text).text == row.normal);
  }
}

TEST_CASE("a place in the normal form leads back to the source") {
  struct Row {
    std::string_view text, word, source;
  };
  const Row rows[] = {
      {"now   Ignore", "ignore", "Ignore"},
      {"x i\u200Bgno\u0433re", "gno", "gno"},
      {"\uFF29\uFF47 ab", "ig", "\uFF29\uFF47"},
      {"a\n\n\nbc", "bc", "bc"},
      {"é é word", "word", "word"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    auto form = normalise(row.text);
    auto at = form.text.find(row.word);
    REQUIRE(at != std::string::npos);
    auto range = form.map.source_of({.begin = at, .end = at + row.word.size()});
    CHECK(row.text.substr(range.begin, range.end - range.begin) == row.source);
  }
}

TEST_CASE("what is odd is told, and what a language needs is not") {
  struct Row {
    const char* name;
    std::string_view text;
    bool disguised;
  };
  const Row rows[] = {
      {"plain", "Ignore all", false},         {"accents", "élève", false},
      {"emoji", "fine \U0001F600", false},    {"Greek", "καλημέρα", false},
      {"zero width", "ig\u200Bnore", true},   {"fullwidth", "\uFF29gnore", true},
      {"mixed scripts", "ign\u043Ere", true}, {"tags", "\U000E0041", true},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    auto form = normalise(row.text);
    CHECK(form.is_disguised({.begin = 0, .end = row.text.size()}) == row.disguised);
  }
}

}  // namespace
}  // namespace toolgate

// Ways of writing that a model reads and a rule does not: letters set apart, digits for letters, a
// sentence cut into the fields of an object.

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "inspectors/encodings.hpp"

namespace toolgate {
namespace {

using std::string_view;

constexpr std::size_t spaced_letters_least = 12;
constexpr std::size_t leet_words_least = 3;
constexpr std::size_t leet_distance = 60;
constexpr std::size_t fields_most = 64;
constexpr std::size_t name_bytes_most = 256;  // comparing longer ones would cost more than reading

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// What a digit or a mark looks like, or 0.
char looks_like(char c) {
  constexpr std::array<std::pair<char, char>, 10> looks{{{'0', 'o'},
                                                         {'1', 'i'},
                                                         {'3', 'e'},
                                                         {'4', 'a'},
                                                         {'5', 's'},
                                                         {'7', 't'},
                                                         {'8', 'b'},
                                                         {'9', 'g'},
                                                         {'@', 'a'},
                                                         {'$', 's'}}};
  const auto* found = std::ranges::find(looks, c, &std::pair<char, char>::first);
  return found == looks.end() ? '\0' : found->second;
}

// Letters and digits in one word, more letters than those of hexadecimal digits, and no digits at
// its end alone: "version2" and "5MB" are ordinary.
bool is_leet_word(string_view word) {
  if (word.size() < 3 || word.size() > 20) return false;
  std::size_t letters = 0, looks = 0, hex = 0, inner = 0;
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (is_letter(word[i])) {
      ++letters;
      hex += (word[i] | 0x20) <= 'f';
    } else if (looks_like(word[i]) != 0) {
      ++looks;
      inner += i + 1 < word.size() && is_letter(word[i + 1]);
    } else {
      return false;
    }
  }
  return letters > 0 && looks > 0 && inner > 0 && hex < letters && looks <= 2 * letters + 1;
}

bool is_word_character(char c) { return is_letter(c) || is_digit(c) || c == '@' || c == '$'; }

}  // namespace

DerivedText join_spaced(string_view text) {
  DerivedText out;
  auto is_gap = [](char c) { return string_view(" .-_*").contains(c); };
  auto stands_alone = [&](std::size_t at) {
    return !is_gap(text[at]) && text[at] > ' ' && (at + 1 == text.size() || is_gap(text[at + 1]));
  };
  for (std::size_t at = 0; at + 4 < text.size();) {
    bool starts =
        is_letter(text[at]) && stands_alone(at) && stands_alone(at + 2) &&
        (at == 0 || is_gap(text[at - 1]) || static_cast<unsigned char>(text[at - 1]) <= ' ');
    if (!starts) {
      ++at;
      continue;
    }
    auto begin = at;
    std::string joined;
    std::size_t letters = 0;
    while (at < text.size() && stands_alone(at)) {
      joined += text[at];
      letters += is_letter(text[at]);
      auto gap = ++at;
      while (at < text.size() && is_gap(text[at])) ++at;
      if (at - gap > 1) joined += ' ';
    }
    if (letters >= spaced_letters_least) {
      out.write(joined + "\n\n", Range{.begin = begin, .end = at});
    }
  }
  return out;
}

DerivedText read_leet(string_view text) {
  DerivedText out;
  std::string words;
  std::size_t begin = 0, end = 0, count = 0;
  auto finish = [&] {
    if (count >= leet_words_least) out.write(words + "\n\n", Range{.begin = begin, .end = end});
    words.clear();
    count = 0;
  };
  for (std::size_t at = 0; at < text.size();) {
    if (!is_word_character(text[at])) {
      if (!words.empty() && text[at] > ' ') words += text[at];
      ++at;
      continue;
    }
    auto start = at;
    while (at < text.size() && is_word_character(text[at])) ++at;
    auto word = text.substr(start, at - start);
    bool leet = is_leet_word(word);
    if (!words.empty() && start - end > leet_distance) finish();
    if (!leet && words.empty()) continue;
    if (words.empty()) begin = start;
    words += ' ';
    for (char c : word) {
      char look = looks_like(c);
      words += look == 0 ? c : look;
    }
    if (leet) {
      end = at;
      ++count;
    }
  }
  finish();
  return out;
}

DerivedText join_fields(string_view text) {
  auto first = text.find_first_not_of(" \t\r\n");
  if (first == string_view::npos || (text[first] != '{' && text[first] != '[')) return {};
  // The end of the string that begins at `at`, after its quotation mark.
  auto string_end = [&text](std::size_t at) {
    while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
    return std::min(at, text.size());
  };
  std::map<string_view, std::vector<Range>> fields;
  // The values of this name, or nullptr where there is no room for them.
  auto values_of = [&fields](string_view name) -> std::vector<Range>* {
    if (name.size() > name_bytes_most) return nullptr;
    bool has_room = fields.size() < fields_most || fields.contains(name);
    return has_room ? &fields[name] : nullptr;
  };
  string_view name;
  std::optional<std::vector<Range>*> current;  // what `name` has, once a value asked for it
  for (auto at = text.find('"', first); at < text.size();) {
    auto end = string_end(at + 1);
    Range inside{.begin = at + 1, .end = end};
    auto word = text.substr(inside.begin, inside.end - inside.begin);
    auto next = end < text.size() ? text.find_first_not_of(" \t\r\n", end + 1) : string_view::npos;
    if (next != string_view::npos && text[next] == ':') {
      name = word;
      current.reset();
    } else if (word.contains(' ')) {
      if (!current) current = values_of(name);
      if (*current != nullptr) (*current)->push_back(inside);
    }
    at = end < text.size() ? text.find('"', end + 1) : text.size();
  }
  DerivedText out;
  for (const auto& [field, values] : fields) {
    if (values.size() < 2) continue;
    for (const auto& value : values) {
      out.copy(text.substr(value.begin, value.end - value.begin), value.begin);
      out.write(" ", Range{.begin = value.end, .end = value.end});
    }
    out.write("\n\n", Range{.begin = values.back().end, .end = values.back().end});
  }
  return out;
}

}  // namespace toolgate

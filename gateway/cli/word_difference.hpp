#pragma once
// Which words of a text are others now: for showing an old and a new text side by side.

#include <cstddef>
#include <string_view>
#include <vector>

namespace toolgate {

// Words, the white space between them, and single characters of scripts without spaces; a very long
// word is cut into pieces. Bytes of the text, whole characters.
struct Stretch {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool is_changed = false;
};

struct WordDifference {
  std::vector<Stretch> was;  // all of the old text
  std::vector<Stretch> is;   // all of the new text
};

WordDifference word_difference(std::string_view was, std::string_view is);

}  // namespace toolgate

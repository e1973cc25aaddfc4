#pragma once
// Texts and values of definitions on the page of a review: revealed (gateway/cli/revealed.hpp),
// each line behind a margin, old and new with the words that differ marked. What is long is folded,
// and it is said how much was, hidden characters counted; --full unfolds it.

#include <cstddef>
#include <string>
#include <string_view>

#include "gateway/cli/console.hpp"
#include "gateway/core/document.hpp"

namespace toolgate {

enum class Fold { folded, full };

// How much of one thing is shown before it is folded.
struct FoldLimits {
  std::size_t lines;
  std::size_t bytes;
};

// Prints line by line, each after `margin`.
void print_text(Console& console, std::string_view text, std::string_view margin, Style style,
                Fold fold, FoldLimits limits);

// A JSON value on lines of its own, one member or element each where it is long. Strings are
// written anew, with no escapes but those that JSON demands; numbers keep their text.
std::string spread_json(const Value& value);

// A value as it is shown: a string's own text, anything else as JSON. Two of which one is a string
// and one is not are both shown as JSON.
struct ShownValues {
  std::string was;
  std::string is;
};
ShownValues shown_values(const std::string& was_json, const std::string& is_json);

// Old and new, marked: on a terminal with colours, else [-gone-] and {+come+}. Words that are marks
// themselves get a backslash.
void print_difference(Console& console, const ShownValues& values, std::string_view margin,
                      Fold fold);

}  // namespace toolgate

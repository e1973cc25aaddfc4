#pragma once
// A rule is data: up to three parts that follow each other within a sentence, and how much their
// meeting says on a result and on a definition. The parts are RE2 patterns over the normal form
// (lower case, ASCII marks, single spaces) and hold no counted gaps: all parts of all rules are
// one RE2 set, whose automaton stays small whatever the text does to it.

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

namespace toolgate {

// Changes with every change of what rules find, so that a stored verdict tells what judged it.
inline constexpr int rules_version = 2;

struct Rule {
  std::string_view id;  // family.name: stable, for people, logs and suppressions
  // 0 to 1. Below 0.5 it is only told; from 0.9 on it is certain. Rules of different families that
  // stand near each other add up.
  double in_result = 0;
  double in_definition = 0;
  std::string_view why;
  std::array<std::string_view, 3> parts;
  std::size_t gap = 24;  // the most bytes between two parts

  std::string_view family() const { return id.substr(0, id.find('.')); }
};

// {name} in a part stands for a group of alternatives.
struct Word {
  std::string_view name;
  std::string_view alternatives;
};

std::span<const Rule> english_rules();
std::span<const Rule> language_rules();
std::span<const Rule> protocol_rules();
std::span<const Word> rule_words();

}  // namespace toolgate

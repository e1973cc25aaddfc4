#pragma once
// What is wrong with a configuration text, collected, so that one run shows more than the first
// mistake.

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/core/result.hpp"

namespace toolgate::config {

struct Problem {
  std::size_t offset;  // in the text
  std::string text;
};

class Problems {
 public:
  void add(std::size_t offset, std::string text);
  bool empty() const { return list_.empty(); }
  const std::vector<Problem>& list() const { return list_; }  // in the order of the text
  // One line for each of the first ten: "FILE:LINE:COLUMN: text". There must be one.
  Refusal refusal(std::string_view text, const std::filesystem::path& file) const;

 private:
  std::vector<Problem> list_;
  std::size_t dropped_ = 0;
};

// Text from a file, made fit for a message: at most `characters` characters of printable ASCII, the
// rest as
// \xNN, so that a name cannot move a cursor, turn the writing direction or start a new line.
std::string printable(std::string_view text, std::size_t characters = 64);

}  // namespace toolgate::config

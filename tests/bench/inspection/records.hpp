#pragma once
// Labelled texts: one JSON object a line, as tests/bench/README.md describes.

#include <functional>
#include <istream>
#include <string>
#include <string_view>

#include "inspectors/judgement.hpp"

namespace toolgate::bench {

struct LabelledText {
  std::string id, source, tier, text;
  bool attack = false;
  bool hard = false;  // a benign text about attacks
  Surface surface = Surface::result;
};

// Answers how many records there were; throws with the line's number for one that is no record.
std::size_t read_records(std::istream& in, const std::function<void(LabelledText)>& use);

// What each judgement says, kept without its text.
struct Judged {
  std::string id, source, tier;
  bool attack, hard;
  Surface surface;
  double score;
  TextVerdict verdict;
};

void print_quality(const std::vector<Judged>& judged);
void print_speed();

}  // namespace toolgate::bench

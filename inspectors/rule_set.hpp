#pragma once
// The rules, compiled. Every part of every rule is in one RE2 set, and each rule has one expression
// that puts its parts in their order and distance. A text goes through the set piece by piece, cut
// at the ends of sentences; only where all parts of a rule are in one piece is the rule itself
// asked. That costs as much as the set does, whatever the text: its automaton has no memory of what
// it saw a sentence ago, and what rules are asked is counted.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "inspectors/literal.hpp"
#include "inspectors/rule.hpp"

namespace toolgate {

struct Hit {
  const Rule* rule = nullptr;
  Range range;        // in the text that was matched
  bool told = false;  // stands in quotation marks, or after words such as "for example"
};

class RuleSet {
 public:
  // `memory_bytes`: for the automaton of the set.
  explicit RuleSet(std::span<const std::span<const Rule>> tables,
                   std::int64_t memory_bytes = memory_default);
  ~RuleSet();
  RuleSet(RuleSet&&) = delete;

  enum class End {
    complete,
    out_of_memory,  // the set could not judge: nothing is known about the text
    out_of_work,    // so many half matches that the text was made for it, or holds thousands
  };
  // Appends to `hits`. `text` is in normal form.
  End match(std::string_view text, std::vector<Hit>& hits) const;

  // The set over the whole text and nothing else: what inspection's speed is compared with.
  bool touches(std::string_view text) const;

  std::vector<const Rule*> rules() const;
  std::size_t parts() const;

  static constexpr std::int64_t memory_default = std::int64_t{32} << 20U;

 private:
  struct Compiled;
  class Pass;
  std::unique_ptr<Compiled> compiled_;
};

// Those of this build, compiled once.
const RuleSet& all_rules();

}  // namespace toolgate

#pragma once
// The whole of inspection for one text: its views, what rules and characters say about them, and
// what is to be done with it. No I/O, no state between texts.
//
//   Judgement judgement = judge(text, Surface::result);
//   if (judgement.verdict != TextVerdict::allow) show(judgement.findings);

#include <cstddef>
#include <string_view>
#include <vector>

#include "gateway/core/finding.hpp"
#include "inspectors/rule_set.hpp"

namespace toolgate {

// A definition is read again and again and by every agent, and nothing in it answers a question:
// the same signals weigh more there.
enum class Surface { result, definition };

// From harmless to worst.
enum class TextVerdict {
  allow,       // as it is; findings are told at most
  sanitise,    // without the characters that nobody sees
  wrap,        // marked as text from outside
  quarantine,  // kept back until a person has looked
  refuse,      // not at all: it could not be judged, or nobody has an honest reason for it
};
std::string_view text_verdict_name(TextVerdict verdict);

// One signal: where, how sure, and which reading of the text showed it.
struct Signal {
  std::string_view id;
  double weight = 0;  // 0 to 1
  Range range;        // of the original
  std::string_view why;
  std::string_view reading;  // "as it is", "hidden", "decoded", ...
  Severity severity() const;
};

struct Judgement {
  TextVerdict verdict = TextVerdict::refuse;
  double score = 1;             // 0 to 1: how sure, over all signals that stand near each other
  std::vector<Signal> signals;  // in the order of the text
};

// What these signals say together. They are sorted, and of those that say the same about the same
// place only the surest is kept.
Judgement conclude(std::vector<Signal> signals, Surface surface);

// From this score on a verdict is certain.
inline constexpr double hard_least = 0.86;

// Every signal that there is, rules and all others: for lists.
struct SignalKind {
  std::string_view id;
  double in_result;
  double in_definition;
  std::string_view why;
};
std::vector<SignalKind> signal_kinds();

Judgement judge(std::string_view text, Surface surface, const RuleSet& rules = all_rules());

}  // namespace toolgate

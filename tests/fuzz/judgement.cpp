// What inspection promises of any text: findings lie in it, the score is what the verdict says, and
// the same text is judged the same again.

#include "inspectors/judgement.hpp"

#include <cassert>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace toolgate;
  if (size == 0) return 0;
  auto surface = data[0] % 2 == 0 ? Surface::result : Surface::definition;
  std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  auto judgement = judge(text, surface);
  assert(judgement.score >= 0 && judgement.score <= 1);
  assert((judgement.score < 0.5) == (judgement.verdict == TextVerdict::allow));
  for (const auto& signal : judgement.signals) {
    assert(signal.range.begin <= signal.range.end && signal.range.end <= text.size());
    assert(signal.weight > 0 && signal.weight <= 1);
  }
  auto again = judge(text, surface);
  assert(again.score == judgement.score && again.signals.size() == judgement.signals.size());
  return 0;
}

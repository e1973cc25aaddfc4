// What a text says, on its way through the gateway: the whole judgement of judgement.hpp. Signals
// are told; a text goes no further only where they are certain. What terminals and tag characters
// do is the business of the two inspectors beside this one, which remove or withhold by themselves.

#include <algorithm>

#include "inspectors/inspector.hpp"
#include "inspectors/judgement.hpp"

namespace toolgate {
namespace {

// Shorter ones hold no sentence.
constexpr std::size_t text_bytes_least = 8;

// Higher than for a verdict that a person looks at: nobody sees what is withheld here.
constexpr double certain_least = 0.92;

Surface surface_of(Channel channel) {
  return channel == Channel::definition ? Surface::definition : Surface::result;
}

// Texts that are there to instruct a model: what they say is no sign of anything, and only what
// they hide is.
bool instructs_by_nature(Channel channel) {
  return channel == Channel::prompt || channel == Channel::skill || channel == Channel::sampling ||
         channel == Channel::instructions;
}

bool is_others_business(const Signal& signal) {
  return signal.id.starts_with("terminal") || signal.id == "unicode.tag" ||
         signal.id == "unicode.control";
}

bool is_open_speech(const Signal& signal) {
  return signal.reading == "as it is" && !signal.id.starts_with("unicode") &&
         !signal.id.starts_with("inspection");
}

class TextSignals final : public Inspector {
 public:
  std::string_view name() const override { return "text_signals"; }

  void inspect(const Leaf& leaf, Channel channel, std::vector<Mark>& marks) const override {
    if (leaf.text.size() < text_bytes_least) return;
    auto surface = surface_of(channel);
    auto signals = judge(leaf.text, surface).signals;
    std::erase_if(signals, is_others_business);
    if (signals.empty()) return;
    // By itself none of them is more than a suspicion.
    for (const auto& signal : signals) marks.push_back(mark_of(signal));
    if (instructs_by_nature(channel)) std::erase_if(signals, is_open_speech);
    auto judgement = conclude(std::move(signals), surface);
    if (judgement.score < certain_least) return;
    marks.push_back(Mark{.finding = "text.certain",
                         .severity = Severity::hard,
                         .begin = 0,
                         .end = leaf.text.size(),
                         .why = "its signals together are certain: nobody writes this by accident",
                         .action = Mark::Action::withhold});
  }

 private:
  static Mark mark_of(const Signal& signal) {
    return Mark{.finding = signal.id,
                .severity = std::min(signal.severity(), Severity::soft),
                .begin = signal.range.begin,
                .end = signal.range.end,
                .why = signal.why};
  }
};

}  // namespace

std::unique_ptr<Inspector> make_text_signals() { return std::make_unique<TextSignals>(); }

}  // namespace toolgate

#include "inspectors/judgement.hpp"

#include <algorithm>
#include <map>

#include "inspectors/character_signals.hpp"
#include "inspectors/inspector.hpp"
#include "inspectors/views.hpp"

namespace toolgate {
namespace {

using std::string_view;

constexpr double soft_least = 0.5;
constexpr SignalKind encoded_text{"encoding.text", .52, .52,
                                  "text in an encoding that people do not read"};
constexpr SignalKind declared_text{"encoding.text", .3, .3, encoded_text.why};
constexpr SignalKind bomb{"encoding.bomb", .6, .6,
                          "more encoded text, or deeper, than is looked at"};
constexpr SignalKind no_memory{"inspection.memory", 1, 1,
                               "the rules ran out of their memory, so that nobody has judged this"};
constexpr SignalKind no_end{
    "inspection.work", .9, .9,
    "made of the beginnings of instructions, so that judging it has no end"};
constexpr SignalKind too_odd{"inspection.characters", .9, .9,
                             "more odd characters than are looked at"};
constexpr std::size_t window_bytes = 1500;  // signals within it are about one thing
constexpr std::size_t signals_most = 2000;  // told of one text, of one id and severity

// How sure a signal is when the text went out of its way to hide it.
double concealed(double weight) { return 1 - (1 - weight) * 0.4; }
// ... and when somebody seems to speak about it instead of saying it: told, but no alarm by itself.
double mentioned(double weight) { return weight * 0.6; }

// Of terminal controls the inspector says how bad they are.
SignalKind terminal_kind(Severity severity) {
  switch (severity) {
    case Severity::hard:
      return {"terminal (hides or moves text)", .55, .92, "a terminal would hide or move text"};
    case Severity::soft:
      return {"terminal (other commands)", .2, .6, "a command to a terminal"};
    case Severity::note:
      break;
  }
  return {"terminal (colours, marks)", .05, .5, "colours, overstriking, single control characters"};
}

double weight_of(const Hit& hit, const View& view, Surface surface, bool disguised) {
  double weight = surface == Surface::result ? hit.rule->in_result : hit.rule->in_definition;
  bool in_the_dark = view.reading != Reading::as_it_is && view.reading != Reading::visible;
  if (in_the_dark || disguised) return concealed(weight);
  return hit.told ? mentioned(weight) : weight;
}

class Judge {
 public:
  Judge(string_view text, Surface surface, const RuleSet& rules)
      : text_(text), surface_(surface), rules_(rules) {}

  Judgement run() && {
    Views views(text_);
    for (const auto& view : views.all()) match(view);
    for (const auto& view : views.all()) characters(view);
    for (const auto& [encoding, range] : views.decoded()) {
      bool ordinary = encoding == "base64" && is_declared(range);
      add(ordinary ? declared_text : encoded_text, range, encoding);
    }
    if (views.is_cut_off()) add_unjudged(bomb, "decoded");
    return conclude(std::move(signals_), surface_);
  }

 private:
  void add(const Signal& signal) {
    auto& count = counts_[{signal.id, signal.severity()}];
    if (count == signals_most) return;
    signals_.push_back(signal);
    ++count;
  }

  void add(const SignalKind& kind, Range range, string_view reading) {
    add(signal_of(kind, range, reading));
  }

  // That something was not looked at is told whatever else was: at most once for each view.
  void add_unjudged(const SignalKind& kind, string_view reading) {
    signals_.push_back(signal_of(kind, Range{.begin = 0, .end = text_.size()}, reading));
  }

  Signal signal_of(const SignalKind& kind, Range range, string_view reading) const {
    return {.id = kind.id,
            .weight = surface_ == Surface::result ? kind.in_result : kind.in_definition,
            .range = range,
            .why = kind.why,
            .reading = reading};
  }

  void match(const View& view) {
    std::vector<Hit> hits;
    auto end = rules_.match(view.form.text, hits);
    auto reading = reading_name(view.reading);
    if (end == RuleSet::End::out_of_memory) add_unjudged(no_memory, reading);
    if (end == RuleSet::End::out_of_work) add_unjudged(no_end, reading);
    if (view.form.more_oddities) add_unjudged(too_odd, reading);
    for (const auto& hit : hits) {
      bool disguised = view.form.is_disguised(view.form.map.source_of(hit.range));
      add({.id = hit.rule->id,
           .weight = weight_of(hit, view, surface_, disguised),
           .range = view.source_of(hit.range),
           .why = hit.rule->why,
           .reading = disguised ? "disguised" : reading});
    }
  }

  // What escapes stand for is looked at as well: in a text that is JSON nothing else is there.
  void characters(const View& view) {
    if (!view.way.empty() && view.reading != Reading::decoded) return;
    std::vector<Signal> found;
    character_signals(view.source, view.form, surface_, found);
    terminal(view.source, found);
    for (auto& signal : found) {
      for (const auto* map : view.way) signal.range = map->source_of(signal.range);
      add(signal);
    }
  }

  // Parts of mails, and interfaces that say that their content is base64, are ordinary.
  bool is_declared(Range blob) const {
    constexpr std::size_t near = 400;
    auto begin = blob.begin > near ? blob.begin - near : 0;
    // Not within: pieces of one blob have the range of all of it, and each would read it again.
    auto before = text_.substr(begin, blob.begin - begin);
    auto after = text_.substr(blob.end, near);
    for (string_view word : {"ransfer-", "ncoding", "TRANSFER-", "ENCODING"}) {
      if (before.contains(word) || after.contains(word)) return true;
    }
    return false;
  }

  void terminal(string_view text, std::vector<Signal>& found) const {
    static const auto inspector = make_terminal_escapes();
    std::vector<Mark> marks;
    inspector->inspect(Leaf{.text = text},
                       surface_ == Surface::result ? Channel::tool_result : Channel::definition,
                       marks);
    for (const auto& mark : marks) {
      auto kind = terminal_kind(mark.severity);
      found.push_back({.id = mark.finding,
                       .weight = surface_ == Surface::result ? kind.in_result : kind.in_definition,
                       .range = {.begin = mark.begin, .end = mark.end},
                       .why = mark.why,
                       .reading = "as it is"});
    }
  }

  string_view text_;
  Surface surface_;
  const RuleSet& rules_;
  std::vector<Signal> signals_;
  std::map<std::pair<string_view, Severity>, std::size_t> counts_;
};

string_view family_of(const Signal& signal) { return signal.id.substr(0, signal.id.find('.')); }

// The same words are seen in several readings: the surest counts.
void settle(std::vector<Signal>& signals) {
  std::ranges::sort(signals, [](const Signal& a, const Signal& b) {
    if (a.id != b.id) return a.id < b.id;
    if (a.range.begin != b.range.begin) return a.range.begin < b.range.begin;
    return a.weight > b.weight;
  });
  std::vector<Signal> kept;
  for (const auto& signal : signals) {
    bool same =
        !kept.empty() && kept.back().id == signal.id && signal.range.begin < kept.back().range.end;
    if (!same) {
      kept.push_back(signal);
    } else if (signal.weight > kept.back().weight) {
      kept.back() = signal;
    }
  }
  std::ranges::sort(kept, [](const Signal& a, const Signal& b) {
    return a.range.begin != b.range.begin ? a.range.begin < b.range.begin : a.id < b.id;
  });
  signals = std::move(kept);
}

// The most that signals of different families within one window say together.
double combined(const std::vector<Signal>& signals) {
  double most = 0;
  std::map<string_view, std::map<double, std::size_t>> inside;  // family: weights, counted
  std::size_t first = 0;
  for (const auto& signal : signals) {
    while (signals[first].range.begin + window_bytes < signal.range.begin) {
      auto& weights = inside[family_of(signals[first])];
      auto weight = weights.find(signals[first].weight);
      if (--weight->second == 0) weights.erase(weight);
      ++first;
    }
    ++inside[family_of(signal)][signal.weight];
    double doubt = 1;
    for (const auto& [family, weights] : inside) {
      if (!weights.empty()) doubt *= 1 - weights.rbegin()->first;
    }
    most = std::max(most, 1 - doubt);
  }
  return most;
}

// Would the text be harmless without what nobody sees in it?
bool is_about_characters(const std::vector<Signal>& signals) {
  return std::ranges::all_of(signals, [](const Signal& signal) {
    auto family = family_of(signal);
    return family == "unicode" || family == "terminal" || signal.weight < 0.3;
  });
}

TextVerdict verdict_of(const Judgement& judgement, Surface surface) {
  bool unjudged = std::ranges::any_of(
      judgement.signals, [](const Signal& signal) { return signal.id == no_memory.id; });
  if (unjudged) return TextVerdict::refuse;
  bool definition = surface == Surface::definition;
  if (judgement.score >= hard_least) {
    return definition ? TextVerdict::refuse : TextVerdict::quarantine;
  }
  if (judgement.score < soft_least) return TextVerdict::allow;
  if (definition) return TextVerdict::quarantine;
  return is_about_characters(judgement.signals) ? TextVerdict::sanitise : TextVerdict::wrap;
}

}  // namespace

string_view text_verdict_name(TextVerdict verdict) {
  switch (verdict) {
    case TextVerdict::allow:
      return "allow";
    case TextVerdict::sanitise:
      return "sanitise";
    case TextVerdict::wrap:
      return "wrap";
    case TextVerdict::quarantine:
      return "quarantine";
    case TextVerdict::refuse:
      return "refuse";
  }
  return "";
}

Severity Signal::severity() const {
  if (weight >= hard_least) return Severity::hard;
  return weight >= soft_least ? Severity::soft : Severity::note;
}

Judgement conclude(std::vector<Signal> signals, Surface surface) {
  Judgement judgement;
  judgement.signals = std::move(signals);
  settle(judgement.signals);
  judgement.score = combined(judgement.signals);
  judgement.verdict = verdict_of(judgement, surface);
  return judgement;
}

std::vector<SignalKind> signal_kinds() {
  std::vector<SignalKind> kinds;
  for (const Rule* rule : all_rules().rules()) {
    kinds.push_back({rule->id, rule->in_result, rule->in_definition, rule->why});
  }
  for (const auto& kind : character_signal_kinds()) kinds.push_back(kind);
  for (const auto& kind : {encoded_text, bomb, no_memory, no_end, too_odd}) kinds.push_back(kind);
  for (auto severity : {Severity::hard, Severity::soft, Severity::note}) {
    kinds.push_back(terminal_kind(severity));
  }
  std::ranges::sort(kinds, {}, &SignalKind::id);
  return kinds;
}

Judgement judge(string_view text, Surface surface, const RuleSet& rules) {
  return Judge(text, surface, rules).run();
}

}  // namespace toolgate

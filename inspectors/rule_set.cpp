#include "inspectors/rule_set.hpp"

#include <re2/re2.h>
#include <re2/set.h>

#include <algorithm>
#include <cassert>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>

namespace toolgate {
namespace {

using std::string_view;

constexpr std::size_t piece_bytes = 512;     // at least; the rest of a sentence comes on top
constexpr std::size_t sentence_bytes = 384;  // looked through for the end of one
constexpr std::size_t overlap_bytes = 320;   // where none was found
constexpr std::size_t hits_most = 32;        // of one rule in one text, told and untold each
constexpr std::int64_t part_memory_bytes = std::int64_t{1} << 20U;
constexpr std::size_t context_bytes = 60;

RE2::Options options(std::int64_t memory_bytes) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(memory_bytes);
  options.set_never_nl(false);
  options.set_dot_nl(false);
  return options;
}

std::string with_words(string_view part) {
  std::string out(part);
  for (bool again = true; again;) {
    again = false;
    for (const auto& word : rule_words()) {
      const std::string name = "{" + std::string(word.name) + "}";
      for (auto at = out.find(name); at != std::string::npos; at = out.find(name)) {
        out.replace(at, name.size(), word.alternatives);
        again = true;
      }
    }
  }
  return out;
}

re2::StringPiece piece(string_view text) { return {text.data(), text.size()}; }

// The end of the piece that begins at `begin`: of a sentence if one ends here.
std::size_t piece_end(string_view text, std::size_t begin) {
  auto end = begin + piece_bytes;
  if (end >= text.size()) return text.size();
  auto stop = std::min(text.size(), end + sentence_bytes);
  for (auto at = end; at < stop; ++at) {
    char before = text[at - 1];
    if (text[at] == '\n') return at + 1;
    if (text[at] == ' ' && (before == '.' || before == '!' || before == '?')) return at + 1;
  }
  return stop;
}

bool ends_sentence(string_view text, std::size_t end) {
  if (end == text.size() || text[end - 1] == '\n') return true;
  return text[end - 1] == ' ' && string_view(".!?").contains(text[end - 2]);
}

}  // namespace

struct RuleSet::Compiled {
  struct Entry {
    const Rule* rule;
    std::vector<std::size_t> parts;
  };
  explicit Compiled(std::int64_t memory_bytes)
      : set(options(memory_bytes), RE2::UNANCHORED),
        context(
            R"(\b(?:such as|e\.g\.?,?|for example,?|for instance,?|examples?:|detects?|detecting|flags|blocks|prevents?|phrases?|saying|patterns?|attempts? to|attempting to|trying to|tries to|try to|known as|injections?|jailbreaks?|attacks?|attackers?|adversar[a-z]+|malicious [a-z]+|payloads?|designed to|instructing|asking|telling|can|could|might)\b[^.!?\n]*$)",
            options(part_memory_bytes)) {
    if (!context.ok()) throw std::logic_error(context.error());
  }

  // Every distinct part, once.
  std::size_t part(const std::string& pattern) {
    auto known = numbers.find(pattern);
    if (known != numbers.end()) return known->second;
    std::string error;
    int number = set.Add(pattern, &error);
    if (number < 0) throw std::logic_error("a rule does not compile: " + error + ": " + pattern);
    singles.push_back(std::make_unique<RE2>(pattern, options(part_memory_bytes)));
    assert(singles.size() == static_cast<std::size_t>(number) + 1);
    numbers.emplace(pattern, singles.size() - 1);
    return singles.size() - 1;
  }

  void add(const Rule& rule) {
    Entry entry{.rule = &rule, .parts = {}};
    for (auto written : rule.parts) {
      if (!written.empty()) entry.parts.push_back(part(with_words(written)));
    }
    entries.push_back(std::move(entry));
  }

  bool is_told(string_view text, Range range) const {
    auto quote = [](char c) { return c == '"' || c == '\'' || c == '`'; };
    // A string in JSON is in quotation marks too, and speaks for itself.
    bool quoted = range.begin > 1 && quote(text[range.begin - 1]) &&
                  !string_view(":,[{(\\=").contains(text[range.begin - 2]) &&
                  !(text[range.begin - 2] == ' ' && range.begin > 2 &&
                    string_view(":,[{").contains(text[range.begin - 3])) &&
                  text.substr(range.end, context_bytes).contains(text[range.begin - 1]);
    auto begin = range.begin > context_bytes ? range.begin - context_bytes : 0;
    auto before = text.substr(begin, range.begin - begin);
    return quoted || RE2::PartialMatch(piece(before), context);
  }

  RE2::Set set;
  bool fits = false;  // RE2 tries the automaton out when it compiles the set
  std::vector<std::unique_ptr<RE2>> singles;  // the same parts, one by one
  RE2 context;
  std::map<std::string, std::size_t> numbers;
  std::vector<Entry> entries;
};

namespace {

// One rule in one piece of the text.
class Matcher {
 public:
  Matcher(std::span<const std::unique_ptr<RE2>> singles, std::span<const std::size_t> parts,
          std::size_t gap, string_view text, std::size_t& work)
      : singles_(singles), parts_(parts), gap_(gap), text_(text), work_(work) {}

  // The first match that begins at `from` or later; nothing when there is none or no work is left.
  std::optional<Range> next(std::size_t from) {
    while (from < text_.size()) {
      auto first = find(0, from, text_.size());
      if (!first) return std::nullopt;
      if (auto end = follow(1, first->end)) return Range{.begin = first->begin, .end = *end};
      from = std::max(first->begin + 1, first->end);
    }
    return std::nullopt;
  }

 private:
  static constexpr std::size_t part_bytes_most = 200;

  // Where the parts from `number` on end, when they begin at `from` or within the gap after it.
  std::optional<std::size_t> follow(std::size_t number, std::size_t from) {
    if (number == parts_.size()) return from;
    auto limit = sentence_end(from, std::min(text_.size(), from + gap_));
    auto stop = std::min(text_.size(), limit + part_bytes_most);
    for (auto at = from; at <= limit;) {
      auto match = find(number, at, stop);
      if (!match || match->begin > limit) return std::nullopt;
      if (auto end = follow(number + 1, match->end)) return end;
      at = std::max(match->begin + 1, match->end);
    }
    return std::nullopt;
  }

  // A dot in a name or a number ends no sentence.
  std::size_t sentence_end(std::size_t at, std::size_t stop) const {
    for (; at < stop; ++at) {
      if (text_[at] == '\n') return at;
      bool last = at + 1 < text_.size() && (text_[at + 1] == ' ' || text_[at + 1] == '\n');
      if (last && string_view(".!?").contains(text_[at])) return at;
    }
    return stop;
  }

  std::optional<Range> find(std::size_t number, std::size_t begin, std::size_t end) {
    if (work_ < end - begin) {
      work_ = 0;
      return std::nullopt;
    }
    re2::StringPiece match;
    if (!singles_[parts_[number]]->Match(piece(text_), begin, end, RE2::UNANCHORED, &match, 1)) {
      work_ -= end - begin;
      return std::nullopt;
    }
    auto at = static_cast<std::size_t>(match.data() - text_.data());
    work_ -= std::min(work_, at + match.size() - begin);
    return Range{.begin = at, .end = at + match.size()};
  }

  std::span<const std::unique_ptr<RE2>> singles_;
  std::span<const std::size_t> parts_;
  std::size_t gap_;
  string_view text_;
  std::size_t& work_;
};

}  // namespace

// One text, piece by piece.
class RuleSet::Pass {
 public:
  Pass(const Compiled& rules, string_view text, std::vector<Hit>& hits)
      : rules_(rules),
        text_(text),
        hits_(hits),
        present_(rules.singles.size()),
        counts_(rules.entries.size()),
        work_(work_per_byte * text.size() + work_least) {}

  End read(std::size_t begin, std::size_t end) {
    auto part = text_.substr(begin, end - begin);
    RE2::Set::ErrorInfo error{};
    if (!rules_.set.Match(piece(part), &found_, &error)) {
      return error.kind == RE2::Set::kNoError ? End::complete : End::out_of_memory;
    }
    for (int number : found_) present_[static_cast<std::size_t>(number)] = true;
    for (std::size_t i = 0; i < rules_.entries.size() && work_ > 0; ++i) ask(i, begin, part);
    for (int number : found_) present_[static_cast<std::size_t>(number)] = false;
    return work_ > 0 ? End::complete : End::out_of_work;
  }

 private:
  // What rules may read after the set has: enough for any text that people write.
  static constexpr std::size_t work_per_byte = 6;
  static constexpr std::size_t work_least = std::size_t{64} * 1024;
  static constexpr std::size_t work_per_mention = 16;  // beyond those that are told

  void ask(std::size_t i, std::size_t begin, string_view part) {
    const auto& entry = rules_.entries[i];
    bool all = std::ranges::all_of(entry.parts, [&](std::size_t n) { return present_[n]; });
    if (!all) return;
    Matcher matcher(rules_.singles, entry.parts, entry.rule->gap, part, work_);
    auto& counts = counts_[i];
    for (std::size_t at = 0; counts.untold < hits_most;) {
      auto match = matcher.next(at);
      if (!match) break;
      at = std::max(match->end, match->begin + 1);
      Range range{.begin = begin + match->begin, .end = begin + match->end};
      bool told = rules_.is_told(text_, range);
      auto& count = told ? counts.told : counts.untold;
      if (count == hits_most) {
        // However often somebody speaks of it, the one who says it is still looked for.
        work_ -= std::min(work_, work_per_mention);
        continue;
      }
      hits_.push_back(Hit{.rule = entry.rule, .range = range, .told = told});
      ++count;
    }
  }

  struct Counts {
    std::size_t told = 0, untold = 0;
  };

  const Compiled& rules_;
  string_view text_;
  std::vector<Hit>& hits_;
  std::vector<int> found_;
  std::vector<bool> present_;   // parts, in this piece
  std::vector<Counts> counts_;  // hits, by rule
  std::size_t work_;
};

RuleSet::RuleSet(std::span<const std::span<const Rule>> tables, std::int64_t memory_bytes)
    : compiled_(std::make_unique<Compiled>(memory_bytes)) {
  for (auto table : tables) {
    for (const auto& rule : table) compiled_->add(rule);
  }
  compiled_->fits = compiled_->set.Compile();
}

RuleSet::~RuleSet() = default;

RuleSet::End RuleSet::match(string_view text, std::vector<Hit>& hits) const {
  if (!compiled_->fits) return End::out_of_memory;
  Pass pass(*compiled_, text, hits);
  for (std::size_t begin = 0; begin < text.size();) {
    auto end = piece_end(text, begin);
    if (auto how = pass.read(begin, end); how != End::complete) return how;
    if (end == text.size()) break;
    begin = ends_sentence(text, end) ? end : end - overlap_bytes;
  }
  return End::complete;
}

bool RuleSet::touches(string_view text) const {
  std::vector<int> found;
  return compiled_->fits && compiled_->set.Match(piece(text), &found);
}

std::vector<const Rule*> RuleSet::rules() const {
  std::vector<const Rule*> out;
  for (const auto& entry : compiled_->entries) out.push_back(entry.rule);
  return out;
}

std::size_t RuleSet::parts() const { return compiled_->numbers.size(); }

const RuleSet& all_rules() {
  static const std::array tables{english_rules(), language_rules(), protocol_rules()};
  static const RuleSet set{tables};
  return set;
}

}  // namespace toolgate

#include "inspectors/views.hpp"

#include <algorithm>

#include "gateway/core/json_text.hpp"
#include "inspectors/encodings.hpp"
#include "inspectors/inspector.hpp"
#include "inspectors/markup.hpp"
#include "inspectors/survey.hpp"

namespace toolgate {
namespace {

using std::string_view;

constexpr std::size_t steps_most = 3;  // of encodings within encodings
constexpr std::size_t budget_least = 64 * 1024;
constexpr std::size_t escaped_letters_least = 16;
constexpr std::size_t carried_least = 4;  // fewer characters carry no words

// Of the introducers of C1 those two that are more than a byte decoded wrongly.
bool has_terminal_controls(string_view text) {
  return text.contains('\x1B') || text.contains('\b') || text.contains("\xC2\x9B") ||
         text.contains("\xC2\x9D");
}

struct TerminalParts {
  DerivedText shown;
  DerivedText swallowed;
};

// What a terminal shows of the text, and what it takes as commands.
TerminalParts split_terminal(string_view text) {
  static const auto inspector = make_terminal_escapes();
  std::vector<Mark> marks;
  inspector->inspect(Leaf{.text = text}, Channel::tool_result, marks);
  std::vector<Range> removed;
  for (const auto& mark : marks) {
    if (mark.action == Mark::Action::remove) removed.push_back({mark.begin, mark.end});
  }
  unite(removed);
  TerminalParts parts;
  std::size_t at = 0;
  for (const auto& range : removed) {
    parts.shown.copy(text.substr(at, range.begin - at), at);
    parts.swallowed.copy(text.substr(range.begin, range.end - range.begin), range.begin);
    parts.swallowed.write("\n\n", Range{.begin = range.end, .end = range.end});
    at = range.end;
  }
  parts.shown.copy(text.substr(at), at);
  return parts;
}

// What has no width may join two words: the text with spaces in these places. Nothing where there
// are none.
DerivedText break_words(string_view text, const NormalForm& form) {
  DerivedText out;
  std::size_t at = 0;
  for (const auto& oddity : form.oddities) {
    if (oddity.kind != OddCharacters::Kind::zero_width &&
        oddity.kind != OddCharacters::Kind::control)
      continue;
    out.copy(text.substr(at, oddity.source.begin - at), at);
    out.write(" ", oddity.source);
    at = oddity.source.end;
  }
  if (at > 0) out.copy(text.substr(at), at);
  return out;
}

}  // namespace

string_view reading_name(Reading reading) {
  switch (reading) {
    case Reading::as_it_is:
      return "as it is";
    case Reading::visible:
      return "visible";
    case Reading::hidden:
      return "hidden";
    case Reading::decoded:
      return "decoded";
    case Reading::carried:
      return "carried";
  }
  return "";
}

Range View::source_of(Range part) const {
  auto range = form.map.source_of(part);
  for (const auto* map : way) range = map->source_of(range);
  return range;
}

Views::Views(string_view text) : budget_(2 * text.size() + budget_least) {
  waiting_.push_back(Item{.text = text});
  while (!waiting_.empty()) {
    auto item = std::move(waiting_.back());
    waiting_.pop_back();
    take(std::move(item));
  }
}

void Views::take(Item item) {
  auto form = normalise(item.text);
  carry(item, form);
  derive(item, form);
  views_.push_back(View{.reading = item.reading,
                        .encoding = item.encoding,
                        .source = item.text,
                        .form = std::move(form),
                        .way = std::move(item.way)});
}

void Views::derive(const Item& item, const NormalForm& form) {
  auto worth = survey(item.text);
  if (item.whole && worth.terminal_controls && has_terminal_controls(item.text)) {
    auto parts = split_terminal(item.text);
    add_derived(item, Reading::hidden, "", std::move(parts.swallowed));
    add_derived(item, Reading::visible, "", std::move(parts.shown));
    return;  // all else is looked for in what is shown
  }
  if (item.whole || item.reading == Reading::visible) {
    if (auto split = item.reading == Reading::hidden ? std::nullopt : split_markup(item.text)) {
      add_derived(item, Reading::hidden, "markup", std::move(split->hidden));
      if (item.encoding != "markup") {
        add_derived(item, Reading::visible, "markup", std::move(split->visible));
      }
    }
  }
  if (item.reading == Reading::visible && item.encoding != "") return;
  // The text, or what a terminal shows of it.
  bool outermost = item.reading == Reading::as_it_is ||
                   (item.reading == Reading::visible && item.encoding.empty() && item.steps == 0);
  if (outermost) {
    add_derived(item, Reading::visible, "word breaks", break_words(item.text, form));
  }
  bool deepest = item.steps == steps_most;
  auto blobs = decode_blobs(item.text, blobs_left_);
  blobs_left_ -= blobs.found.size();
  cut_off_ |= blobs.more || (deepest && !blobs.found.empty());
  auto escapes = worth.escapes ? decode_escapes(item.text) : Unescaped();
  if (deepest) return;
  for (auto& blob : blobs.found) {
    add_derived(item, Reading::decoded, blob.encoding, std::move(blob.text));
  }
  if (escapes.letters >= escaped_letters_least) {
    tell_decoded(item, "escaped letters", escapes.first_letters);
  }
  add_derived(item, Reading::decoded, "escapes", std::move(escapes.text));
  if (item.steps > 0) return;
  if (worth.spaced_letters) {
    add_derived(item, Reading::decoded, "spacing", join_spaced(item.text));
  }
  if (worth.leet) add_derived(item, Reading::decoded, "leet", read_leet(item.text));
  if (outermost) add_derived(item, Reading::visible, "fields", join_fields(item.text));
}

void Views::add_derived(const Item& parent, Reading reading, string_view encoding,
                        DerivedText text) {
  if (text.text.empty()) return;
  if (text.text.size() > budget_) {
    cut_off_ = true;
    return;
  }
  budget_ -= text.text.size();
  texts_.push_back(std::make_unique<DerivedText>(std::move(text)));
  const auto& kept = *texts_.back();
  bool decodes = reading == Reading::decoded || reading == Reading::carried;
  // What is hidden stays hidden however it is written.
  auto kind = parent.reading == Reading::hidden || parent.reading == Reading::carried
                  ? parent.reading
                  : reading;
  Item item{.text = kept.text,
            .reading = kind,
            .encoding = encoding,
            .way = {&kept.map},
            .steps = parent.steps + decodes,
            .whole = decodes};
  item.way.insert(item.way.end(), parent.way.begin(), parent.way.end());
  if (decodes && encoding != "escapes" && encoding != "leet") {
    tell_decoded(parent, encoding, kept.map.source_of({.begin = 0, .end = kept.text.size()}));
  }
  waiting_.push_back(std::move(item));
}

void Views::tell_decoded(const Item& item, string_view encoding, Range range) {
  for (const auto* map : item.way) range = map->source_of(range);
  decoded_.emplace_back(encoding, range);
}

void Views::carry(const Item& item, const NormalForm& form) {
  DerivedText carried;
  std::size_t count = 0;
  for (const auto& oddity : form.oddities) {
    if (oddity.kind != OddCharacters::Kind::tag && oddity.kind != OddCharacters::Kind::variation)
      continue;
    if (oddity.characters < carried_least) continue;
    const auto* p = item.text.data() + oddity.source.begin;
    const auto* end = item.text.data() + oddity.source.end;
    while (p < end) {
      auto length = utf8_length(p, end);
      if (length == 0) break;
      auto byte = carried_byte(utf8_code_point(string_view(p, length)));
      auto at = static_cast<std::size_t>(p - item.text.data());
      if (byte >= 0) {
        char c = static_cast<char>(byte);
        carried.write(string_view(&c, 1), Range{.begin = at, .end = at + length});
        ++count;
      }
      p += length;
    }
    carried.write("\n\n", Range{.begin = oddity.source.end, .end = oddity.source.end});
  }
  if (count > 0 && item.steps < steps_most) {
    add_derived(item, Reading::carried, "invisible", std::move(carried));
  }
}

}  // namespace toolgate

#include "gateway/cli/shown_text.hpp"

#include <algorithm>
#include <ostream>
#include <utility>
#include <vector>

#include "gateway/cli/revealed.hpp"
#include "gateway/cli/word_difference.hpp"

namespace toolgate {
namespace {

constexpr std::size_t unchanged_bytes = 160;  // of one line, between two changes
constexpr std::size_t kept_bytes = 60;        // of those, at either end
constexpr std::size_t joined_bytes = 88;      // of a value that stands on one line
constexpr FoldLimits difference_limits{.lines = 24, .bytes = 4'000};

std::string count_of(std::size_t count, std::string_view one) {
  return std::to_string(count) + " " + std::string(one) + (count == 1 ? "" : "s");
}

// The start of the character that these bytes end in.
std::size_t whole(std::string_view text, std::size_t at) {
  while (at > 0 && at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return at;
}

// On one line: {"type": "string", "maxLength": 10}
void join(std::string& out, const Value& value) {
  if (value.is_object()) {
    out += "{";
    for (bool first = true; const Member& member : value.members()) {
      out.append(std::exchange(first, false) ? "" : ", ").append(json_quote(member.name));
      out += ": ";
      join(out, member.value);
    }
    out += "}";
  } else if (value.is_array()) {
    out += "[";
    for (bool first = true; const Value& element : value.elements()) {
      out += std::exchange(first, false) ? "" : ", ";
      join(out, element);
    }
    out += "]";
  } else {
    out += value.is_string() ? json_quote(value.text()) : std::string(value.raw());
  }
}

void spread(std::string& out, const Value& value, std::size_t depth) {
  const std::string indent(2 * (depth + 1), ' ');
  const bool holds_more = (value.is_object() || value.is_array()) && value.size() > 0;
  if (!holds_more || value.raw().size() <= joined_bytes) {
    join(out, value);
  } else if (value.is_object()) {
    out += "{";
    for (bool first = true; const Member& member : value.members()) {
      out += std::exchange(first, false) ? "\n" : ",\n";
      out.append(indent).append(json_quote(member.name)).append(": ");
      spread(out, member.value, depth + 1);
    }
    out.append("\n").append(2 * depth, ' ').append("}");
  } else {
    out += "[";
    for (bool first = true; const Value& element : value.elements()) {
      out.append(std::exchange(first, false) ? "\n" : ",\n").append(indent);
      spread(out, element, depth + 1);
    }
    out.append("\n").append(2 * depth, ' ').append("]");
  }
}

enum class Side { was, is };

// A server's own text must not look like a mark.
std::string unmarked(std::string text) {
  for (const std::string_view mark : {"[-", "-]", "{+", "+}"}) {
    for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at + 3)) {
      text.insert(at + 1, "\\");
    }
  }
  return text;
}

std::string marked(const Console& console, Side side, const std::string& text) {
  if (console.styled) {
    return styled(console, side == Side::was ? Style::removed : Style::added, text);
  }
  return side == Side::was ? "[-" + text + "-]" : "{+" + text + "+}";
}

struct Line {
  std::string text;
  bool is_changed = false;
};

// One side of a difference, as lines.
class MarkedLines {
 public:
  MarkedLines(const Console& console, std::string_view text, Side side, Fold fold)
      : console_(console), text_(text), revealed_(text), side_(side), fold_(fold) {}

  std::vector<Line> lines(const std::vector<Stretch>& stretches) {
    lines_.emplace_back();
    for (std::size_t at = 0; at < stretches.size();) {
      const Stretch& first = stretches[at];
      if (text_.substr(first.begin, first.end - first.begin) == "\n") {
        if (first.is_changed) add("<U+000A LINE FEED>", true);
        lines_.emplace_back();
        ++at;
        continue;
      }
      std::size_t end = at;
      while (end < stretches.size() && stretches[end].is_changed == first.is_changed &&
             text_[stretches[end].begin] != '\n') {
        ++end;
      }
      put(first.begin, stretches[end - 1].end, first.is_changed);
      at = end;
    }
    return std::move(lines_);
  }

 private:
  void add(const std::string& text, bool changed) {
    lines_.back().text += changed ? marked(console_, side_, text) : text;
    lines_.back().is_changed = lines_.back().is_changed || changed;
  }
  std::string part(std::size_t begin, std::size_t end) const {
    const std::string text = revealed_.part(begin, end);
    return console_.styled ? text : unmarked(text);
  }
  void put(std::size_t begin, std::size_t end, bool changed) {
    if (changed || fold_ == Fold::full || end - begin <= unchanged_bytes) {
      add(part(begin, end), changed);
      return;
    }
    const std::size_t left = whole(text_, begin + kept_bytes);
    const std::size_t right = whole(text_, end - kept_bytes);
    add(part(begin, left), false);
    add(" … " + count_of(right - left, "byte") + " the same … ", false);
    add(part(right, end), false);
  }

  const Console& console_;
  std::string_view text_;
  Revealed revealed_;
  Side side_;
  Fold fold_;
  std::vector<Line> lines_;
};

void print_side(Console& console, const std::vector<Line>& lines, std::string_view margin,
                std::string_view sign, Fold fold) {
  std::size_t shown = 0;
  std::size_t bytes = 0;
  std::size_t same = 0;
  const auto tell_same = [&] {
    if (same > 0) console.out << margin << "  … " << count_of(same, "line") << " the same\n";
    same = 0;
  };
  for (std::size_t at = 0; at < lines.size(); ++at) {
    const bool near = lines[at].is_changed || (at > 0 && lines[at - 1].is_changed) ||
                      (at + 1 < lines.size() && lines[at + 1].is_changed) || lines.size() <= 3;
    if (fold == Fold::folded && !near) {
      ++same;
      continue;
    }
    tell_same();
    if (fold == Fold::folded &&
        (shown >= difference_limits.lines || bytes >= difference_limits.bytes)) {
      const auto changed = std::ranges::count_if(lines.begin() + static_cast<std::ptrdiff_t>(at),
                                                 lines.end(), &Line::is_changed);
      console.out << margin << "  … " << count_of(lines.size() - at, "line") << " more, " << changed
                  << " of them changed: --full\n";
      return;
    }
    console.out << margin << sign << " " << lines[at].text << "\n";
    ++shown;
    bytes += lines[at].text.size();
  }
  tell_same();
}

// Lines with four words or more: what a model would read as a sentence.
std::size_t prose_lines(std::string_view text) {
  std::size_t lines = 0;
  std::size_t words = 0;
  bool in_word = false;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        static_cast<unsigned char>(c) >= 0x80 || (in_word && c == '\'');
    if (!letter && c != ' ' && c != '\n' && !in_word) continue;
    words += in_word && (c == ' ' || c == '.' || c == ',') ? 1 : 0;
    in_word = letter;
    if (c != '\n') continue;
    lines += words >= 3 ? 1 : 0;
    words = 0;
  }
  return lines + (words >= 3 ? 1 : 0);
}

}  // namespace

void print_text(Console& console, std::string_view text, std::string_view margin, Style style,
                Fold fold, FoldLimits limits) {
  const Revealed revealed(text);
  std::size_t lines = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (fold == Fold::folded && lines >= limits.lines) break;
    std::size_t cut = end;
    if (fold == Fold::folded && cut > limits.bytes) cut = whole(text, std::max(at, limits.bytes));
    console.out << margin << styled(console, style, revealed.part(at, cut)) << "\n";
    ++lines;
    at = cut < end ? cut : end + 1;
    if (cut < end) break;
  }
  if (at >= text.size()) return;
  const std::string_view rest = text.substr(at);
  const auto more = static_cast<std::size_t>(std::ranges::count(rest, '\n')) + 1;
  const std::size_t prose = prose_lines(rest);
  console.out << margin
              << styled(console, Style::faint,
                        "… " + count_of(more, "line") + ", " + count_of(rest.size(), "byte") +
                            " more" +
                            (prose > 0 ? ", with sentences in " + std::to_string(prose) : "") +
                            ": --full");
  const std::size_t hidden = revealed.hidden_in(at, text.size());
  if (hidden > 0) {
    console.out << styled(
        console, Style::bad,
        "; " + count_of(hidden, "character") + " of them invisible or posing as another");
  }
  console.out << "\n";
}

std::string spread_json(const Value& value) {
  std::string out;
  spread(out, value, 0);
  return out;
}

ShownValues shown_values(const std::string& was_json, const std::string& is_json) {
  auto was = parse_document(Untrusted<std::string>(was_json), JsonLimits{});
  auto is = parse_document(Untrusted<std::string>(is_json), JsonLimits{});
  if (!was || !is) return {was_json, is_json};
  if (was->root().is_string() && is->root().is_string()) {
    return {was->root().text(), is->root().text()};
  }
  return {spread_json(was->root()), spread_json(is->root())};
}

void print_difference(Console& console, const ShownValues& values, std::string_view margin,
                      Fold fold) {
  const WordDifference difference = word_difference(values.was, values.is);
  MarkedLines was(console, values.was, Side::was, fold);
  MarkedLines is(console, values.is, Side::is, fold);
  print_side(console, was.lines(difference.was), margin, "-", fold);
  print_side(console, is.lines(difference.is), margin, "+", fold);
}

}  // namespace toolgate

#include "gateway/cli/inspect_report.hpp"

#include <algorithm>
#include <cstdio>

#include "gateway/core/document.hpp"

namespace toolgate {
namespace {

constexpr std::size_t shown_around = 48;   // bytes of the text before and after a finding
constexpr std::size_t shown_inside = 160;  // of a longer one its beginning and its end

std::string number(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.3f", value);
  return buffer;
}

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80; }

// Whole characters: a place within one moves to its beginning.
std::size_t boundary(std::string_view text, std::size_t at) {
  at = std::min(at, text.size());
  while (at > 0 && at < text.size() && continues_character(text[at])) --at;
  return at;
}

std::string part(std::string_view text, std::size_t begin, std::size_t end) {
  begin = boundary(text, begin);
  end = boundary(text, end);
  std::string shown(text.substr(begin, std::max(begin, end) - begin));
  for (char& c : shown) {
    if (c == '\n' || c == '\t' || c == '\r') c = ' ';
  }
  return visible(shown);
}

Style style_of(Severity severity) {
  if (severity == Severity::hard) return Style::bad;
  return severity == Severity::soft ? Style::warning : Style::faint;
}

std::string excerpt(const Console& console, std::string_view text, const Signal& signal) {
  auto [begin, end] = signal.range;
  std::string inside = part(text, begin, end);
  if (end - begin > shown_inside) {
    inside = part(text, begin, begin + shown_inside / 2) + " ... " +
             part(text, end - shown_inside / 2, end);
  }
  auto before = begin > shown_around ? begin - shown_around : 0;
  return (before > 0 ? "..." : "") + part(text, before, begin) + ">>" +
         styled(console, Style::strong, inside) + "<<" + part(text, end, end + shown_around) +
         (end + shown_around < text.size() ? "..." : "");
}

std::string how_bad(double weight) {
  Signal signal;
  signal.weight = weight;
  return std::string(severity_name(signal.severity()));
}

}  // namespace

std::string judgement_json(const Judgement& judgement, std::string_view id) {
  std::string out = "{";
  if (!id.empty()) out.append("\"id\":").append(id).append(",");
  out.append("\"verdict\":").append(json_quote(text_verdict_name(judgement.verdict)));
  out.append(",\"score\":").append(number(judgement.score)).append(",\"findings\":[");
  for (const Signal& signal : judgement.signals) {
    if (out.back() != '[') out += ',';
    out.append("{\"id\":").append(json_quote(signal.id));
    out.append(",\"severity\":").append(json_quote(severity_name(signal.severity())));
    out.append(",\"span\":[").append(std::to_string(signal.range.begin)).append(",");
    out.append(std::to_string(signal.range.end)).append("]");
    out.append(",\"why\":").append(json_quote(signal.why));
    out.append(",\"reading\":").append(json_quote(signal.reading)).append("}");
  }
  return out + "]}";
}

void print_judgement(Console& console, std::string_view text, const Judgement& judgement) {
  auto style = judgement.verdict == TextVerdict::allow ? Style::good : Style::bad;
  console.out << styled(console, style, text_verdict_name(judgement.verdict)) << ": score "
              << number(judgement.score) << ", " << judgement.signals.size() << " findings in "
              << text.size() << " bytes\n";
  for (const Signal& signal : judgement.signals) {
    console.out << '\n'
                << styled(console, style_of(signal.severity()), severity_name(signal.severity()))
                << "  " << signal.id << "  bytes " << signal.range.begin << " to "
                << signal.range.end;
    if (signal.reading != "as it is") console.out << ", " << signal.reading;
    console.out << "\n      " << signal.why << "\n      " << excerpt(console, text, signal) << '\n';
  }
}

void print_rules(Console& console, bool json) {
  if (json) {
    for (const SignalKind& kind : signal_kinds()) {
      console.out << json_line(console, "{\"id\":" + json_quote(kind.id) +
                                            ",\"result\":" + number(kind.in_result) +
                                            ",\"definition\":" + number(kind.in_definition) +
                                            ",\"why\":" + json_quote(kind.why) +
                                            ",\"version\":" + std::to_string(rules_version) + "}")
                  << '\n';
    }
    return;
  }
  Table table({{"SIGNAL", Table::Fit::keep},
               {"IN A RESULT", Table::Fit::keep},
               {"IN A DEFINITION", Table::Fit::keep},
               {"WHAT IT MEANS", Table::Fit::shrink}});
  for (const SignalKind& kind : signal_kinds()) {
    table.add({std::string(kind.id), how_bad(kind.in_result), how_bad(kind.in_definition),
               std::string(kind.why)});
  }
  table.print(console);
  console.out << "rules version " << rules_version << '\n';
}

}  // namespace toolgate

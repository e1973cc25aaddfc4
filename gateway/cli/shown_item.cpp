#include "gateway/cli/shown_item.hpp"

#include <array>
#include <ostream>
#include <set>

#include "gateway/cli/revealed.hpp"
#include "gateway/core/clock.hpp"

namespace toolgate {
namespace {

constexpr std::string_view margin = "      ";
constexpr std::string_view inner = "        ";
constexpr std::size_t changes_most = 12;  // of one item, until --full
constexpr FoldLimits description_limits{.lines = 8, .bytes = 800};
constexpr FoldLimits schema_limits{.lines = 16, .bytes = 2'000};
constexpr FoldLimits value_limits{.lines = 10, .bytes = 800};

constexpr std::array by_risk = {ChangeClass::fresh,
                                ChangeClass::instruction_bearing,
                                ChangeClass::annotation_flipped,
                                ChangeClass::widened,
                                ChangeClass::narrowed,
                                ChangeClass::cosmetic};

Style style_of(const Reviewed& item) {
  if (item.withheld || item.state == "refused") return Style::bad;
  if (item.state == "approved") return Style::good;
  return Style::warning;
}

Style style_of(ChangeClass change_class) {
  return change_class >= ChangeClass::widened ? Style::warning : Style::good;
}

bool is_about(const Finding& finding, const std::string& path) {
  return finding.pointer == path || finding.pointer.starts_with(path + "/");
}

// All of the definition but its name, which stands in the heading.
void print_definition(Console& console, const Reviewed& item, Fold fold) {
  auto document = parse_document(Untrusted<std::string>(item.definition.json), JsonLimits{});
  if (!document) return;
  const Value root = document->root();
  if (root.is_string()) {
    print_text(console, root.text(), "      | ", Style::plain, fold, description_limits);
    return;
  }
  const auto about = root.find("description");
  const bool described = about && about->is_string();
  if (described) {
    print_text(console, about->text(), "      | ", Style::plain, fold, description_limits);
  }
  std::string rest;
  for (const Member& member : root.members()) {
    if (member.name == "name" && member.value.equals(item.definition.key)) continue;
    if (described && member.name == "description") continue;
    rest.append(rest.empty() ? "" : "\n").append(json_quote(member.name)).append(": ");
    rest += spread_json(member.value);
  }
  print_text(console, rest, "      ", Style::faint, fold, schema_limits);
}

void print_alone(Console& console, const std::optional<std::string>& json, std::string_view sign,
                 Style style, Fold fold) {
  const std::string before = std::string(inner) + std::string(sign) + " ";
  if (!json) {
    console.out << before << styled(console, Style::faint, "(absent)") << "\n";
    return;
  }
  const ShownValues values = shown_values(*json, *json);
  print_text(console, values.is, before, style, fold, value_limits);
  if (values.is.empty()) console.out << before << "\"\"\n";
}

void print_change(Console& console, const Change& change, Fold fold) {
  const std::string_view class_name = change_class_name(change.change_class);
  console.out << margin << styled(console, Style::strong, revealed_line(change.path)) << "  "
              << styled(console, style_of(change.change_class), class_name) << "\n";
  if (change.old && change.now) {
    print_difference(console, shown_values(*change.old, *change.now), inner, fold);
    return;
  }
  print_alone(console, change.old, "-", Style::bad, fold);
  print_alone(console, change.now, "+", Style::good, fold);
}

void print_changes(Console& console, const std::vector<Change>& all,
                   const std::vector<Finding>& findings, Fold fold,
                   std::set<const Finding*>& told) {
  std::vector<const Change*> changes;
  for (const ChangeClass one : by_risk) {
    for (const Change& change : all) {
      if (change.change_class == one) changes.push_back(&change);
    }
  }
  std::size_t shown = 0;
  for (const Change* change : changes) {
    if (fold == Fold::folded && shown == changes_most) {
      console.out << margin << "… " << changes.size() - shown << " more changes, the riskiest of "
                  << "them " << change_class_name(change->change_class) << ": --full\n";
      return;
    }
    print_change(console, *change, fold);
    ++shown;
    for (const Finding& finding : findings) {
      if (!is_about(finding, change->path) || !told.insert(&finding).second) continue;
      print_finding(console, finding, inner);
    }
  }
}

}  // namespace

void print_finding(Console& console, const Finding& finding, std::string_view before) {
  const Style style = finding.severity == Severity::hard   ? Style::bad
                      : finding.severity == Severity::soft ? Style::warning
                                                           : Style::faint;
  console.out << before
              << styled(console, style,
                        std::string(severity_name(finding.severity)) + " " + finding.id)
              << " at " << revealed_line(finding.pointer.empty() ? "/" : finding.pointer) << ": "
              << revealed_line(finding.why) << "\n";
}

void print_item(Console& console, const Reviewed& item, Fold fold) {
  const std::string class_name = class_text(item);
  console.out << "  " << styled(console, style_of(item), item.state) << "  "
              << item_kind_name(item.definition.kind) << " "
              << styled(console, Style::strong, revealed_line(item.definition.key));
  if (item.exposed != item.definition.key) console.out << "  as " << revealed_line(item.exposed);
  if (item.state == "changed") {
    console.out << "  " << styled(console, style_of(*item.change_class), class_name);
  }
  console.out << "\n";
  if (!item.why.empty()) console.out << margin << revealed_line(item.why) << "\n";
  std::set<const Finding*> told;
  const bool is_new = item.state == "new" && !item.was_elsewhere;
  if (is_new || item.state == "refused") print_definition(console, item, fold);
  print_changes(console, item.changes, item.findings, fold, told);
  for (const SeenOtherwise& seen : item.seen) {
    if (seen.changes.empty()) continue;
    console.out << margin << "seen at " << utc_text(seen.sighting.time_ns) << "\n";
    print_changes(console, seen.changes, {}, fold, told);
  }
  for (const Finding& finding : item.findings) {
    if (!told.contains(&finding)) print_finding(console, finding, margin);
  }
}

}  // namespace toolgate

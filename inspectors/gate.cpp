#include "inspectors/gate.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>

#include "gateway/core/rewrite.hpp"
#include "inspectors/literal.hpp"

namespace toolgate {
namespace {

using Inspectors = std::vector<std::unique_ptr<Inspector>>;

constexpr std::size_t findings_most = 100;  // of one id and severity
constexpr std::size_t name_bytes_most = 64;

// A string of the document: a value, or the name of a member.
struct Literal {
  const Value& value;
  bool is_name;

  std::size_t begin() const { return is_name ? value.name_begin() : value.begin(); }
  std::size_t end() const { return is_name ? value.name_end() : value.end(); }
  std::string text() const { return is_name ? value.name() : value.text(); }
  // A name stands before its value in the same text.
  std::string_view raw() const {
    return std::string_view(value.raw().data() - (value.begin() - begin()), end() - begin());
  }
};

// One step on the way from the root: the child, and its place among its siblings.
struct Step {
  Value child;
  std::size_t place;
};

// Would it be safe to show this name to a person or to write it into a record?
bool is_harmless_name(std::string_view name) {
  return !name.empty() && name.size() <= name_bytes_most && std::ranges::all_of(name, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           std::string_view("_-.$@:+").contains(c);
  });
}

bool is_named_in(std::span<const std::string_view> names, const Value& member) {
  return std::ranges::any_of(names, [&](std::string_view name) { return member.is_named(name); });
}

// One inspection of one value. Recursion is bounded by JsonLimits::depth.
class Walk {
 public:
  Walk(const Inspectors& inspectors, bool skips_plain_ascii, Channel channel, const Value& root,
       std::span<const std::string_view> omitted)
      : inspectors_(inspectors),
        skips_plain_ascii_(skips_plain_ascii),
        channel_(channel),
        omitted_(omitted),
        rewrite_(root.raw(), root.begin()) {}

  void visit(const Value& value) {
    if (value.is_string()) judge(Literal{.value = value, .is_name = false});
    if (!value.is_array() && !value.is_object()) return;
    std::size_t place = 0;
    for (auto child = value.first(); child; child = child->following(value)) {
      if (path_.empty() && is_named_in(omitted_, *child)) {
        ++place;
        continue;
      }
      path_.push_back(Step{.child = *child, .place = place++});
      if (child->has_name()) judge(Literal{.value = *child, .is_name = true});
      visit(*child);
      path_.pop_back();
    }
  }

  void leave_out(const Value& root) {
    rewrite_.reshape(
        root, [this](const Value& member) { return is_named_in(omitted_, member); }, "");
  }

  bool withheld() const { return withheld_; }
  bool changed() const { return !rewrite_.empty(); }
  std::vector<Finding> findings() && { return std::move(findings_); }
  std::string json() && { return std::move(rewrite_).apply(); }

 private:
  void judge(const Literal& literal) {
    if (skips_plain_ascii_ && is_plain_ascii(literal.raw())) return;
    auto text = literal.text();
    auto marks = inspect(literal, text);
    if (marks.empty()) return;

    report(literal, marks);
    std::vector<Range> removed;
    for (const auto& mark : marks) {
      withheld_ |= mark.action == Mark::Action::withhold;
      if (mark.action != Mark::Action::remove) continue;
      removed.push_back(Range{.begin = mark.begin, .end = mark.end});
    }
    if (removed.empty()) return;
    if (literal.is_name) {
      // Whoever looked at the message before knew the member by the name that it came with; who
      // reads it afterwards would know another one.
      withheld_ = true;
      return;
    }
    unite(removed);
    locate(literal.raw(), removed);
    unite(removed);
    rewrite_.replace(literal.begin(), literal.end(), without(literal.raw(), removed));
  }

  std::vector<Mark> inspect(const Literal& literal, std::string_view text) {
    std::vector<Mark> marks;
    Leaf leaf{.text = text, .is_name = literal.is_name};
    for (const auto& inspector : inspectors_) {
      auto before = marks.size();
      try {
        inspector->inspect(leaf, channel_, marks);
        bool sound =
            before <= marks.size() && std::ranges::all_of(marks, [&text](const Mark& mark) {
              return mark.begin <= mark.end && mark.end <= text.size();
            });
        if (!sound) throw std::out_of_range("a mark lies outside of its text");
      } catch (...) {
        // Whatever it was: a text that could not be judged does not go on.
        marks.resize(std::min(before, marks.size()));
        marks.push_back(
            Mark{.finding = "inspector.fault",
                 .severity = Severity::hard,
                 .begin = 0,
                 .end = text.size(),
                 .why = "an inspector failed on this text, so that nobody has judged it",
                 .action = Mark::Action::withhold});
      }
    }
    return marks;
  }

  void report(const Literal& literal, const std::vector<Mark>& marks) {
    std::vector<const Mark*> told;
    std::vector<Range> places;
    for (const auto& mark : marks) {
      if (++told_[{mark.finding, mark.severity}] > findings_most) continue;
      told.push_back(&mark);
      places.push_back(Range{.begin = mark.begin, .end = mark.end});
    }
    if (told.empty()) return;
    locate(literal.raw(), places);
    auto way = pointer();
    for (std::size_t i = 0; i < told.size(); ++i) {
      findings_.push_back(Finding{.id = std::string(told[i]->finding),
                                  .severity = told[i]->severity,
                                  .begin = literal.begin() + places[i].begin,
                                  .end = literal.begin() + places[i].end,
                                  .pointer = way,
                                  .why = std::string(told[i]->why)});
    }
  }

  // RFC 6901. Harmless names hold neither '~' nor '/', and so need no escapes.
  std::string pointer() const {
    std::string out;
    for (const auto& step : path_) {
      out += '/';
      if (!step.child.has_name()) {
        out += std::to_string(step.place);
      } else if (auto name = step.child.name(); is_harmless_name(name)) {
        out += name;
      } else {
        out += "#" + std::to_string(step.place);
      }
    }
    return out;
  }

  const Inspectors& inspectors_;
  bool skips_plain_ascii_;
  Channel channel_;
  std::span<const std::string_view> omitted_;
  Rewrite rewrite_;
  std::vector<Step> path_;
  std::vector<Finding> findings_;
  std::map<std::pair<std::string_view, Severity>, std::size_t> told_;
  bool withheld_ = false;
};

// Strings hold no line end but as an escape, so that every one here stands between values.
std::string on_one_line(std::string json) {
  for (char& c : json) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return json;
}

}  // namespace

std::string_view verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::allow:
      return "allow";
    case Verdict::sanitise:
      return "sanitise";
    case Verdict::withhold:
      return "withhold";
  }
  return "";
}

InspectionGate::InspectionGate(std::vector<std::unique_ptr<Inspector>> inspectors)
    : inspectors_(std::move(inspectors)),
      skips_plain_ascii_(std::ranges::none_of(inspectors_, [](const auto& inspector) {
        return inspector->cares_about_plain_ascii();
      })) {}

Inspection InspectionGate::inspect(Channel channel, const Value& value,
                                   std::span<const std::string_view> omitted) const {
  Inspection inspection;
  bool omits = std::ranges::any_of(
      omitted, [&](std::string_view name) { return value.find(name).has_value(); });
  bool plain = skips_plain_ascii_ && is_plain_ascii(value.raw());
  if (plain && !omits) {
    inspection.verdict = Verdict::allow;
    inspection.cleared = Cleared(on_one_line(std::string(value.raw())));
    return inspection;
  }
  Walk walk(inspectors_, skips_plain_ascii_, channel, value, omitted);
  if (!plain) walk.visit(value);
  if (!walk.withheld()) {
    inspection.verdict = walk.changed() ? Verdict::sanitise : Verdict::allow;
    if (omits) walk.leave_out(value);
    inspection.cleared = Cleared(on_one_line(std::move(walk).json()));
  }
  inspection.findings = std::move(walk).findings();
  return inspection;
}

Inspected InspectionGate::result(const RequestId& id, const Cleared& result,
                                 std::string_view added) {
  if (added.empty()) return Inspected(result_text(id.raw(), result.json()));
  std::string_view members = std::string_view(result.json()).substr(1);
  std::string text;
  text.reserve(id.raw().size() + added.size() + members.size() + 48);
  text.append(R"({"jsonrpc":"2.0","id":)").append(id.raw()).append(R"(,"result":{)").append(added);
  if (members.find_first_not_of(" \t") != members.find('}')) text += ',';
  text.append(members).append("}");
  return Inspected(std::move(text));
}

Inspected InspectionGate::error(const RequestId& id, Cleared error) {
  std::string text = R"({"jsonrpc":"2.0","id":)";
  text.append(id.raw()).append(R"(,"error":)").append(error.json()).append("}");
  return Inspected(std::move(text));
}

Inspected InspectionGate::notification(std::string_view method, Cleared params) {
  return Inspected(notification_text(method, params.json()));
}

Inspected InspectionGate::request(std::string_view id_raw, std::string_view method,
                                  Cleared params) {
  return Inspected(request_text(id_raw, method, params.json()));
}

Inspected InspectionGate::own(std::string message) { return Inspected(std::move(message)); }

}  // namespace toolgate

#include "gateway/broker/difference.hpp"

#include <algorithm>

#include "gateway/broker/alignment.hpp"
#include "gateway/broker/change_meaning.hpp"
#include "gateway/core/document.hpp"
#include "signing/canonical.hpp"

namespace toolgate {
namespace {

// What a value means. One that has no canonical form (a number that a double does not hold) means
// its own text.
std::string meaning_of(const Value& value) {
  auto canonical = canonical_json(value);
  return canonical ? std::move(*canonical) : std::string(value.raw());
}

std::string below(const std::string& path, std::string_view name) {
  std::string out = path + "/";
  for (char c : name) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

// Elements of one name are the same thing, whatever else became of it (arguments of a prompt).
std::string likeness_of(const Value& element) {
  const auto name = element.find("name");
  return name && name->is_string() ? "name " + name->text() : "value " + meaning_of(element);
}

class Comparison {
 public:
  explicit Comparison(std::vector<Change>& out) : out_(out) {}

  void compare(const std::string& path, const Where& where, const Value& was, const Value& is) {
    if (meaning_of(was) == meaning_of(is)) return;
    if (was.is_object() && is.is_object()) {
      compare_members(path, where, was, is);
    } else if (was.is_array() && is.is_array()) {
      is_set(where.spot) ? compare_sets(path, where, was, is) : compare_lists(path, where, was, is);
    } else {
      tell(path, where, &was, &is);
    }
  }

 private:
  void tell(const std::string& path, const Where& where, const Value* was, const Value* is) {
    Change change{.path = path, .old = std::nullopt, .now = std::nullopt};
    if (was) change.old = std::string(was->raw());
    if (is) change.now = std::string(is->raw());
    change.change_class = class_of_change(where, was, is);
    out_.push_back(std::move(change));
  }

  void compare_members(const std::string& path, const Where& where, const Value& was,
                       const Value& is) {
    for (const Member& member : was.members()) {
      const Where there = member_below(where, member.name, &is);
      if (auto other = is.find(member.name)) {
        compare(below(path, member.name), there, member.value, *other);
      } else {
        tell(below(path, member.name), there, &member.value, nullptr);
      }
    }
    for (const Member& member : is.members()) {
      if (was.find(member.name)) continue;
      tell(below(path, member.name), member_below(where, member.name, &is), nullptr, &member.value);
    }
  }

  void compare_lists(const std::string& path, const Where& where, const Value& was,
                     const Value& is) {
    const auto old_elements = was.elements();
    const auto new_elements = is.elements();
    const Where there = element_below(where);
    const std::size_t told = out_.size();
    for (const Aligned& pair : aligned(keys_of(old_elements), keys_of(new_elements))) {
      const std::string place = std::to_string(pair.now ? *pair.now : *pair.old);
      const Value* old_element = pair.old ? &old_elements[*pair.old] : nullptr;
      const Value* new_element = pair.now ? &new_elements[*pair.now] : nullptr;
      if (old_element && new_element) {
        compare(below(path, place), there, *old_element, *new_element);
      } else {
        tell(below(path, place), there, old_element, new_element);
      }
    }
    if (out_.size() == told) tell(path, where, &was, &is);
  }

  void compare_sets(const std::string& path, const Where& where, const Value& was,
                    const Value& is) {
    const auto old_elements = was.elements();
    const auto new_elements = is.elements();
    const std::size_t told = out_.size();
    tell_missing(path, where, old_elements, new_elements, Side::old);
    tell_missing(path, where, new_elements, old_elements, Side::now);
    if (out_.size() != told) return;
    // The same elements: another order, or one of them more often.
    Change change{.path = path, .old = std::string(was.raw()), .now = std::string(is.raw())};
    change.change_class = class_of_reordering(where, is);
    out_.push_back(std::move(change));
  }

  enum class Side { old, now };
  // Elements of one side that the other has not.
  void tell_missing(const std::string& path, const Where& where, const std::vector<Value>& elements,
                    const std::vector<Value>& others, Side side) {
    std::vector<std::string> meanings;
    meanings.reserve(others.size());
    for (const Value& other : others) meanings.push_back(meaning_of(other));
    std::ranges::sort(meanings);
    for (std::size_t at = 0; at < elements.size(); ++at) {
      if (std::ranges::binary_search(meanings, meaning_of(elements[at]))) continue;
      const Value* element = &elements[at];
      tell(below(path, std::to_string(at)), element_below(where),
           side == Side::old ? element : nullptr, side == Side::now ? element : nullptr);
    }
  }

  static std::vector<std::string> keys_of(const std::vector<Value>& elements) {
    std::vector<std::string> keys;
    keys.reserve(elements.size());
    for (const Value& element : elements) keys.push_back(likeness_of(element));
    return keys;
  }

  std::vector<Change>& out_;
};

}  // namespace

std::vector<Change> changes_between(ItemKind kind, const std::string& old_json,
                                    const std::string& new_json) {
  const JsonLimits limits;
  auto was = parse_document(Untrusted<std::string>(old_json), limits);
  auto is = parse_document(Untrusted<std::string>(new_json), limits);
  std::vector<Change> changes;
  if (was && is) {
    Comparison(changes).compare("", root_of(kind), was->root(), is->root());
  } else {
    changes.push_back(Change{.path = "", .old = old_json, .now = new_json});
  }
  return changes;
}

ChangeClass riskiest(const std::vector<Change>& changes) {
  ChangeClass worst = ChangeClass::cosmetic;
  for (const Change& change : changes) worst = riskier(worst, change.change_class);
  return worst;
}

}  // namespace toolgate

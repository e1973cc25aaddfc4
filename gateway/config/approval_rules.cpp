#include "gateway/config/approval_rules.hpp"

#include <algorithm>
#include <vector>

#include "gateway/config/change_class.hpp"

namespace toolgate {
namespace {

std::vector<std::string_view> words_of(std::string_view change_class) {
  std::vector<std::string_view> words;
  while (!change_class.empty()) {
    const auto end = change_class.find(',');
    words.push_back(change_class.substr(0, end));
    change_class.remove_prefix(end == change_class.npos ? change_class.size() : end + 1);
  }
  return words;
}

bool has(const std::vector<std::string>& classes, std::string_view word) {
  return std::ranges::find(classes, word) != classes.end();
}

// Is this class one of these, or riskier? What is no class may be anything.
bool is_as_risky(const std::vector<std::string>& classes, std::string_view word) {
  auto change_class = change_class_from(word);
  if (!change_class) return true;
  return std::ranges::any_of(classes, [&](const std::string& one) {
    auto least = change_class_from(one);
    return !least || *change_class >= *least;
  });
}

}  // namespace

bool needs_two_keys(const ApprovalRules& rules, std::string_view change_class) {
  if (rules.dual.empty()) return false;
  const auto words = words_of(change_class);
  if (words.empty() || has(rules.dual, any_class)) return true;
  return std::ranges::any_of(words, [&](auto word) { return is_as_risky(rules.dual, word); });
}

Status may_approve(const ApprovalRules& rules, const TrustedKey& key,
                   std::string_view change_class) {
  const std::string id = key.key.id();
  const std::string shown = change_class.empty()
                                ? "that is not classed"
                                : "of the class '" + std::string(change_class) + "'";
  const auto words = words_of(change_class);
  for (const std::string& name : {id, key.name}) {
    const auto found = rules.key_classes.find(name);
    if (found == rules.key_classes.end() || has(found->second, any_class)) continue;
    const bool all = !words.empty() && std::ranges::all_of(words, [&](auto word) {
      return has(found->second, word);
    });
    if (all) continue;
    return Refusal(Reason::denied, "the key " + id + " ('" + key.name +
                                       "') may not approve a change " + shown +
                                       ": \"key_classes\" in the configuration says what it may");
  }
  return done();
}

Status check_rules(const ApprovalRules& rules, const Keyring& keyring) {
  for (const auto& [name, classes] : rules.key_classes) {
    if (keyring.named(name) != nullptr) continue;
    return Refusal(Reason::bad_configuration,
                   "no approval counts: \"key_classes\" in the configuration restricts the key '" +
                       name +
                       "', which is not in trust.keys; `toolgate keys list` shows those "
                       "that are");
  }
  return done();
}

}  // namespace toolgate

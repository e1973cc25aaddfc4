#include "gateway/broker/difference.hpp"

#include "gateway/core/document.hpp"

namespace toolgate {
namespace {

constexpr std::size_t most_changes = 200;

std::string escaped(std::string_view name) {
  std::string out;
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

void compare(const std::string& path, const Value& was, const Value& is, std::vector<Change>& out) {
  if (out.size() >= most_changes || was.raw() == is.raw()) return;
  if (!was.is_object() || !is.is_object()) {
    out.push_back(Change{path, std::string(was.raw()), std::string(is.raw())});
    return;
  }
  for (const Member& member : was.members()) {
    if (out.size() >= most_changes) return;
    std::string below = path + "/" + escaped(member.name);
    if (auto other = is.find(member.name)) {
      compare(below, member.value, *other, out);
    } else {
      out.push_back(Change{below, std::string(member.value.raw()), std::nullopt});
    }
  }
  for (const Member& member : is.members()) {
    if (out.size() >= most_changes) return;
    if (was.find(member.name)) continue;
    out.push_back(
        Change{path + "/" + escaped(member.name), std::nullopt, std::string(member.value.raw())});
  }
}

}  // namespace

std::vector<Change> changes_between(const std::string& old_json, const std::string& new_json) {
  JsonLimits limits;
  auto was = parse_document(Untrusted<std::string>(old_json), limits);
  auto is = parse_document(Untrusted<std::string>(new_json), limits);
  std::vector<Change> changes;
  if (was && is) compare("", was->root(), is->root(), changes);
  return changes;
}

}  // namespace toolgate

#include "gateway/broker/containment.hpp"

#include <algorithm>

namespace toolgate {

ServerEntry lesser_entry(const ServerEntry& entry) {
  ServerEntry lesser = entry;
  lesser.isolation = entry.when_missing->isolation;
  lesser.isolation_written_out = true;
  // The same boundary is what remains where it is the cgroup that is missing.
  if (lesser.isolation == entry.isolation) lesser.sandbox.tree = TreeLimit::if_possible;
  lesser.when_missing.reset();
  return lesser;
}

bool remains(const Containment& containment, const ServerEntry& entry, ItemKind kind,
             const std::string& key) {
  if (containment.is_as_asked()) return true;
  if (containment.state == Containment::State::none) return false;
  return kind == ItemKind::tool && entry.when_missing &&
         std::ranges::find(entry.when_missing->tools, key) != entry.when_missing->tools.end();
}

std::string lesser_text(const Containment& containment, const ServerEntry& entry) {
  std::string text = containment.missing;
  if (containment.state != Containment::State::lesser || !entry.when_missing) return text;
  text += "; as `when_missing` has it, it runs with isolation \"" +
          std::string(isolation_name(entry.when_missing->isolation)) + "\" and these tools alone:";
  for (const std::string& tool : entry.when_missing->tools) text += " " + tool;
  return text;
}

}  // namespace toolgate

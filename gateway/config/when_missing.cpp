#include "gateway/config/when_missing.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace toolgate::config {
namespace {

// From the strongest.
constexpr auto boundaries =
    std::to_array<std::pair<std::string_view, Isolation>>({{"vm", Isolation::vm},
                                                           {"gvisor", Isolation::gvisor},
                                                           {"process", Isolation::process},
                                                           {"none", Isolation::none}});

bool is_less(Isolation one, Isolation other) {
  constexpr auto boundary = &std::pair<std::string_view, Isolation>::second;
  return std::ranges::find(boundaries, one, boundary) >
         std::ranges::find(boundaries, other, boundary);
}

void read_boundary(const Value& value, const ServerEntry& server, const Reading& reading,
                   WhenMissing& into) {
  const std::string text = value.text();
  const auto found =
      std::ranges::find(boundaries, text, &std::pair<std::string_view, Isolation>::first);
  if (found == boundaries.end()) {
    reading.problems.add(
        value.begin(), "'isolation' of 'when_missing' must be \"gvisor\", \"process\" or \"none\"");
    return;
  }
  into.isolation = found->second;
  const bool gives_up_tree =
      server.sandbox.tree == TreeLimit::required && into.isolation == server.isolation;
  if (!gives_up_tree && !is_less(into.isolation, server.isolation)) {
    reading.problems.add(
        value.begin(),
        "'isolation' of 'when_missing' is what remains when \"" +
            std::string(isolation_name(server.isolation)) +
            "\" cannot be had: it must be less than that (or the same, if what may be missing is "
            "the cgroup of 'require_tree')");
  }
}

void read_tools(const Value& list, const Reading& reading, WhenMissing& into) {
  for (const Value& value : list.elements()) {
    std::string name = value.text();
    if (name.empty() || name == "*") {
      reading.problems.add(value.begin(), "'tools' of 'when_missing' names tools one by one");
    } else if (std::ranges::find(into.tools, name) != into.tools.end()) {
      reading.problems.add(value.begin(), "this tool is in 'tools' of 'when_missing' twice");
    }
    into.tools.push_back(std::move(name));
  }
  if (into.tools.empty()) {
    reading.problems.add(list.begin(),
                         "'tools' of 'when_missing' is empty; leave 'when_missing' out, and "
                         "nothing remains");
  }
}

}  // namespace

WhenMissing read_when_missing(const Value& value, const ServerEntry& server,
                              const Reading& reading) {
  WhenMissing result;
  const auto isolation = value.find("isolation");
  const auto tools = value.find("tools");
  if (!isolation || !tools) {
    reading.problems.add(value.begin(),
                         "'when_missing' needs an 'isolation', the lesser boundary that remains, "
                         "and 'tools', those that remain in it");
  }
  if (isolation) read_boundary(*isolation, server, reading, result);
  if (tools) read_tools(*tools, reading, result);
  return result;
}

}  // namespace toolgate::config

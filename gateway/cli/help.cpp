#include <algorithm>
#include <vector>

#include "gateway/cli/commands.hpp"

namespace toolgate {
namespace {

// Damerau-Levenshtein distance (optimal string alignment): how many slips of the finger lie between
// the two.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t same = a[i - 1] == b[j - 1] ? 0 : 1;
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + same});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[a.size()][b.size()];
}

void print_options(Console& console, std::span<const Option> options) {
  for (const Option& option : options) {
    std::string left = "  --" + std::string(option.name);
    if (!option.value.empty()) left += " " + std::string(option.value);
    if (left.size() < 26) left.resize(26, ' ');
    console.out << left << "  " << option.help << '\n';
  }
}

}  // namespace

std::string suggestion(std::string_view word, const std::vector<std::string>& known) {
  if (word.size() > 64) return {};
  std::string best;
  std::size_t least = std::max<std::size_t>(word.size() / 3, 1) + 1;
  for (const std::string& candidate : known) {
    const std::size_t away = distance(word, candidate);
    if (away < least) {
      least = away;
      best = candidate;
    }
  }
  return best;
}

void print_help(Console& console, std::span<const Command> table) {
  console.out << "toolgate " << TOOLGATE_VERSION
              << ": a gateway between AI agents and the MCP servers that give them tools\n\n"
              << styled(console, Style::strong, "Commands") << '\n';
  std::size_t widest = 0;
  for (const Command& command : table) widest = std::max(widest, command.name.size());
  for (const Command& command : table) {
    console.out << "  " << command.name << std::string(widest - command.name.size() + 2, ' ')
                << command.summary << '\n';
  }
  console.out << '\n' << styled(console, Style::strong, "Options of every command") << '\n';
  print_options(console, global_options());
  console.out
      << "\nTOOLGATE_HOME (~/.toolgate by default) holds the configuration, keys and store.\n"
         "Exit status: 0 done, 1 refused or failed, 2 usage, 3 findings, or something that does "
         "not verify.\n`toolgate COMMAND --help` tells more about one of them."
      << std::endl;
}

void print_help(Console& console, const Command& command) {
  console.out << "toolgate " << command.name << (command.synopsis.empty() ? "" : " ")
              << command.synopsis << "\n\n"
              << command.summary << ".\n";
  if (!command.details.empty()) console.out << '\n' << command.details << '\n';
  if (!command.options.empty()) {
    console.out << '\n' << styled(console, Style::strong, "Options") << '\n';
    print_options(console, command.options);
  }
  console.out << '\n' << styled(console, Style::strong, "Options of every command") << '\n';
  print_options(console, global_options());
  console.out.flush();
}

}  // namespace toolgate

#include <algorithm>
#include <set>

#include "gateway/cli/commands.hpp"

namespace toolgate {
namespace {

struct Entry {
  std::string words;   // "", "server", "server add"
  std::string offers;  // what may follow, separated by spaces
};

std::string options_of(const Command& command) {
  std::string all;
  for (const Option& option : command.options) all += " --" + std::string(option.name);
  for (const Option& option : global_options()) all += " --" + std::string(option.name);
  return all.substr(1);
}

std::vector<Entry> entries(std::span<const Command> table) {
  std::vector<Entry> all;
  std::string first = "help --help --version";
  std::set<std::string> groups;
  for (const Command& command : table) {
    const std::string name(command.name);
    const auto space = name.find(' ');
    if (space == std::string::npos || groups.insert(name.substr(0, space)).second) {
      first += " " + name.substr(0, space);
    }
    std::string offers = options_of(command);
    if (name == "completion") offers = "bash zsh fish " + offers;
    all.push_back({name, offers});
  }
  for (const std::string& group : groups) {
    std::string offers = "--help";
    for (const Command& command : table) {
      if (command.name.starts_with(group + " ")) {
        offers += " " + std::string(command.name.substr(group.size() + 1));
      }
    }
    if (offers != "--help") all.push_back({group, offers});
  }
  all.push_back({"", first});
  return all;
}

// Words of the table are letters, digits, spaces and dashes: they need no quoting beyond this.
std::string case_branches(const std::vector<Entry>& all) {
  std::string out;
  for (const Entry& entry : all)
    out += "    '" + entry.words + "') offers='" + entry.offers + "' ;;\n";
  return out;
}

std::string bash_script(const std::vector<Entry>& all) {
  return R"(_toolgate() {
  local word offers words= current="${COMP_WORDS[COMP_CWORD]}"
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word == -- ]] && return
    [[ $word == -* ]] && continue
    [[ $words == *' '* ]] && break
    case "$words" in server|agent|audit|keys|'') words="${words:+$words }$word" ;; esac
  done
  case "$words" in
)" + case_branches(all) +
         R"(  esac
  COMPREPLY=($(compgen -W "$offers" -- "$current"))
}
complete -o default -F _toolgate toolgate
)";
}

std::string zsh_script(const std::vector<Entry>& all) {
  return R"(#compdef toolgate
_toolgate() {
  local word offers path_words=
  for word in "${(@)words[2,CURRENT-1]}"; do
    [[ $word == -- ]] && { _files; return }
    [[ $word == -* ]] && continue
    case "$path_words" in
      server|agent|audit|keys) path_words="$path_words $word" ;;
      '') path_words="$word" ;;
    esac
  done
  case "$path_words" in
)" + case_branches(all) +
         R"(  esac
  compadd -- ${=offers} || _files
}
if [[ "$funcstack[1]" == _toolgate ]]; then _toolgate "$@"; else compdef _toolgate toolgate; fi
)";
}

std::string fish_script(std::span<const Command> table, const std::vector<Entry>& all) {
  std::string out = "complete -c toolgate -f\n";
  for (const Entry& entry : all) {
    std::string condition = "__fish_use_subcommand";
    for (std::size_t at = 0; at < entry.words.size();) {
      const std::size_t end = std::min(entry.words.find(' ', at), entry.words.size());
      condition = (at == 0 ? "" : condition + "; and ") + "__fish_seen_subcommand_from " +
                  entry.words.substr(at, end - at);
      at = end + 1;
    }
    const bool is_command =
        std::ranges::any_of(table, [&](const Command& c) { return c.name == entry.words; });
    out += "complete -c toolgate -n '" + condition + "'" + (is_command ? " -F" : "") + " -a '" +
           entry.offers + "'\n";
  }
  return out;
}

}  // namespace

int completion_command(const Invocation& call) {
  const std::string& shell = call.arguments[0];
  const std::vector<Entry> all = entries(call.table);
  if (shell == "bash") {
    call.console.out << bash_script(all);
  } else if (shell == "zsh") {
    call.console.out << zsh_script(all);
  } else if (shell == "fish") {
    call.console.out << fish_script(call.table, all);
  } else {
    return fail_usage(call.console, "completion is there for bash, zsh and fish",
                      call.command.name);
  }
  return exit_status::done;
}

}  // namespace toolgate

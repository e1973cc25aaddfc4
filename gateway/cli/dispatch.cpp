#include <algorithm>
#include <cassert>

#include "gateway/cli/commands.hpp"
#include "gateway/core/log.hpp"

namespace toolgate {
namespace {

constexpr Option shared_options[] = {
    {.name = "config",
     .value = "FILE",
     .help = "the configuration; $TOOLGATE_HOME/toolgate.json by default"},
    {.name = "log-level",
     .value = "LEVEL",
     .help = "debug, info, warning, error or off; info by default"},
    {.name = "log-format", .value = "FORMAT", .help = "text or json, on stderr"},
    {.name = "help", .help = "this text"},
};

// Commands of the full program that this build was made without: told apart from words that mean
// nothing.
constexpr std::string_view not_in_this_build[] = {
    "quarantine", "policy",       "secret",      "login",        "verify-proof", "audit stats",
    "audit sql",  "audit verify", "audit prove", "audit export", "audit compact"};

const Command* find_command(std::span<const Command> table, std::string_view name) {
  const auto found = std::ranges::find(table, name, &Command::name);
  return found == table.end() ? nullptr : &*found;
}

bool is_group(std::span<const Command> table, const std::string& word) {
  return std::ranges::any_of(table,
                             [&](const Command& c) { return c.name.starts_with(word + " "); });
}

std::vector<std::string> known_words(std::span<const Command> table, const std::string& group) {
  std::vector<std::string> words;
  for (const Command& command : table) {
    std::string name(command.name);
    if (group.empty()) {
      name = name.substr(0, name.find(' '));
    } else if (name.starts_with(group + " ")) {
      name = name.substr(group.size() + 1);
    } else {
      continue;
    }
    if (std::ranges::find(words, name) == words.end()) words.push_back(name);
  }
  return words;
}

int refuse_word(Console& console, std::span<const Command> table, const std::string& group,
                const std::string& word) {
  const std::string name = group.empty() ? word : group + " " + word;
  if (std::ranges::find(not_in_this_build, name) != std::end(not_in_this_build)) {
    return fail(console,
                Refusal(Reason::unsupported,
                        "this build has no `" + name + "`: `toolgate --help` lists what it has"));
  }
  const std::string near = suggestion(word, known_words(table, group));
  std::string text = "there is no command `" + visible(name) + "`";
  if (!near.empty()) {
    text += ": did you mean `toolgate ";
    text += (group.empty() ? near : group + " " + near) + "`?";
  }
  return fail_usage(console, text, "");
}

// The words of one call, sorted into what they are.
class Reader {
 public:
  Reader(const Command& command, Invocation& call) : command_(command), call_(call) {}

  Status read(const std::vector<std::string>& words) {
    for (std::size_t at = 0; at < words.size(); ++at) {
      const std::string& word = words[at];
      if (word == "--")
        return read_rest({words.begin() + static_cast<std::ptrdiff_t>(at) + 1, words.end()});
      if (word.size() < 2 || word[0] != '-') {
        call_.arguments.push_back(word);
        continue;
      }
      auto read = read_option(words, at);
      if (!read) return read;
    }
    return done();
  }

 private:
  Status read_rest(std::vector<std::string> rest) {
    if (command_.rest == Command::Rest::command) {
      call_.rest = std::move(rest);
    } else {
      call_.arguments.insert(call_.arguments.end(), rest.begin(), rest.end());
    }
    return done();
  }

  Status read_option(const std::vector<std::string>& words, std::size_t& at) {
    std::string name = words[at] == "-h" ? "--help" : words[at];
    std::optional<std::string> value;
    if (const auto equals = name.find('='); equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
    }
    const Option* option = name.starts_with("--") ? find(name.substr(2)) : nullptr;
    if (!option) return unknown(name);
    if (option->value.empty() && value) return usage(name + " takes no value");
    if (!option->value.empty() && !value) {
      if (at + 1 >= words.size() || words[at + 1] == "--") {
        return usage(name + " needs a value: " + name + " " + std::string(option->value));
      }
      value = words[++at];
    }
    if (option->count == Option::Count::once && call_.has(option->name)) {
      return usage(name + " is there twice");
    }
    call_.options.emplace_back(option->name, value.value_or(""));
    return done();
  }

  const Option* find(std::string_view name) const {
    for (const Option& option : command_.options) {
      if (option.name == name) return &option;
    }
    for (const Option& option : shared_options) {
      if (option.name == name) return &option;
    }
    return nullptr;
  }

  Status unknown(const std::string& name) const {
    std::vector<std::string> known;
    for (const Option& option : command_.options) known.push_back("--" + std::string(option.name));
    for (const Option& option : shared_options) known.push_back("--" + std::string(option.name));
    const std::string near = suggestion(name, known);
    return usage("there is no option " + visible(name) +
                 (near.empty() ? "" : ": did you mean " + near + "?"));
  }

  static Refusal usage(std::string text) { return Refusal(Reason::usage, std::move(text)); }

  const Command& command_;
  Invocation& call_;
};

Status check_arguments(const Invocation& call) {
  const Command& command = call.command;
  const std::size_t count = call.arguments.size();
  if (count < command.least_arguments || count > command.most_arguments) {
    return Refusal(Reason::usage, "it is called as: toolgate " + std::string(command.name) + " " +
                                      std::string(command.synopsis));
  }
  return done();
}

Status find_files(Invocation& call) {
  const auto home = call.console.environment("TOOLGATE_HOME");
  if (home && !home->empty()) {
    call.home = *home;
  } else {
    const auto user_home = call.console.environment("HOME");
    if (!user_home || user_home->empty()) {
      return Refusal(Reason::usage, "neither TOOLGATE_HOME nor HOME is set: set one of them");
    }
    call.home = std::filesystem::path(*user_home) / ".toolgate";
  }
  call.home = std::filesystem::absolute(call.home).lexically_normal();
  if (!call.home.has_filename()) call.home = call.home.parent_path();
  const auto chosen = call.option("config");
  call.configuration = chosen ? std::filesystem::absolute(*chosen) : call.home / "toolgate.json";
  return done();
}

Status start_log(const Invocation& call) {
  constexpr std::pair<std::string_view, LogLevel> levels[] = {{"debug", LogLevel::debug},
                                                              {"info", LogLevel::info},
                                                              {"warning", LogLevel::warning},
                                                              {"error", LogLevel::error},
                                                              {"off", LogLevel::off}};
  const std::string level = call.option_or("log-level", "info");
  const std::string form = call.option_or("log-format", "text");
  const auto found =
      std::ranges::find(levels, level, &std::pair<std::string_view, LogLevel>::first);
  if (found == std::end(levels)) {
    return Refusal(Reason::usage, "--log-level is debug, info, warning, error or off");
  }
  if (form != "text" && form != "json")
    return Refusal(Reason::usage, "--log-format is text or json");
  set_log(found->second, form == "json" ? LogForm::json : LogForm::text);
  return done();
}

int call_command(const Command& command, std::span<const Command> table, Console& console,
                 const std::vector<std::string>& words) {
  Invocation call{
      .command = command, .table = table, .console = console, .home = {}, .configuration = {}};
  auto read = Reader(command, call).read(words);
  if (read && call.has("help")) {
    print_help(console, command);
    return exit_status::done;
  }
  for (Status (*step)(Invocation&) : {+[](Invocation& c) { return check_arguments(c); },
                                      +[](Invocation& c) { return find_files(c); },
                                      +[](Invocation& c) { return start_log(c); }}) {
    if (read) read = step(call);
  }
  if (!read) return fail_usage(console, read.refusal().detail, command.name);
  const int status = command.run(call);
  console.out.flush();
  if (!console.out && status == exit_status::done) {
    return fail(console, Refusal(Reason::storage, "the output could not be written"));
  }
  return status;
}

int help_of(std::span<const Command> table, Console& console,
            const std::vector<std::string>& words) {
  std::string name;
  for (const std::string& word : words) name += (name.empty() ? "" : " ") + word;
  if (const Command* command = find_command(table, name)) {
    print_help(console, *command);
    return exit_status::done;
  }
  if (name.empty()) {
    print_help(console, table);
    return exit_status::done;
  }
  return refuse_word(console, table, words.size() > 1 ? words[0] : "", words.back());
}

}  // namespace

bool Invocation::has(std::string_view name) const { return option(name).has_value(); }

std::optional<std::string> Invocation::option(std::string_view name) const {
  for (const auto& [key, value] : options) {
    if (key == name) return value;
  }
  return std::nullopt;
}

std::string Invocation::option_or(std::string_view name, std::string_view otherwise) const {
  return option(name).value_or(std::string(otherwise));
}

std::vector<std::string> Invocation::all(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& [key, value] : options) {
    if (key == name) values.push_back(value);
  }
  return values;
}

std::span<const Option> global_options() { return shared_options; }

int fail(Console& console, const Refusal& refusal) {
  console.out.flush();
  // A path may hold anything; our own texts hold line ends.
  console.error << styled(console, Style::bad, "toolgate:") << ' ';
  std::string_view rest = refusal.detail;
  for (auto end = rest.find('\n'); end != rest.npos; end = rest.find('\n')) {
    console.error << visible(rest.substr(0, end)) << '\n';
    rest.remove_prefix(end + 1);
  }
  console.error << visible(rest) << std::endl;
  return refusal.reason == Reason::usage ? exit_status::usage : exit_status::failed;
}

int fail_usage(Console& console, std::string_view text, std::string_view help_of) {
  std::string detail(text);
  detail.append("\nSee `toolgate ")
      .append(help_of)
      .append(help_of.empty() ? "--help`" : " --help`");
  return fail(console, Refusal(Reason::usage, std::move(detail)));
}

int dispatch(std::span<const Command> table, const std::vector<std::string>& words,
             Console& console) {
  // Options of all commands may stand before the command: they are read with it.
  std::vector<std::string> before;
  std::size_t at = 0;
  while (at < words.size() && words[at].starts_with("-")) {
    const std::string& word = words[at++];
    if (word == "--version") {
      console.out << "toolgate " << TOOLGATE_VERSION << std::endl;
      return exit_status::done;
    }
    if (word == "--help" || word == "-h") return help_of(table, console, {});
    const std::string name = word.substr(0, word.find('='));
    const bool known = std::ranges::any_of(shared_options, [&](const Option& option) {
      return "--" + std::string(option.name) == name;
    });
    if (!known)
      return fail_usage(console, "say the command before its option " + visible(name), "");
    before.push_back(word);
    if (name.size() == word.size() && at < words.size()) before.push_back(words[at++]);
  }
  if (at == words.size()) return fail_usage(console, "say what to do", "");
  const std::string& first = words[at++];
  if (first == "help") {
    return help_of(table, console, {words.begin() + static_cast<std::ptrdiff_t>(at), words.end()});
  }
  const Command* command = find_command(table, first);
  if (!command && is_group(table, first)) {
    if (at == words.size() || words[at] == "--help" || words[at] == "-h") {
      std::vector<Command> group;
      for (const Command& one : table) {
        if (one.name.starts_with(first + " ")) group.push_back(one);
      }
      print_help(console, group);
      return at == words.size() ? exit_status::usage : exit_status::done;
    }
    command = find_command(table, first + " " + words[at]);
    if (!command) return refuse_word(console, table, first, words[at]);
    ++at;
  }
  if (!command) return refuse_word(console, table, "", first);
  before.insert(before.end(), words.begin() + static_cast<std::ptrdiff_t>(at), words.end());
  return call_command(*command, table, console, before);
}

}  // namespace toolgate

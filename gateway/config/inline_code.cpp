#include "gateway/config/inline_code.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

namespace toolgate::config {
namespace {

using Words = std::vector<std::string>;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lowered(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), lower);
  return result;
}

bool one_of(std::string_view word, std::span<const std::string_view> list) {
  return std::ranges::find(list, word) != list.end();
}

// A family of interpreters: which of their options bring code, and which take a value that is none.
struct Interpreter {
  std::string_view starts;             // programs whose names start so ("python3.12")
  std::string_view letters;            // short options that take code, alone or at a cluster's end
  std::string_view long_option;        // "--eval"; empty: none
  std::string_view other_long_option;  // "--print"
  std::string_view valued;             // short options with a value of another kind
  std::string_view word;               // deno eval
};

constexpr std::array<Interpreter, 15> interpreters{{
    {"python", "c", "", "", "WXQ", ""},
    {"pypy", "c", "", "", "WXQ", ""},
    {"node", "ep", "--eval", "--print", "rC", ""},
    {"bun", "ep", "--eval", "--print", "rcd", ""},
    {"tsx", "ep", "--eval", "--print", "r", ""},
    {"ts-node", "ep", "--eval", "--print", "rPO", ""},
    {"deno", "", "", "", "", "eval"},
    {"perl", "eE", "", "", "IMmxCDF0l", ""},
    {"ruby", "e", "", "", "IrCEFTWKx0", ""},
    {"php", "rBRE", "--run", "--process-code", "dczfF", ""},
    {"lua", "e", "", "", "l", ""},
    {"julia", "eE", "--eval", "--print", "LpHJ", ""},
    {"rscript", "e", "", "", "", ""},
    {"elixir", "e", "--eval", "--rpc-eval", "rp", ""},
    {"osascript", "e", "", "", "ls", ""},
}};

const Interpreter* interpreter_of(const std::string& program) {
  const auto found = std::ranges::find_if(interpreters, [&](const Interpreter& one) {
    if (!program.starts_with(one.starts)) return false;
    // "python3.12" and "node-22" are interpreters, "nodemon" is not.
    return program.find_first_not_of("0123456789.-", one.starts.size()) == std::string::npos;
  });
  return found == interpreters.end() ? nullptr : &*found;
}

// Options of node (and of programs like it) with a value in the next word.
constexpr std::array<std::string_view, 11> valued_long{"--require",
                                                       "--import",
                                                       "--loader",
                                                       "--experimental-loader",
                                                       "--conditions",
                                                       "--env-file",
                                                       "--input-type",
                                                       "--title",
                                                       "--preload",
                                                       "--tsconfig",
                                                       "--check-hash-based-pycs"};

enum class Cluster { code, value_follows, harmless };

// "-Ic": code follows; "-We": of python, the value of W.
Cluster read_cluster(const Interpreter& interpreter, std::string_view word) {
  for (std::size_t at = 1; at < word.size(); ++at) {
    if (interpreter.letters.find(word[at]) != std::string_view::npos) return Cluster::code;
    if (interpreter.valued.find(word[at]) != std::string_view::npos) {
      return at + 1 == word.size() ? Cluster::value_follows : Cluster::harmless;
    }
  }
  return Cluster::harmless;
}

bool is_number_like(std::string_view word) {
  return !word.empty() && word[0] >= '0' && word[0] <= '9' &&
         word.find_first_not_of("0123456789.smhd%+") == std::string_view::npos;
}

}  // namespace

std::string program_name(std::string_view command) {
  const std::size_t slash = command.find_last_of("/\\");
  std::string name = lowered(command.substr(slash == std::string_view::npos ? 0 : slash + 1));
  for (const std::string_view suffix : {".exe", ".cmd", ".bat"}) {
    if (name.size() > suffix.size() && name.ends_with(suffix)) {
      name.resize(name.size() - suffix.size());
    }
  }
  return name;
}

std::optional<Words> wrapped_command(const Words& argv) {
  constexpr std::array<std::string_view, 17> wrappers{
      "env",  "nohup", "nice",   "ionice",  "timeout", "setsid", "stdbuf",   "time",    "chrt",
      "sudo", "doas",  "pkexec", "runuser", "run0",    "exec",   "unbuffer", "xvfb-run"};
  const std::string name = program_name(argv[0]);
  if (name == "cmd") {
    const auto line =
        std::ranges::find_if(argv, [](const std::string& word) { return lowered(word) == "/c"; });
    return line == argv.end() ? Words() : Words(line + 1, argv.end());
  }
  if (!one_of(name, wrappers)) return std::nullopt;
  // An option's value may be taken for the program; what it starts with then finds no rule, so the
  // words after it are looked at as well.
  for (std::size_t at = 1; at < argv.size(); ++at) {
    const std::string& word = argv[at];
    if (word.starts_with('-') || word.find('=') != std::string::npos || is_number_like(word)) {
      continue;
    }
    const bool is_value = argv[at - 1].starts_with('-') && argv[at - 1].size() == 2 &&
                          at + 1 < argv.size() && name != "env";
    if (is_value && (argv[at - 1] == "-u" || argv[at - 1] == "-g" || argv[at - 1] == "-k" ||
                     argv[at - 1] == "-s" || argv[at - 1] == "-o" || argv[at - 1] == "-e")) {
      continue;
    }
    return Words(argv.begin() + static_cast<std::ptrdiff_t>(at), argv.end());
  }
  return Words();
}

bool splits_a_line(const Words& argv) {
  for (std::size_t at = 1; at < argv.size(); ++at) {
    const std::string& word = argv[at];
    if (word.starts_with("-S") || word.starts_with("--split-string") || word == "-vS") return true;
    if (!word.starts_with('-') && word.find('=') == std::string::npos) return false;
  }
  return false;
}

bool has_shell_line(const Words& argv) {
  constexpr std::array<std::string_view, 12> shells{
      "sh", "bash", "dash", "zsh", "ksh", "fish", "ash", "mksh", "busybox", "tcsh", "csh", "yash"};
  const std::string program = program_name(argv[0]);
  const bool shell = one_of(program, shells);
  const bool power = program == "powershell" || program == "pwsh";
  for (std::size_t at = 1; at < argv.size(); ++at) {
    const std::string_view word = argv[at];
    if (shell && word.starts_with('-') && !word.starts_with("--") &&
        word.find('c') != std::string_view::npos) {
      return true;
    }
    if (shell && word.starts_with("--command")) return true;
    const std::string start = lowered(word.substr(0, 2));
    if (power && (start == "-c" || start == "-e" || start == "/c")) return true;
  }
  return false;
}

bool has_inline_code(const Words& argv) {
  const Interpreter* interpreter = interpreter_of(program_name(argv[0]));
  if (interpreter == nullptr) return false;
  for (std::size_t at = 1; at < argv.size(); ++at) {
    const std::string_view word = argv[at];
    if (!word.starts_with('-')) return !interpreter->word.empty() && word == interpreter->word;
    if (word == "--") return false;
    if (word == "-") return true;  // the program comes over the pipe that is meant for messages
    if (word.starts_with("--")) {
      const std::string_view option = word.substr(0, word.find('='));
      if (!interpreter->long_option.empty() &&
          (option == interpreter->long_option || option == interpreter->other_long_option)) {
        return true;
      }
      if (option.size() == word.size() && one_of(option, valued_long)) ++at;
      continue;
    }
    const Cluster cluster = read_cluster(*interpreter, word);
    if (cluster == Cluster::code) return true;
    if (cluster == Cluster::value_follows) ++at;
  }
  return false;
}

bool preloads_code(const Words& argv) {
  constexpr std::array<std::string_view, 9> loading{
      "--require", "--import",      "--loader",       "--experimental-loader", "--preload",
      "--inspect", "--inspect-brk", "--inspect-wait", "--inspect-port"};
  const std::string program = program_name(argv[0]);
  if (!program.starts_with("node") && program != "bun" && program != "tsx" && program != "deno" &&
      program != "ts-node") {
    return false;
  }
  for (std::size_t at = 1; at < argv.size(); ++at) {
    const std::string_view word = argv[at];
    if (!word.starts_with('-')) return false;
    const std::string_view option = word.substr(0, word.find('='));
    if (one_of(option, loading) || (word.starts_with("-r") && program != "deno")) return true;
    if (option.size() == word.size() && one_of(option, valued_long)) ++at;
  }
  return false;
}

bool fetches_code(const Words& argv) {
  constexpr std::array<std::string_view, 6> fetchers{"curl ", "wget ",    "fetch(",
                                                     "iwr ",  "urlopen(", "invoke-webrequest"};
  constexpr std::array<std::string_view, 13> runners{
      "| sh",     "|sh",     "| bash", "|bash",  "| zsh",  "|node", "| node",
      "| python", "|python", "$(curl", "$(wget", "<(curl", "eval"};
  return std::ranges::any_of(argv, [&](const std::string& argument) {
    const std::string text = lowered(argument);
    const auto has = [&](std::string_view part) { return text.find(part) != std::string::npos; };
    if (has("<(wget") || has("exec(")) return std::ranges::any_of(fetchers, has);
    return std::ranges::any_of(fetchers, has) && std::ranges::any_of(runners, has);
  });
}

}  // namespace toolgate::config

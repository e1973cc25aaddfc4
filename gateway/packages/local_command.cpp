#include "gateway/packages/local_command.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

namespace toolgate {
namespace {

// Of node and python3, those that change nothing of what is loaded.
constexpr auto harmless_of_node = std::to_array<std::string_view>(
    {"--no-warnings", "--enable-source-maps", "--no-deprecation", "--trace-warnings",
     "--max-old-space-size=", "--disable-warning="});
constexpr auto harmless_of_python =
    std::to_array<std::string_view>({"-u", "-B", "-I", "-s", "-E", "-P", "-O", "-OO"});

struct NotFrozen {
  std::string_view program;
  std::string_view instead;
};
constexpr std::string_view python_package =
    "a package that Python's tools fetch cannot be frozen in this build: install it where the "
    "system's python3 finds it, or put its script with what it needs into a folder, and name the "
    "script: `python3 FOLDER/server.py`";
constexpr std::string_view image =
    "a container image cannot be frozen in this build: write its digest (IMAGE@sha256:...) so that "
    "it "
    "cannot be moved, or name the program that is in it by its path";
constexpr std::string_view node_package =
    "only `npx` and `npm exec` can be resolved: write `npx -y PACKAGE@VERSION` instead, or name an "
    "installed file, `node FOLDER/server.js`";
constexpr std::string_view shell =
    "a shell runs whatever its line or script names, which is not frozen with it: name the program "
    "itself, with its arguments";
constexpr std::string_view other_interpreter =
    "it is run by an interpreter whose libraries cannot be frozen in this build: only node and "
    "python3 can, and programs that run themselves";
constexpr auto not_frozen = std::to_array<NotFrozen>({
    {"uvx", python_package},
    {"uv", python_package},
    {"pip", python_package},
    {"pip3", python_package},
    {"pipx", python_package},
    {"poetry", python_package},
    {"docker", image},
    {"podman", image},
    {"nerdctl", image},
    {"pnpm", node_package},
    {"pnpx", node_package},
    {"yarn", node_package},
    {"bunx", node_package},
    {"sh", shell},
    {"bash", shell},
    {"dash", shell},
    {"zsh", shell},
    {"fish", shell},
    {"ksh", shell},
    {"busybox", shell},
    {"env", shell},
    {"sudo", shell},
    {"bun", other_interpreter},
    {"deno", other_interpreter},
    {"ruby", other_interpreter},
    {"perl", other_interpreter},
    {"php", other_interpreter},
    {"java", other_interpreter},
    {"tsx", other_interpreter},
    {"ts-node", other_interpreter},
    {"dotnet", other_interpreter},
});

Refusal cannot(std::string_view why) {
  return Refusal(Reason::unsupported, "the command cannot be frozen: " + std::string(why));
}

std::string_view name_of(std::string_view program) {
  return program.substr(program.rfind('/') + 1);
}

// What follows an option that takes its value as a word of its own is never guessed at.
Refusal loads_other(std::string_view interpreter) {
  return cannot(std::string(interpreter) +
                " is started with an option that may load or run other code than the script "
                "(-e, -c, -m, --require, --import and the like): leave it out");
}

}  // namespace

InterpreterKind interpreter_kind(std::string_view program) {
  const std::string_view name = name_of(program);
  if (name == "node" || name == "nodejs") return InterpreterKind::node;
  constexpr std::string_view python = "python";
  if (!name.starts_with(python)) return InterpreterKind::none;
  const bool is_version = std::ranges::all_of(name.substr(python.size()), [](char c) {
    return c == '.' || std::isdigit(static_cast<unsigned char>(c)) != 0;
  });
  return is_version ? InterpreterKind::python : InterpreterKind::none;
}

bool is_harmless_option(InterpreterKind interpreter, std::string_view option) {
  auto is_known = [option](std::string_view known) {
    return known.ends_with('=') ? option.starts_with(known) : option == known;
  };
  return interpreter == InterpreterKind::node ? std::ranges::any_of(harmless_of_node, is_known)
                                              : std::ranges::any_of(harmless_of_python, is_known);
}

Result<LocalCommand> parse_local_command(const std::vector<std::string>& argv) {
  if (argv.empty() || argv[0].empty()) return cannot("there is none");
  const auto known = std::ranges::find(not_frozen, name_of(argv[0]), &NotFrozen::program);
  if (known != not_frozen.end()) return cannot(known->instead);
  LocalCommand command;
  const InterpreterKind kind = interpreter_kind(argv[0]);
  std::size_t at = 0;
  if (kind != InterpreterKind::none) {
    command.interpreter = argv[0];
    for (at = 1; at < argv.size() && argv[at].starts_with('-'); ++at) {
      if (!is_harmless_option(kind, argv[at])) return loads_other(name_of(argv[0]));
      command.options.push_back(argv[at]);
    }
    if (at == argv.size() || argv[at].empty()) return cannot("it names no script");
  }
  command.script = argv[at];
  command.arguments.assign(argv.begin() + static_cast<std::ptrdiff_t>(at) + 1, argv.end());
  return command;
}

}  // namespace toolgate

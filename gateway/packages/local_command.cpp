#include "gateway/packages/local_command.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <span>

#include "gateway/config/inline_code.hpp"

namespace toolgate {
namespace {

// Of node and python3, those that change nothing of what is loaded.
constexpr auto harmless_of_node = std::to_array<std::string_view>(
    {"--no-warnings", "--enable-source-maps", "--no-deprecation", "--trace-warnings",
     "--max-old-space-size=", "--disable-warning="});
constexpr auto harmless_of_python =
    std::to_array<std::string_view>({"-u", "-B", "-I", "-s", "-E", "-P", "-O", "-OO"});

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
constexpr std::string_view starter =
    "it only starts another program, which would not be frozen with it: name the program itself, "
    "with its arguments, as the command (`node FOLDER/server.js`)";

// Beside those of config::wrapped_command(). No list of them is complete: what a program of the
// system is given is looked at as well, where the disk is (bring_files()).
constexpr auto started_with_limits = std::to_array<std::string_view>(
    {"xargs",   "parallel", "watch",       "script",    "flock",   "chroot",    "unshare",
     "nsenter", "setarch",  "linux",       "taskset",   "numactl", "prlimit",   "setpriv",
     "su",      "runcon",   "systemd-run", "capsh",     "tini",    "dumb-init", "catatonit",
     "gosu",    "su-exec",  "chpst",       "softlimit", "chronic", "find",      "entr",
     "make",    "forever",  "pm",          "nodemon",   "socat"});
constexpr auto started_under_others = std::to_array<std::string_view>(
    {"strace", "ltrace", "gdb", "valgrind", "perf", "bwrap", "firejail", "proot", "fakeroot",
     "faketime", "proxychains", "torsocks", "dbus-run-session", "start-stop-daemon"});
constexpr auto started_with_environments = std::to_array<std::string_view>(
    {"direnv", "mise", "asdf", "volta", "fnm", "conda", "mamba", "micromamba", "nix", "nix-shell",
     "cross-env", "dotenv", "op", "doppler", "go", "cargo", "mix"});
constexpr auto python_tools = std::to_array<std::string_view>(
    {"uvx", "uv", "pip", "pipx", "poetry", "pipenv", "hatch", "pdm", "rye"});
constexpr auto containers =
    std::to_array<std::string_view>({"docker", "podman", "nerdctl", "runc"});
constexpr auto node_tools =
    std::to_array<std::string_view>({"pnpm", "pnpx", "yarn", "yarnpkg", "bunx", "corepack"});
constexpr auto shells = std::to_array<std::string_view>(
    {"sh",     "bash",  "rbash", "dash",       "ash",     "zsh",   "fish",
     "ksh",    "mksh",  "pdksh", "oksh",       "yash",    "csh",   "tcsh",
     "elvish", "xonsh", "pwsh",  "powershell", "busybox", "toybox"});
constexpr auto other_interpreters = std::to_array<std::string_view>(
    {"python",   "pypy",   "bun",     "deno",   "qjs",   "gjs",     "tsx",       "ts-node",
     "ruby",     "jruby",  "perl",    "raku",   "php",   "php-cgi", "java",      "jshell",
     "scala",    "groovy", "kotlin",  "dotnet", "mono",  "lua",     "luajit",    "luau",
     "rscript",  "tclsh",  "wish",    "expect", "julia", "elixir",  "erl",       "escript",
     "guile",    "racket", "sbcl",    "clisp",  "emacs", "ghci",    "runghc",    "runhaskell",
     "ocaml",    "octave", "swipl",   "awk",    "gawk",  "mawk",    "osascript", "crystal",
     "wasmtime", "wasmer", "node-red"});

Refusal cannot(std::string_view why) {
  return Refusal(Reason::unsupported, "the command cannot be frozen: " + std::string(why));
}

std::string_view name_of(std::string_view program) {
  return program.substr(program.rfind('/') + 1);
}

bool is_of_version(char c) { return c == '.' || c == '-' || (c >= '0' && c <= '9'); }

// "lua5.4", "bash-5.2" and "python3.13t" are the programs without their versions.
std::string without_version(std::string name) {
  constexpr std::string_view builds_of_python = "dmtu";
  if (name.size() > 2 && is_of_version(name[name.size() - 2]) && name.starts_with("python") &&
      builds_of_python.contains(name.back())) {
    name.pop_back();
  }
  while (name.size() > 1 && is_of_version(name.back())) name.pop_back();
  return name;
}

// The loader of programs, which is one itself and takes another as its argument.
bool is_loader(std::string_view name) {
  return name.starts_with("ld-linux") || name.starts_with("ld-musl") || name.starts_with("ld.so");
}

// Under its whole name, or without a version.
bool is_in(std::span<const std::string_view> list, const std::string& name) {
  return std::ranges::find(list, name) != list.end() ||
         std::ranges::find(list, without_version(name)) != list.end();
}

// Why a program by this name runs what is not frozen with it, or nothing.
std::optional<std::string_view> runs_other_code(std::string_view program) {
  const std::string name = config::program_name(program);
  if (is_in(python_tools, name)) return python_package;
  if (is_in(containers, name)) return image;
  if (is_in(node_tools, name)) return node_package;
  if (is_in(shells, name)) return shell;
  return is_in(other_interpreters, name) ? std::optional(other_interpreter) : std::nullopt;
}

bool only_starts_another(const std::vector<std::string>& argv) {
  const std::string name = config::program_name(argv[0]);
  if (config::wrapped_command(argv) || is_loader(name)) return true;
  return is_in(started_with_limits, name) || is_in(started_under_others, name) ||
         is_in(started_with_environments, name);
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
  const std::string plain = without_version(std::string(name));
  if (plain == "node" || plain == "nodejs") return InterpreterKind::node;
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

bool is_known_to_run_others(std::string_view word) {
  const std::string name = config::program_name(word);
  return interpreter_kind(word) != InterpreterKind::none || name == "npx" || name == "npm" ||
         runs_other_code(word).has_value();
}

Result<LocalCommand> parse_local_command(const std::vector<std::string>& argv) {
  if (argv.empty() || argv[0].empty()) return cannot("there is none");
  const InterpreterKind kind = interpreter_kind(argv[0]);
  if (kind == InterpreterKind::none) {
    if (only_starts_another(argv)) return cannot("'" + argv[0] + "': " + std::string(starter));
    if (const auto why = runs_other_code(argv[0])) {
      return cannot("'" + argv[0] + "': " + std::string(*why));
    }
  }
  LocalCommand command;
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

#include "gateway/packages/npx_command.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

namespace toolgate {
namespace {

using Words = std::span<const std::string>;

constexpr std::size_t most_name_bytes = 214;  // the registry's own limit
constexpr std::size_t most_version_bytes = 200;

// Options that say nothing about what is run.
constexpr std::array<std::string_view, 12> harmless = {"-y",
                                                       "--yes",
                                                       "-q",
                                                       "--quiet",
                                                       "-s",
                                                       "--silent",
                                                       "--offline",
                                                       "--prefer-offline",
                                                       "--prefer-online",
                                                       "--no-install",
                                                       "--no",
                                                       "--loglevel=silent"};

Refusal cannot(std::string why) {
  return Refusal(Reason::unsupported, "this command cannot be frozen: " + std::move(why));
}

bool is_letter_or_digit(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
         (byte >= '0' && byte <= '9');
}

bool is_name_part(std::string_view part) {
  if (part.empty() || part[0] == '.' || part[0] == '_' || part[0] == '-') return false;
  return std::ranges::all_of(part, [](char byte) {
    return is_letter_or_digit(byte) || byte == '-' || byte == '.' || byte == '_' || byte == '~';
  });
}

bool is_program_name(std::string_view name) { return is_name_part(name); }

// A version, a range of them or a tag, as node-semver and npm-package-arg take them; an address has
// a ":" or a "/".
bool is_version(std::string_view version) {
  constexpr std::string_view others = ".-+^~<>=|* _";
  return !version.empty() && version.size() <= most_version_bytes && version[0] != ' ' &&
         version[0] != '.' && version.back() != ' ' && std::ranges::all_of(version, [&](char byte) {
           return is_letter_or_digit(byte) || others.find(byte) != others.npos;
         });
}

bool is_archive(std::string_view spec) {
  std::string lower(spec);
  for (char& byte : lower) byte = byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte + 32) : byte;
  return lower.ends_with(".tgz") || lower.ends_with(".tar") || lower.ends_with(".tar.gz");
}

// Why a spec names nothing in a registry; empty: its shape alone does not say.
std::string_view other_source(std::string_view spec) {
  if (spec.starts_with("git") && spec.find(':') != spec.npos) return "it comes from git";
  if (spec.starts_with("git@")) return "it comes from git";
  for (const std::string_view forge : {"github:", "gitlab:", "bitbucket:", "gist:"}) {
    if (spec.starts_with(forge)) return "it comes from git";
  }
  if (spec.starts_with("http:") || spec.starts_with("https:")) return "it is a tarball's address";
  if (spec.starts_with("file:") || spec.starts_with('.') || spec.starts_with('/') ||
      spec.starts_with('~')) {
    return "it is a file or a folder";
  }
  if (is_archive(spec)) return "it is a file";
  if (spec.starts_with("npm:") || spec.find("@npm:") != spec.npos) {
    return "it is an alias: write the package's own name";
  }
  if (spec.find("@git") != spec.npos || spec.find("@http") != spec.npos ||
      spec.find("@file:") != spec.npos) {
    return "it is an address";
  }
  if (!spec.starts_with('@') && spec.find('/') != spec.npos) return "it comes from git";
  return "";
}

Status read_spec(std::string_view spec, NpxCommand& command) {
  const std::string_view elsewhere = other_source(spec);
  if (!elsewhere.empty()) {
    return cannot(std::string(elsewhere) + ", and only packages of a registry can be frozen");
  }
  const std::size_t slash = spec.starts_with('@') ? spec.find('/') : spec.npos;
  const std::size_t from = slash == spec.npos ? 0 : slash + 1;
  const std::size_t at = spec.find('@', std::max<std::size_t>(from, 1));
  const std::string_view name = spec.substr(0, at);
  const bool scoped = name.starts_with('@');
  const bool good = scoped ? slash != spec.npos && is_name_part(name.substr(1, slash - 1)) &&
                                 is_name_part(name.substr(slash + 1))
                           : is_name_part(name);
  if (!good || name.size() > most_name_bytes) {
    return cannot("what it names is no package of a registry");
  }
  if (at != spec.npos && !is_version(spec.substr(at + 1))) {
    return cannot("what follows the package's \"@\" is no version, range or tag");
  }
  command.package = name;
  if (at != spec.npos) command.wanted = spec.substr(at + 1);
  return done();
}

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

enum class Tool { none, npx, npm_exec };

Tool tool_of(Words argv) {
  if (argv.empty()) return Tool::none;
  const std::string_view name = base_name(argv[0]);
  if (name == "npx") return Tool::npx;
  if (name == "npm" && argv.size() > 1 && (argv[1] == "exec" || argv[1] == "x")) {
    return Tool::npm_exec;
  }
  return Tool::none;
}

// The options before the first word that is none; `rest` becomes what follows them.
struct Options {
  std::optional<std::string> package;
  bool ended = false;  // by "--"
};

Result<Options> read_options(Words& rest) {
  Options options;
  while (!rest.empty() && rest[0].starts_with('-')) {
    const std::string word = rest[0];
    rest = rest.subspan(1);
    if (word == "--") {
      options.ended = true;
      break;
    }
    if (std::ranges::find(harmless, word) != harmless.end()) continue;
    constexpr std::string_view named = "--package=";
    std::string package;
    if (word == "-p" || word == "--package") {
      if (rest.empty()) return cannot("no package follows " + word);
      package = rest[0];
      rest = rest.subspan(1);
    } else if (word.starts_with(named)) {
      package = word.substr(named.size());
    } else if (word == "-c" || word.starts_with("--call")) {
      return cannot("it is a line for a shell (-c), which may run anything");
    } else {
      return cannot(
          "it has an option of npm's that freezing does not know; only -y, -p PACKAGE and \"--\" "
          "go before the package");
    }
    if (options.package) return cannot("it asks for more than one package");
    options.package = std::move(package);
  }
  return options;
}

// npm reads options up to the first "--", wherever they stand, and takes that "--" away.
Result<std::vector<std::string>> npm_arguments(Words words, bool ended) {
  std::vector<std::string> arguments;
  for (const std::string& word : words) {
    if (!ended && word == "--") {
      ended = true;
      continue;
    }
    if (!ended && word.starts_with('-')) {
      return cannot(
          "npm would take an option after the package for its own: write \"--\" before the "
          "package");
    }
    arguments.push_back(word);
  }
  return arguments;
}

}  // namespace

std::string NpxCommand::spec() const { return wanted.empty() ? package : package + '@' + wanted; }

bool is_npx(const std::vector<std::string>& argv) { return tool_of(argv) != Tool::none; }

Result<NpxCommand> parse_npx(const std::vector<std::string>& argv) {
  const Tool tool = tool_of(argv);
  if (tool == Tool::none) {
    return cannot(
        "only packages that `npx` or `npm exec` starts can be, in this build; a script or "
        "program elsewhere does not say which files belong to it");
  }
  Words rest = Words(argv).subspan(tool == Tool::npx ? 1 : 2);
  auto options = read_options(rest);
  if (!options) return options.refusal();
  if (rest.empty()) return cannot("it names no package to run");
  NpxCommand command;
  const Status read = read_spec(options->package ? *options->package : rest[0], command);
  if (!read) return read.refusal();
  if (options->package) {
    if (!is_program_name(rest[0])) return cannot("what it runs is no program of a package");
    command.program = rest[0];
  }
  rest = rest.subspan(1);
  if (tool == Tool::npx) {
    command.arguments.assign(rest.begin(), rest.end());
    return command;
  }
  auto arguments = npm_arguments(rest, options->ended);
  if (!arguments) return arguments.refusal();
  command.arguments = std::move(*arguments);
  return command;
}

}  // namespace toolgate

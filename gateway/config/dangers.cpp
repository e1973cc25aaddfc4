#include "gateway/config/dangers.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

#include "gateway/config/inline_code.hpp"

namespace toolgate::config {
namespace {

using Words = std::vector<std::string>;
using Dangers = std::vector<Danger>;

template <std::size_t size>
bool one_of(std::string_view word, const std::array<std::string_view, size>& list) {
  return std::ranges::find(list, word) != list.end();
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::string upper(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return result;
}

// 1.2.3, 1.2.3-beta.1; not ^1.2.3, 1.x, latest.
bool is_exact_version(std::string_view version, std::size_t least_numbers) {
  std::size_t numbers = 0;
  std::size_t at = 0;
  while (at < version.size() && is_digit(version[at])) {
    while (at < version.size() && is_digit(version[at])) ++at;
    ++numbers;
    if (at < version.size() && version[at] == '.') ++at;
  }
  if (numbers < least_numbers || version.back() == '.') return false;
  return std::ranges::all_of(version.substr(at), [](char c) {
    return is_letter(c) || is_digit(c) || c == '.' || c == '-' || c == '+';
  });
}

bool is_path(std::string_view spec) {
  return spec.starts_with('/') || spec.starts_with("./") || spec.starts_with("../") || spec == ".";
}

void check_npm(std::string_view spec, Dangers& found) {
  if (is_path(spec)) return;
  const bool scoped = spec.starts_with('@');
  const std::size_t at = spec.find('@', scoped ? 1 : 0);
  const std::string_view name = spec.substr(0, at);
  const auto slashes = std::ranges::count(name, '/');
  if (spec.find(':') != std::string_view::npos || slashes > (scoped ? 1 : 0)) {
    found.push_back({"command.floating", Severity::soft,
                     "it runs a package from an address instead of the registry; what stands there "
                     "can change"});
  } else if (at == std::string_view::npos || !is_exact_version(spec.substr(at + 1), 3)) {
    found.push_back(
        {"command.floating", Severity::soft,
         "it runs a package without an exact version, so that each start may fetch other code; "
         "write NAME@X.Y.Z"});
  }
}

void check_python(std::string_view spec, Dangers& found) {
  if (is_path(spec)) return;
  if (spec.find("://") != std::string_view::npos || spec.starts_with("git+")) {
    found.push_back({"command.floating", Severity::soft,
                     "it runs a package from an address instead of the registry; what stands there "
                     "can change"});
    return;
  }
  const std::size_t equals = spec.find("==");
  const std::size_t at = spec.find('@');
  std::string_view version;
  if (equals != std::string_view::npos) {
    version = spec.substr(equals + 2);
  } else if (at != std::string_view::npos) {
    version = spec.substr(at + 1);
  }
  if (version.empty() || !is_exact_version(version, 2)) {
    found.push_back(
        {"command.floating", Severity::soft,
         "it runs a package without an exact version, so that each start may fetch other code; "
         "write NAME==X.Y.Z"});
  }
}

// What runs a package: its options that name one, those that take another value, those that choose
// where packages come from.
struct Runner {
  bool python;
  std::size_t skip;  // words before its options
};

std::optional<Runner> runner_of(const Words& argv) {
  const std::string name = program_name(argv[0]);
  const std::string second = argv.size() > 1 ? argv[1] : "";
  const std::string third = argv.size() > 2 ? argv[2] : "";
  if (name == "npx" || name == "bunx" || name == "pnpx") return Runner{false, 1};
  if ((name == "pnpm" || name == "yarn") && second == "dlx") return Runner{false, 2};
  if (name == "npm" && (second == "exec" || second == "x")) return Runner{false, 2};
  if (name == "bun" && second == "x") return Runner{false, 2};
  if (name == "uvx") return Runner{true, 1};
  if (name == "pipx" && second == "run") return Runner{true, 2};
  if (name == "uv" && second == "tool" && third == "run") return Runner{true, 3};
  return std::nullopt;
}

void check_runner(const Words& argv, const Runner& runner, Dangers& found) {
  constexpr std::array<std::string_view, 7> origins{
      "--registry",      "--index-url",       "-i",        "--index",
      "--default-index", "--extra-index-url", "--pip-args"};
  constexpr std::array<std::string_view, 6> valued{"--cache",     "--prefix", "--userconfig",
                                                   "--directory", "--python", "-w"};
  bool named = false;  // by an option: the first plain word is then the program inside
  const auto check = [&](std::string_view spec) {
    if (runner.python) {
      check_python(spec, found);
    } else {
      check_npm(spec, found);
    }
  };
  for (std::size_t i = runner.skip; i < argv.size(); ++i) {
    const std::string_view word = argv[i];
    const std::size_t equals = word.find('=');
    const std::string_view option = word.substr(0, equals);
    const bool takes_next = equals == std::string_view::npos && i + 1 < argv.size();
    const std::string_view value = takes_next ? std::string_view(argv[i + 1])
                                   : equals == std::string_view::npos ? ""
                                                                      : word.substr(equals + 1);
    const bool package = runner.python
                             ? option == "--from" || option == "--spec" || option == "--with"
                             : option == "--package" || option == "-p";
    if (!word.starts_with('-')) {
      if (!named) check(word);
      if (program_name(word).starts_with("mcp-remote")) {
        found.push_back(
            {"command.shim", Severity::note,
             "it is a shim to a remote server; an entry with that server's 'url' needs no other "
             "program"});
      }
      return;
    }
    if (package) {
      check(value);
      named = named || option != "--with";
    } else if (!runner.python && (option == "-c" || option == "--call")) {
      found.push_back({"command.shell", Severity::hard,
                       "it runs a line of shell; name the program and its arguments instead"});
      return;
    } else if (one_of(option, origins)) {
      found.push_back(
          {"command.registry", Severity::soft, "it chooses another place to fetch packages from"});
    } else if (!one_of(option, valued)) {
      continue;
    }
    if (takes_next) ++i;
  }
}

void check_container(const Words& argv, Dangers& found) {
  constexpr std::array<std::string_view, 36> valued{
      "-e",        "--env",    "--env-file", "-v",           "--volume",   "--mount",
      "--name",    "-p",       "--publish",  "--network",    "--net",      "-w",
      "--workdir", "-u",       "--user",     "--entrypoint", "--platform", "--pull",
      "-l",        "--label",  "--add-host", "-m",           "--memory",   "--cpus",
      "--gpus",    "--ipc",    "--pid",      "--cap-add",    "--cap-drop", "--security-opt",
      "--tmpfs",   "--ulimit", "-h",         "--hostname",   "--device",   "--dns"};
  std::size_t i = 1;
  while (i < argv.size() && argv[i] != "run") ++i;
  for (++i; i < argv.size(); ++i) {
    const std::string_view word = argv[i];
    const std::size_t equals = word.find('=');
    const std::string_view option = word.substr(0, equals);
    if (!word.starts_with('-')) {
      if (word.find("@sha256:") == std::string_view::npos) {
        found.push_back({"command.floating", Severity::soft,
                         "it runs an image by a tag, which can be moved; write IMAGE@sha256:..."});
      }
      return;
    }
    const bool takes_next =
        equals == std::string_view::npos && one_of(option, valued) && i + 1 < argv.size();
    const std::string_view value = takes_next ? std::string_view(argv[i + 1])
                                   : equals == std::string_view::npos ? ""
                                                                      : word.substr(equals + 1);
    const bool bundled = word.size() > 1 && word[1] != '-' && !one_of(option, valued);
    if (option == "--detach" || (bundled && word.find('d') != std::string_view::npos)) {
      found.push_back(
          {"command.background", Severity::soft,
           "it runs a container in the background, whose pipe ends at once; remove -d"});
    }
    if (option == "--privileged" || option == "--cap-add" || option == "--device") {
      found.push_back(
          {"command.privileged", Severity::hard, "it gives a container rights over this machine"});
    }
    if ((option == "--network" || option == "--net" || option == "--pid" || option == "--ipc") &&
        value == "host") {
      found.push_back({"command.privileged", Severity::hard,
                       "it shares this machine's network or processes with a container"});
    }
    if (value.starts_with("/:") || value.find("docker.sock") != std::string_view::npos) {
      found.push_back(
          {"command.privileged", Severity::hard,
           "it gives a container the whole file system or the container service itself"});
    }
    if (takes_next) ++i;
  }
}

bool is_secret_name(std::string_view name) {
  constexpr std::array<std::string_view, 17> whole{
      "KEY",    "PASS",     "PWD",    "PAT",        "AUTH",        "AUTHORIZATION",
      "COOKIE", "BEARER",   "DSN",    "CREDENTIAL", "CREDENTIALS", "TOKEN",
      "SECRET", "PASSWORD", "PASSWD", "APIKEY",     "PASSPHRASE"};
  const std::string text = upper(name);
  for (const std::string_view part : {"TOKEN", "SECRET", "PASSWORD", "APIKEY", "PASSPHRASE"}) {
    if (text.find(part) != std::string::npos) return true;
  }
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find_first_of("_-.", begin), text.size());
    if (one_of(std::string_view(text).substr(begin, end - begin), whole)) return true;
    begin = end + 1;
  }
  return false;
}

bool looks_like_secret(std::string_view value) {
  constexpr std::array<std::string_view, 18> starts{
      "sk-",   "ghp_",  "gho_", "ghs_",       "github_pat_", "glpat-",
      "xoxb-", "xoxp-", "AKIA", "AIza",       "ntn_",        "secret_",
      "hf_",   "npm_",  "eyJ",  "-----BEGIN", "Bearer ",     "Basic "};
  return std::ranges::any_of(starts, [&](std::string_view start) {
    return value.size() >= start.size() + 8 && value.starts_with(start);
  });
}

bool has_secret_argument(const Words& argv) {
  for (std::size_t i = 1; i < argv.size(); ++i) {
    const std::string_view word = argv[i];
    if (looks_like_secret(word) && word.find("${") == std::string_view::npos) return true;
    if (has_inline_secret(word)) return true;
    const std::size_t cut = word.find_first_of("=:");
    if (cut != std::string_view::npos) {
      std::string_view value = word.substr(cut + 1);
      value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
      if (word.find('/') > cut && is_inline_secret(word.substr(0, cut), value)) return true;
    } else if (word.starts_with("--") && i + 1 < argv.size() && !argv[i + 1].starts_with('-') &&
               is_inline_secret(word, argv[i + 1])) {
      return true;
    }
  }
  return false;
}

// The program that is left once every wrapper around it was taken off.
void check_program(const Words& argv, Dangers& found) {
  const std::string program = program_name(argv[0]);
  if (has_shell_line(argv)) {
    found.push_back({"command.shell", Severity::hard,
                     "it runs a line of shell; name the program and its arguments instead"});
  }
  if (has_inline_code(argv)) {
    found.push_back(
        {"command.inline", Severity::hard,
         "it runs code that stands in the arguments; put it into a file that can be reviewed"});
  }
  if (preloads_code(argv)) {
    found.push_back({"command.preload", Severity::soft,
                     "it loads other code before its program, or lets a debugger in"});
  }
  if (const std::optional<Runner> runner = runner_of(argv)) check_runner(argv, *runner, found);
  if (program == "docker" || program == "podman" || program == "nerdctl") {
    check_container(argv, found);
  }
  const std::string& command = argv[0];
  if (command.find('/') != std::string::npos && !command.starts_with('/') &&
      !command.starts_with("${")) {
    found.push_back(
        {"command.place", Severity::soft,
         "the program is found relative to the working directory; write an absolute path"});
  }
  for (const std::string_view place : {"/tmp/", "/var/tmp/", "/dev/shm/"}) {
    if (command.starts_with(place)) {
      found.push_back({"command.place", Severity::soft,
                       "the program lies where everybody on this machine can write"});
    }
  }
}

}  // namespace

std::vector<Danger> dangers_of_command(const std::vector<std::string>& argv) {
  constexpr std::array<std::string_view, 6> raisers{"sudo",   "doas",    "su",
                                                    "pkexec", "runuser", "run0"};
  Dangers found;
  if (argv.empty()) return found;
  if (has_secret_argument(argv)) {
    found.push_back({"command.secret", Severity::soft,
                     "an argument looks like a secret, which every user of this machine can see; "
                     "use ${NAME} in 'env'"});
  }
  Words inner = argv;
  for (;;) {
    if (inner.empty()) return found;
    const std::string program = program_name(inner[0]);
    if (one_of(program, raisers)) {
      found.push_back({"command.privileged", Severity::hard, "it runs as another user"});
    }
    if (program == "cmd") {
      found.push_back(
          {"command.shell", Severity::hard,
           "it runs through cmd.exe, which this system does not have; name the program itself"});
    }
    if (program == "env" && splits_a_line(inner)) {
      found.push_back({"command.shell", Severity::hard,
                       "it splits a line into words; name the program and its arguments instead"});
      return found;
    }
    auto wrapped = wrapped_command(inner);
    if (!wrapped) break;
    inner = std::move(*wrapped);
  }
  check_program(inner, found);
  if (fetches_code(argv)) {
    found.push_back({"command.fetch", Severity::hard,
                     "it fetches code from the network and runs it; what comes can be another "
                     "thing at each start"});
  }
  return found;
}

std::optional<Danger> danger_of_variable(std::string_view name) {
  constexpr std::array<std::string_view, 23> loaders{"PATH",
                                                     "NODE_OPTIONS",
                                                     "NODE_PATH",
                                                     "PYTHONPATH",
                                                     "PYTHONSTARTUP",
                                                     "PYTHONHOME",
                                                     "BASH_ENV",
                                                     "ENV",
                                                     "PERL5LIB",
                                                     "PERL5OPT",
                                                     "RUBYLIB",
                                                     "RUBYOPT",
                                                     "JAVA_TOOL_OPTIONS",
                                                     "_JAVA_OPTIONS",
                                                     "JDK_JAVA_OPTIONS",
                                                     "CLASSPATH",
                                                     "BUN_OPTIONS",
                                                     "NODE_REPL_EXTERNAL_MODULE",
                                                     "PYTHONUSERBASE",
                                                     "GCONV_PATH",
                                                     "IFS",
                                                     "SHELLOPTS",
                                                     "PROMPT_COMMAND"};
  constexpr std::array<std::string_view, 9> network{"NODE_TLS_REJECT_UNAUTHORIZED",
                                                    "NODE_EXTRA_CA_CERTS",
                                                    "SSL_CERT_FILE",
                                                    "SSL_CERT_DIR",
                                                    "REQUESTS_CA_BUNDLE",
                                                    "HTTP_PROXY",
                                                    "HTTPS_PROXY",
                                                    "ALL_PROXY",
                                                    "PYTHONHTTPSVERIFY"};
  const std::string text = upper(name);
  if (text.starts_with("LD_") || text.starts_with("DYLD_") || one_of(text, loaders)) {
    return Danger{"command.environment", text == "PATH" ? Severity::soft : Severity::hard,
                  "it changes what code is run"};
  }
  if (text.starts_with("NPM_CONFIG_") || text.starts_with("PIP_") || text.starts_with("UV_")) {
    return Danger{"command.environment", Severity::soft, "it can change where packages come from"};
  }
  if (one_of(text, network)) {
    return Danger{"command.environment", Severity::soft,
                  "it changes whom the server trusts on the network"};
  }
  return std::nullopt;
}

bool is_inline_secret(std::string_view name, std::string_view value) {
  if (value.empty() || value.find("${") != std::string_view::npos) return false;
  return is_secret_name(name) || looks_like_secret(value) || has_inline_secret(value);
}

bool has_inline_secret(std::string_view url) {
  const std::size_t start = url.find("://");
  if (start == std::string_view::npos) return false;
  const std::string_view rest = url.substr(start + 3);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  const std::size_t at = authority.find('@');
  if (at != std::string_view::npos) {
    const std::size_t colon = authority.find(':');
    if (colon < at && authority.substr(0, at).find("${") == std::string_view::npos) return true;
  }
  std::size_t begin = rest.find('?');
  while (begin != std::string_view::npos) {
    const std::string_view pair = rest.substr(begin + 1, rest.find('&', begin + 1) - begin - 1);
    const std::size_t equals = pair.find('=');
    if (equals != std::string_view::npos && equals + 1 < pair.size() &&
        is_secret_name(pair.substr(0, equals)) && pair.find("${") == std::string_view::npos) {
      return true;
    }
    begin = rest.find('&', begin + 1);
  }
  return false;
}

}  // namespace toolgate::config

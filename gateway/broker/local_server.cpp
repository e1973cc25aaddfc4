#include "gateway/broker/local_server.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "connectors/sandbox/orders.hpp"

namespace toolgate {
namespace {

namespace fs = std::filesystem;

// What a server without a sandbox inherits: what a program needs to find itself and its files.
constexpr const char* inherited[] = {"HOME",  "LANG", "LC_ALL", "LOGNAME", "PATH",
                                     "SHELL", "TERM", "TMPDIR", "TZ",      "USER"};
// In a sandbox: nothing that says who the user is or where things are on the host.
constexpr const char* inherited_in_sandbox[] = {"LANG", "LC_ALL", "TZ"};

constexpr std::string_view system_path = "/usr/local/bin:/usr/bin:/bin";

// Those that read a script named on their command line.
constexpr auto interpreters = std::to_array<std::string_view>(
    {"node", "nodejs", "bun", "deno", "python", "python3", "ruby", "perl", "php", "bash", "sh",
     "dash", "java", "tsx", "ts-node"});

// Those that fetch what they run.
constexpr auto fetchers = std::to_array<std::string_view>(
    {"npx", "npm", "pnpm", "pnpx", "yarn", "bunx", "uvx", "uv", "pipx", "docker", "podman"});

std::optional<fs::path> real(const fs::path& path) {
  std::error_code error;
  fs::path found = fs::canonical(path, error);
  if (error) return std::nullopt;
  return found;
}

bool is_within(const fs::path& path, std::string_view folder) {
  const std::string& text = path.native();
  return text.starts_with(folder) && (text.size() == folder.size() || text[folder.size()] == '/');
}

bool is_in_sandbox_already(const fs::path& path) {
  return std::ranges::any_of(
      std::to_array<std::string_view>({"/usr", "/bin", "/sbin", "/lib", "/lib64"}),
      [&](std::string_view folder) { return is_within(path, folder); });
}

std::optional<fs::path> look_up(const std::string& command, const fs::path& cwd,
                                std::string_view search_path) {
  if (command.find('/') != std::string::npos) return cwd / command;
  while (!search_path.empty()) {
    const std::size_t colon = std::min(search_path.find(':'), search_path.size());
    const fs::path candidate = fs::path(search_path.substr(0, colon)) / command;
    search_path.remove_prefix(std::min(colon + 1, search_path.size()));
    if (candidate.is_absolute() && ::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return std::nullopt;
}

// The outermost node_modules above a file: packages lie beside those that they need.
std::optional<fs::path> packages_above(const fs::path& file) {
  fs::path folder;
  for (const fs::path& part : file) {
    folder /= part;
    if (part == "node_modules") return folder;
  }
  return std::nullopt;
}

// The directory of the package or project that a script belongs to, or the script alone.
fs::path package_of(const fs::path& script) {
  if (auto packages = packages_above(script)) return *packages;
  constexpr int levels = 4;
  fs::path folder = script.parent_path();
  for (int level = 0; level < levels && folder.has_relative_path(); ++level) {
    for (const char* mark : {"package.json", "pyproject.toml", "pyvenv.cfg", "setup.py"}) {
      std::error_code ignored;
      const char* home = std::getenv("HOME");
      const bool too_much = home != nullptr && is_within(home, folder.native());
      if (!too_much && fs::exists(folder / mark, ignored)) return folder;
    }
    folder = folder.parent_path();
  }
  return script;
}

// The interpreter's own tree, where it is a virtual environment.
fs::path environment_of(const fs::path& executable) {
  const fs::path folder = executable.parent_path().parent_path();
  std::error_code ignored;
  if (fs::exists(folder / "pyvenv.cfg", ignored)) return folder;
  return executable;
}

void add(std::vector<std::string>& paths, const fs::path& path) {
  if (is_in_sandbox_already(path)) return;
  const auto found = real(path);
  if (!found || is_in_sandbox_already(*found)) return;
  if (std::ranges::find(paths, found->native()) == paths.end()) paths.push_back(found->native());
}

// Of a script that is executed itself: "#!/usr/bin/env node" or "#!/opt/node/bin/node".
std::optional<fs::path> interpreter_of(const fs::path& script, std::string_view search_path) {
  std::ifstream file(script, std::ios::binary);
  std::string line;
  if (!file || file.get() != '#' || file.get() != '!' || !std::getline(file, line)) {
    return std::nullopt;
  }
  std::istringstream words(line.substr(0, 4096));
  std::string first;
  std::string second;
  words >> first >> second;
  if (second == "-S") words >> second;
  const bool by_name = fs::path(first).filename() == "env";
  const auto found = look_up(by_name ? second : first, "/", search_path);
  return found ? real(*found) : std::nullopt;
}

std::vector<std::string> outermost(std::vector<std::string> paths) {
  std::ranges::sort(paths);
  std::vector<std::string> kept;
  for (std::string& path : paths) {
    if (kept.empty() || !is_within(path, kept.back())) kept.push_back(std::move(path));
  }
  return kept;
}

// Where programs are found in the sandbox: those of this server before the system's.
std::string path_in_sandbox(const std::vector<std::string>& programs, const fs::path& executable,
                            std::string_view search_path) {
  std::string path;
  const auto interpreter = interpreter_of(executable, search_path);
  for (const fs::path& program : {executable, interpreter.value_or(fs::path())}) {
    const bool is_own = std::ranges::any_of(
        programs, [&](const std::string& tree) { return is_within(program, tree); });
    if (is_own) path += program.parent_path().string() + ":";
  }
  return path + std::string(system_path);
}

Refusal refuse(const ServerEntry& entry, const std::string& why) {
  return Refusal(Reason::unsupported, "'" + entry.name.text() + "' " + why);
}

bool is_interpreter(std::string_view name) {
  // python3.11, node22
  while (!name.empty() && (name.back() == '.' || (name.back() >= '0' && name.back() <= '9'))) {
    if (std::ranges::find(interpreters, name) != interpreters.end()) return true;
    name.remove_suffix(1);
  }
  return std::ranges::find(interpreters, name) != interpreters.end();
}

std::map<std::string, std::string> environment_for(const ServerEntry& entry) {
  std::map<std::string, std::string> environment;
  if (entry.isolation == Isolation::none) {
    for (const char* name : inherited) {
      if (const char* value = std::getenv(name)) environment[name] = value;
    }
  } else {
    for (const char* name : inherited_in_sandbox) {
      if (const char* value = std::getenv(name)) environment[name] = value;
    }
    environment["HOME"] = sandbox_home;
    environment["PATH"] = system_path;
    environment["TMPDIR"] = "/tmp";
    environment["USER"] = environment["LOGNAME"] = "toolgate";
  }
  for (const auto& [name, value] : entry.env) environment[name] = value;
  return environment;
}

// Inside of a scope the gateway's own directory is the same there; else the first scope.
std::string sandbox_directory(const ServerEntry& entry) {
  if (!entry.cwd.empty()) return entry.cwd.string();
  std::error_code error;
  const fs::path here = fs::current_path(error);
  for (const FileScope& scope : entry.files) {
    if (!error && is_within(here, scope.path.native())) return here.string();
  }
  for (const FileScope& scope : entry.files) {
    if (fs::is_directory(scope.path, error)) return scope.path.string();
  }
  return sandbox_home;
}

SandboxPlan plan_for(const ServerEntry& entry, const std::vector<std::string>& argv,
                     const std::string& search_path) {
  SandboxPlan plan;
  plan.files = entry.files;
  plan.protect = entry.protect;
  plan.limits = entry.sandbox;
  plan.programs = program_paths(argv, entry.cwd, search_path);
  if (const char* home = std::getenv("HOME")) plan.home = home;
  if (!entry.gateway_home.empty()) plan.forbidden.push_back(entry.gateway_home.string());
  return plan;
}

}  // namespace

std::vector<std::string> program_paths(const std::vector<std::string>& argv, const std::string& cwd,
                                       const std::string& search_path) {
  std::vector<std::string> paths;
  if (argv.empty()) return paths;
  std::error_code error;
  const fs::path here = cwd.empty() ? fs::current_path(error) : fs::path(cwd);
  const auto executable = look_up(argv.front(), here, search_path);
  if (!executable) return paths;
  // Both the link and what it leads to: it is executed by the one name and opened by the other.
  const auto target = real(*executable);
  add(paths, environment_of(*executable));
  if (!target) return paths;
  const std::string name = target->filename().string();
  if (!is_in_sandbox_already(*target)) add(paths, package_of(*target));
  const bool reads_script = is_interpreter(name) || is_interpreter(executable->filename().string());
  for (std::size_t i = 1; reads_script && i < argv.size(); ++i) {
    if (argv[i] == "-m" || argv[i] == "-c" || argv[i] == "-e") break;
    if (argv[i].starts_with('-')) continue;
    const auto script = real(here / argv[i]);
    std::error_code ignored;
    if (!script || !fs::is_regular_file(*script, ignored)) continue;
    add(paths, package_of(*script));
    break;
  }
  if (const auto interpreter = interpreter_of(*target, search_path)) {
    add(paths, package_of(*interpreter));
  }
  return outermost(std::move(paths));
}

Result<StdioServer> local_server(const ServerEntry& entry) {
  StdioServer server;
  server.name = entry.name;
  server.argv = entry.argv;
  server.env = environment_for(entry);
  server.cwd = entry.cwd.string();
  server.limits = entry.limits;
  if (entry.isolation == Isolation::none) return server;
  if (entry.isolation != Isolation::process) {
    return refuse(entry,
                  "asks for a tier of isolation that this build does not have; nothing falls back "
                  "to less: write \"process\"");
  }
  const std::string name = fs::path(entry.argv.front()).filename().string();
  if (std::ranges::find(fetchers, name) != fetchers.end()) {
    return refuse(entry, "is started by '" + name +
                             "', which fetches what it runs, and a sandbox has no network: install "
                             "the package and name its program (node "
                             "/path/to/node_modules/PACKAGE/dist/index.js)");
  }
  // A command without a path is looked up where the gateway would find it, once, here.
  const auto given = entry.env.find("PATH");
  const char* own = std::getenv("PATH");
  const std::string search_path = given != entry.env.end() ? given->second
                                  : own != nullptr         ? own
                                                           : std::string(system_path);
  std::error_code error;
  const fs::path here = entry.cwd.empty() ? fs::current_path(error) : entry.cwd;
  const auto executable = look_up(entry.argv.front(), here, search_path);
  if (!executable) {
    return Refusal(Reason::unavailable, "'" + entry.argv.front() +
                                            "' is not in the PATH: check \"command\" of '" +
                                            entry.name.text() + "'");
  }
  const auto target = real(*executable);
  // A virtual environment is known by the path that its interpreter was called by.
  const fs::path environment = environment_of(*executable);
  const auto own_tree = environment == *executable ? std::nullopt : real(environment);
  const fs::path program =
      own_tree ? *own_tree / "bin" / executable->filename() : target.value_or(*executable);
  server.argv.front() = program.string();
  server.sandbox = plan_for(entry, entry.argv, search_path);
  server.cwd = sandbox_directory(entry);
  if (given == entry.env.end()) {
    server.env["PATH"] = path_in_sandbox(server.sandbox->programs, program, search_path);
  }
  return server;
}

}  // namespace toolgate

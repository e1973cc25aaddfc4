#include "gateway/broker/local_program.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "gateway/packages/program_files.hpp"

namespace toolgate {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view system_path = "/usr/local/bin:/usr/bin:/bin";

// Those that read a script named on their command line.
constexpr auto interpreters = std::to_array<std::string_view>(
    {"node", "nodejs", "bun", "deno", "python", "python3", "ruby", "perl", "php", "bash", "sh",
     "dash", "java", "tsx", "ts-node"});

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

// The tree of the virtual environment that an interpreter belongs to.
std::optional<fs::path> environment_of(const fs::path& executable) {
  const fs::path folder = executable.parent_path().parent_path();
  std::error_code ignored;
  if (!fs::exists(folder / "pyvenv.cfg", ignored)) return std::nullopt;
  return real(folder);
}

void add(std::vector<std::string>& paths, const fs::path& path) {
  if (is_in_sandbox_already(path)) return;
  const auto found = real(path);
  if (!found || is_in_sandbox_already(*found)) return;
  if (std::ranges::find(paths, found->native()) == paths.end()) paths.push_back(found->native());
}

// Of a script that is executed itself: "#!/usr/bin/env node" or "#!/opt/node/bin/node".
std::optional<fs::path> interpreter_of(const fs::path& script, std::string_view search_path) {
  constexpr std::size_t most_bytes = 4096;
  std::error_code error;
  if (!fs::is_regular_file(script, error)) return std::nullopt;
  std::ifstream file(script, std::ios::binary);
  std::string line(most_bytes, '\0');
  file.read(line.data(), static_cast<std::streamsize>(line.size()));
  line.resize(static_cast<std::size_t>(file.gcount()));
  if (!line.starts_with("#!")) return std::nullopt;
  std::istringstream words(line.substr(2, line.find('\n') - 2));
  std::string first;
  std::string second;
  words >> first >> second;
  if (second == "-S") words >> second;
  const bool by_name = fs::path(first).filename() == "env";
  const auto found = look_up_program(by_name ? second : first, "/", search_path);
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
                            const std::optional<fs::path>& interpreter) {
  std::string path;
  for (const fs::path& program : {executable, interpreter.value_or(fs::path())}) {
    const bool is_own = std::ranges::any_of(
        programs, [&](const std::string& tree) { return is_within(program, tree); });
    if (is_own) path += program.parent_path().string() + ":";
  }
  return path + std::string(system_path);
}

bool is_interpreter(std::string_view name) {
  // python3.11, node22
  while (!name.empty() && (name.back() == '.' || (name.back() >= '0' && name.back() <= '9'))) {
    if (std::ranges::find(interpreters, name) != interpreters.end()) return true;
    name.remove_suffix(1);
  }
  return std::ranges::find(interpreters, name) != interpreters.end();
}

// The first argument that is a file, unless a module or a text is run.
std::optional<fs::path> script_in(const std::vector<std::string>& argv, const fs::path& here) {
  for (std::size_t i = 1; i < argv.size(); ++i) {
    if (argv[i] == "-m" || argv[i] == "-c" || argv[i] == "-e") break;
    if (argv[i].starts_with('-')) continue;
    const auto script = real(here / argv[i]);
    std::error_code ignored;
    if (script && fs::is_regular_file(*script, ignored)) return script;
  }
  return std::nullopt;
}

}  // namespace

Result<LocalProgram> find_program(const std::vector<std::string>& argv, const fs::path& cwd,
                                  const std::string& search_path) {
  std::error_code error;
  const fs::path here = cwd.empty() ? fs::current_path(error) : cwd;
  const auto executable = look_up_program(argv.front(), here, search_path);
  const auto target = executable ? real(*executable) : std::nullopt;
  if (!target) {
    return Refusal(Reason::unavailable, "there is no program '" + argv.front() + "'" +
                                            (executable ? "" : " in the PATH"));
  }
  LocalProgram program;
  program.argv = argv;
  // A virtual environment is known by the path that its interpreter was called by.
  const auto environment = environment_of(*executable);
  const fs::path path = environment ? *environment / "bin" / executable->filename() : *target;
  program.argv.front() = path.string();
  if (environment) add(program.paths, *environment);
  if (!is_in_sandbox_already(*target)) add(program.paths, folder_of_program(*target));
  if (is_interpreter(target->filename().string()) ||
      is_interpreter(executable->filename().string())) {
    if (const auto script = script_in(argv, here)) add(program.paths, folder_of_program(*script));
  }
  const auto interpreter = interpreter_of(*target, search_path);
  if (interpreter) add(program.paths, folder_of_program(*interpreter));
  program.paths = outermost(std::move(program.paths));
  program.search_path = path_in_sandbox(program.paths, path, interpreter);
  return program;
}

}  // namespace toolgate

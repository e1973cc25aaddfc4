#include "gateway/packages/program_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "connectors/descriptor.hpp"
#include "connectors/frozen/tree_file.hpp"
#include "gateway/packages/local_command.hpp"

namespace toolgate {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t most_interpreter_bytes = std::uint64_t{1} << 30;

// The outermost node_modules above a file: packages lie beside those that they need.
std::optional<fs::path> packages_above(const fs::path& file) {
  fs::path folder;
  for (const fs::path& part : file) {
    folder /= part;
    if (part == "node_modules") return folder;
  }
  return std::nullopt;
}

bool holds_home(const fs::path& folder) {
  const char* home = std::getenv("HOME");
  if (home == nullptr) return false;
  const std::string_view text = home;
  const std::string& own = folder.native();
  return text.starts_with(own) && (text.size() == own.size() || text[own.size()] == '/');
}

Refusal cannot(const std::string& what, const std::string& why) {
  return Refusal(Reason::unsupported, "the interpreter " + what + " cannot be frozen: " + why);
}

bool is_native(const Descriptor& file) {
  std::array<char, 4> magic{};
  constexpr std::string_view elf =
      "\x7f"
      "ELF";
  return ::pread(file.number(), magic.data(), magic.size(), 0) == 4 &&
         std::string_view(magic.data(), magic.size()) == elf;
}

Result<ManifestInterpreter> hashed(const fs::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat about{};
  if (!file || ::fstat(file.number(), &about) != 0) {
    return cannot(path.string(), std::strerror(errno));
  }
  if (!S_ISREG(about.st_mode) || !is_native(file)) {
    return cannot(
        path.string(),
        "it is a script that chooses one; write the path of the interpreter itself as the "
        "command, or put it first in the PATH");
  }
  ManifestInterpreter interpreter;
  interpreter.path = path.string();
  interpreter.bytes = static_cast<std::uint64_t>(about.st_size);
  if (interpreter.bytes > most_interpreter_bytes) return cannot(path.string(), "it is too large");
  frozen_tree::FileHash hash;
  auto sum = hash.of_bytes(file, interpreter.path, interpreter.bytes, Descriptor());
  if (!sum) return sum.refusal();
  interpreter.sha256 = *sum;
  return interpreter;
}

}  // namespace

fs::path folder_of_program(const fs::path& script) {
  if (auto packages = packages_above(script)) return *packages;
  constexpr int levels = 4;
  fs::path folder = script.parent_path();
  for (int level = 0; level < levels && folder.has_relative_path(); ++level) {
    for (const char* mark : {"package.json", "pyproject.toml", "pyvenv.cfg", "setup.py"}) {
      std::error_code ignored;
      if (!holds_home(folder) && fs::exists(folder / mark, ignored)) return folder;
    }
    folder = folder.parent_path();
  }
  return script;
}

std::optional<fs::path> look_up_program(const std::string& command, const fs::path& cwd,
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

Result<ManifestInterpreter> find_interpreter(const std::string& command, const fs::path& cwd,
                                             std::string_view search_path) {
  const auto found = look_up_program(command, cwd, search_path);
  std::error_code error;
  const fs::path path = found ? fs::canonical(*found, error) : fs::path();
  if (!found || error) return cannot("'" + command + "'", "there is none, or none in the PATH");
  if (fs::exists(found->parent_path().parent_path() / "pyvenv.cfg", error)) {
    return cannot(found->string(),
                  "it belongs to a virtual environment, whose packages lie outside of what is "
                  "frozen; use the system's, as in `/usr/bin/python3 FOLDER/server.py`");
  }
  if (interpreter_kind(command) == InterpreterKind::python && !path.native().starts_with("/usr/")) {
    return cannot(
        path.string(),
        "its library lies where your own programs can write to it; use the system's, as in "
        "`/usr/bin/python3 FOLDER/server.py`");
  }
  return hashed(path);
}

Status verify_interpreter(const ManifestInterpreter& interpreter) {
  auto now = hashed(interpreter.path);
  if (now && now->bytes == interpreter.bytes && now->sha256 == interpreter.sha256) return done();
  return Refusal(
      Reason::bad_signature,
      "its interpreter " + interpreter.path +
          " is not the one that it was frozen with (a system update may have replaced it)");
}

}  // namespace toolgate

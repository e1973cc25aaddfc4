// bring_files(): a script with the folder that it belongs to, a script alone, a program.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "connectors/frozen/tree_file.hpp"
#include "gateway/packages/own_file.hpp"
#include "gateway/packages/program_files.hpp"
#include "gateway/packages/source.hpp"
#include "gateway/packages/tree_walk.hpp"

namespace toolgate {
namespace {

namespace fs = std::filesystem;
using namespace frozen_tree;

constexpr mode_t folder_mode = 0755;
constexpr mode_t program_mode = 0755;
constexpr mode_t file_mode = 0644;

Refusal cannot(const std::string& path, const std::string& why) {
  return Refusal(Reason::unsupported, manifest_name(path) + " cannot be frozen: " + why);
}

class Copier {
 public:
  Copier(int from, int to) : from_(from), to_(to) {}

  Status copy(int folder, const std::string& name, const std::string& path,
              const struct stat& about) {
    if (++entries_ > limits_.entries || bytes_ > limits_.tree_bytes) {
      return Refusal(Reason::too_large, "a frozen tree holds at most 200,000 entries and 4 GiB");
    }
    if (S_ISDIR(about.st_mode)) {
      if (::mkdirat(to_, path.c_str(), folder_mode) == 0) return done();
      return failed("copy", path, errno);
    }
    if (S_ISLNK(about.st_mode)) {
      auto target = link_target(folder, name, path);
      if (!target) return target.refusal();
      if (::symlinkat(target->c_str(), to_, path.c_str()) == 0) return done();
      return failed("copy", path, errno);
    }
    return copy_file(path, path);
  }

  Status copy_file(const std::string& path, const std::string& as) {
    const Descriptor file = open_beneath(from_, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    struct stat about{};
    if (!file || ::fstat(file.number(), &about) != 0) return failed("open", path, errno);
    if (!S_ISREG(about.st_mode)) return cannot(path, "it is a device, a socket or a pipe");
    if ((about.st_mode & (S_ISUID | S_ISGID)) != 0) {
      return cannot(path, "it would run with another user's rights");
    }
    const std::uint64_t length = static_cast<std::uint64_t>(about.st_size);
    bytes_ += length;
    if (bytes_ > limits_.tree_bytes) return copy_limit();
    const bool is_program = (about.st_mode & S_IXUSR) != 0;
    const Descriptor copy = create_beneath(to_, as, is_program ? program_mode : file_mode);
    if (!copy) return failed("copy", path, errno);
    const auto sum = hash_.of_bytes(file, path, length, copy);
    return sum ? done() : Status(sum.refusal());
  }

 private:
  static Status copy_limit() {
    return Refusal(Reason::too_large, "a frozen tree holds at most 4 GiB");
  }

  int from_;
  int to_;
  ManifestLimits limits_;
  std::size_t entries_ = 0;
  std::uint64_t bytes_ = 0;
  FileHash hash_;
};

Status copy_folder(const fs::path& from, const fs::path& to) {
  const Descriptor source = open_root(from);
  if (!source) return cannot(from.string(), std::strerror(errno));
  const Descriptor target = open_root(to);
  if (!target) return package_fault("open", to, errno);
  Copier copier(source.number(), target.number());
  return walk(source.number(),
              [&](int folder, const std::string& name, const std::string& path, struct stat about) {
                return copier.copy(folder, name, path, about);
              });
}

Status copy_one(const fs::path& from, const fs::path& to, const std::string& name) {
  const Descriptor source = open_root(from.parent_path());
  if (!source) return cannot(from.string(), std::strerror(errno));
  const Descriptor target = open_root(to);
  if (!target) return package_fault("open", to, errno);
  return Copier(source.number(), target.number()).copy_file(name, name);
}

bool is_of_system(const fs::path& program) {
  constexpr auto folders =
      std::to_array<std::string_view>({"/usr/", "/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/"});
  return std::ranges::any_of(
      folders, [&](std::string_view folder) { return program.native().starts_with(folder); });
}

// The file that an argument names: "FILE", "--option=FILE", "-oFILE".
bool names_file(const std::string& word, const fs::path& here) {
  auto is_file = [&](const std::string& name) {
    std::error_code ignored;
    return !name.empty() && fs::is_regular_file(here / name, ignored);
  };
  if (is_file(word)) return true;
  if (!word.starts_with('-')) return false;
  const auto equals = word.find('=');
  if (equals != word.npos && is_file(word.substr(equals + 1))) return true;
  constexpr std::size_t short_option = 2;  // "-o"
  return word.size() > short_option && is_file(word.substr(short_option));
}

// A program of the system that is given a file, or the name of an interpreter, may well run that:
// then the program alone is not what must be frozen.
Status not_a_starter(const LocalCommand& command, const fs::path& named, const fs::path& script,
                     const fs::path& here) {
  if (is_known_to_run_others(script.native())) {
    return cannot(command.script, "it leads to " + script.string() +
                                      ", which runs what it is given: name that, or the script "
                                      "itself, as the command");
  }
  if (!is_of_system(named) && !is_of_system(script)) return done();
  for (const std::string& word : command.arguments) {
    if (!names_file(word, here) && !is_known_to_run_others(word)) continue;
    return cannot(command.script,
                  "it is a program of the system, and what its argument '" + word +
                      "' names may be what it runs, which would not be frozen with it: name that "
                      "itself as the command (`node FOLDER/server.js`, `python3 "
                      "FOLDER/server.py`), or put a program of your own outside of /usr");
  }
  return done();
}

}  // namespace

Result<Brought> bring_files(const LocalCommand& command, const ServerEntry& entry,
                            const std::string& search_path, const fs::path& tree) {
  std::error_code error;
  const fs::path here = entry.cwd.empty() ? fs::current_path(error) : entry.cwd;
  const bool runs_itself = command.interpreter.empty();
  const auto named = runs_itself ? look_up_program(command.script, here, search_path)
                                 : std::optional<fs::path>(here / command.script);
  const fs::path script = named ? fs::canonical(*named, error) : fs::path();
  if (!named || error || !fs::is_regular_file(script, error)) {
    return cannot(command.script, "there is no such file");
  }
  if (runs_itself) {
    Status plain = not_a_starter(command, *named, script, here);
    if (!plain) return plain.refusal();
  }
  const fs::path folder = folder_of_program(script);
  Brought brought;
  brought.interpreter = command.interpreter;
  brought.options = command.options;
  if (folder == script) {
    brought.origin = {ManifestOrigin::Kind::file, script.filename().string(), "", ""};
    brought.entry = script.filename().string();
    Status copied = copy_one(script, tree, brought.entry);
    if (!copied) return copied.refusal();
    return brought;
  }
  brought.origin = {ManifestOrigin::Kind::directory, folder.filename().string(), "", ""};
  brought.entry = script.lexically_relative(folder).string();
  fs::path target = tree;
  if (folder.filename() == "node_modules") {
    // Packages find each other by the name of the folder around them.
    target /= folder.filename();
    brought.origin.name = folder.parent_path().filename().string() + "/node_modules";
    brought.entry = "node_modules/" + brought.entry;
    if (::mkdir(target.c_str(), folder_mode) != 0) return package_fault("make", target, errno);
  }
  Status copied = copy_folder(folder, target);
  if (!copied) return copied.refusal();
  return brought;
}

}  // namespace toolgate

#include "gateway/packages/freeze.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <utility>

#include "gateway/packages/frozen.hpp"
#include "gateway/packages/lock_file.hpp"
#include "gateway/packages/npm.hpp"
#include "gateway/packages/npx_command.hpp"
#include "gateway/packages/own_file.hpp"
#include "gateway/packages/staging.hpp"
#include "gateway/packages/tree.hpp"
#include "signing/manifest.hpp"

namespace toolgate {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t lock_bytes_most = std::size_t{64} << 20;
constexpr std::size_t first_line_bytes = 256;

// Options of node that change nothing of what is loaded.
constexpr std::array<std::string_view, 6> harmless_options = {
    "--no-warnings",    "--enable-source-maps",  "--no-deprecation",
    "--trace-warnings", "--max-old-space-size=", "--disable-warning="};

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  constexpr std::string_view blank = " \t\r";
  while (true) {
    const auto from = line.find_first_not_of(blank);
    if (from == line.npos) return words;
    const auto end = std::min(line.find_first_of(blank, from), line.size());
    words.push_back(line.substr(from, end - from));
    line.remove_prefix(end);
  }
}

bool is_harmless(std::string_view option) {
  return std::ranges::any_of(harmless_options, [&](std::string_view known) {
    return known.ends_with('=') ? option.starts_with(known) : option == known;
  });
}

Refusal no_node(std::string_view why) {
  return Refusal(Reason::unsupported,
                 "the package's program cannot be frozen: " + std::string(why));
}

Result<std::vector<std::string>> interpreter_in(const fs::path& script) {
  std::ifstream in(script, std::ios::binary);
  std::string line(first_line_bytes, '\0');
  in.read(line.data(), static_cast<std::streamsize>(line.size()));
  line.resize(static_cast<std::size_t>(in.gcount()));
  const auto end = line.find('\n');
  if (end == line.npos) return no_node("it does not begin with the line \"#!/usr/bin/env node\"");
  return interpreter_of(line.substr(0, end));
}

// The folder in which npm works: only the package is a dependency of it.
Result<LockedPackage> install(const Staging& staging, const NpxCommand& command,
                              const Environment& environment) {
  const fs::path tree = staging.folder() / tree_folder;
  if (::mkdir(tree.c_str(), 0755) != 0) return package_fault("make", tree, errno);
  Status written =
      write_package_file(tree / "package.json", "{\"private\":true}\n", Replacing::yes);
  if (!written) return written.refusal();
  const fs::path cache = staging.folder() / "cache";
  Status installed = install_package(tree, command.spec(), cache, environment);
  remove_tree(cache);
  if (!installed) return installed.refusal();
  auto lock = read_package_file(tree / "package-lock.json", lock_bytes_most);
  if (!lock) return lock.refusal();
  return read_lock_file(Untrusted<std::string>(std::move(*lock)), command);
}

// Seals the tree and describes it.
Result<Manifest> describe(const Staging& staging, const NpxCommand& command,
                          const LockedPackage& locked) {
  const fs::path tree = staging.folder() / tree_folder;
  Manifest manifest;
  manifest.package = command.package;
  manifest.version = locked.version;
  manifest.entry = locked.entry;
  Status sealed = seal_tree(tree);
  if (!sealed) return sealed.refusal();
  auto entries = read_tree(tree);
  if (!entries) return entries.refusal();
  manifest.entries = std::move(*entries);
  const ManifestEntry* entry = manifest.find(manifest.entry);
  if (!entry || !entry->is_file()) return no_node("its file is missing, or is a link");
  auto interpreter = interpreter_in(tree / manifest.entry);
  if (!interpreter) return interpreter.refusal();
  manifest.interpreter = std::move(*interpreter);
  return manifest;
}

}  // namespace

Result<std::vector<std::string>> interpreter_of(std::string_view first_line) {
  constexpr std::string_view mark = "#!";
  if (!first_line.starts_with(mark)) {
    return no_node("it does not begin with the line \"#!/usr/bin/env node\"");
  }
  auto words = words_of(first_line.substr(mark.size()));
  const auto is = [](std::string_view path, std::string_view name) {
    return path.substr(path.rfind('/') + 1) == name;
  };
  if (!words.empty() && is(words.front(), "env")) words.erase(words.begin());
  if (!words.empty() && words.front() == "-S") words.erase(words.begin());
  if (words.empty() || !is(words.front(), "node")) {
    return no_node("it is a script for another program than node");
  }
  std::vector<std::string> interpreter = {"node"};
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (!is_harmless(words[i])) return no_node("it starts node with an option that may load code");
    interpreter.emplace_back(words[i]);
  }
  return interpreter;
}

Result<Frozen> freeze_server(const ServerEntry& entry, const fs::path& home,
                             const Environment& environment, const FreezeProgress& progress) {
  if (!entry.is_local()) {
    return Refusal(Reason::unsupported,
                   "'" + entry.name.text() + "' is a remote server: there is nothing to freeze");
  }
  const auto command = parse_npx(entry.argv);
  if (!command) return command.refusal();
  auto staging = Staging::make(home);
  if (!staging) return staging.refusal();
  progress("npm fetches " + command->spec() + ", with install scripts off");
  const auto locked = install(*staging, *command, environment);
  if (!locked) return locked.refusal();
  progress("reading what came: " + std::to_string(locked->packages) + " packages");
  const auto manifest = describe(*staging, *command, *locked);
  if (!manifest) return manifest.refusal();
  const auto text = manifest_text(*manifest);
  if (!text) return text.refusal();
  Status written = write_package_file(staging->folder() / manifest_file, *text, Replacing::no);
  if (!written) return written.refusal();
  if (::chmod(staging->folder().c_str(), 0555) != 0) {
    return package_fault("seal", staging->folder(), errno);
  }

  Frozen frozen;
  frozen.digest = manifest_digest(*text);
  frozen.package = manifest->package;
  frozen.version = manifest->version;
  frozen.entry = manifest->entry;
  frozen.folder = package_folder(home, frozen.digest);
  frozen.packages = locked->packages;
  frozen.files = manifest->files();
  frozen.bytes = manifest->bytes();
  const auto is_good = [&] {
    const auto kept = read_package_file(frozen.folder / manifest_file, text->size());
    return kept && *kept == *text && verify_tree(frozen.folder / tree_folder, *manifest);
  };
  Status published = staging->publish(frozen.folder, is_good);
  if (!published) return published.refusal();
  Status recorded = record_artefact(entry, home, frozen.digest, frozen.version);
  if (!recorded) return recorded.refusal();
  return frozen;
}

}  // namespace toolgate

#include "gateway/packages/freeze.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <fstream>
#include <utility>

#include "gateway/packages/command_to_freeze.hpp"
#include "gateway/packages/frozen.hpp"
#include "gateway/packages/manifest_signature.hpp"
#include "gateway/packages/own_file.hpp"
#include "gateway/packages/program_files.hpp"
#include "gateway/packages/source.hpp"
#include "gateway/packages/staging.hpp"
#include "gateway/packages/tree.hpp"
#include "signing/manifest.hpp"

namespace toolgate {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t first_line_bytes = 256;

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

Refusal no_program(std::string_view why) {
  return Refusal(Reason::unsupported, "its program cannot be frozen: " + std::string(why));
}

std::string beginning_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string text(first_line_bytes, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

// The command of the interpreter and its options; nothing where the file runs itself.
Result<std::vector<std::string>> command_of(const Brought& brought, const fs::path& file) {
  if (!brought.interpreter.empty()) {
    std::vector<std::string> command = {brought.interpreter};
    command.insert(command.end(), brought.options.begin(), brought.options.end());
    return command;
  }
  const std::string text = beginning_of(file);
  if (text.starts_with("\x7f"
                       "ELF")) {
    return std::vector<std::string>();
  }
  const auto end = text.find('\n');
  if (end == text.npos) return no_program("it begins with no line \"#!/usr/bin/env node\"");
  return interpreter_of(std::string_view(text).substr(0, end));
}

Result<Brought> bring(const CommandToFreeze& command, const ServerEntry& entry,
                      const Staging& staging, const Environment& environment,
                      const std::string& search_path, const FreezeProgress& progress) {
  const fs::path tree = staging.folder() / tree_folder;
  if (::mkdir(tree.c_str(), 0755) != 0) return package_fault("make", tree, errno);
  if (command.package) {
    progress("npm fetches " + command.package->spec() + ", with install scripts off");
    return bring_package(*command.package, staging.folder(), tree, environment);
  }
  progress("copying what " + command.local->script + " belongs to");
  return bring_files(*command.local, entry, search_path, tree);
}

// Seals the tree and describes it.
Result<Manifest> describe(const fs::path& tree, Brought brought, const ServerEntry& entry,
                          const std::string& search_path) {
  Manifest manifest;
  manifest.origin = brought.origin;
  manifest.entry = brought.entry;
  Status sealed = seal_tree(tree);
  if (!sealed) return sealed.refusal();
  auto entries = read_tree(tree);
  if (!entries) return entries.refusal();
  manifest.entries = std::move(*entries);
  const ManifestEntry* file = manifest.find(manifest.entry);
  if (!file || !file->is_file()) return no_program("its file is missing, or is a link");
  auto command = command_of(brought, tree / manifest.entry);
  if (!command) return command.refusal();
  if (command->empty()) {
    if (file->type == ManifestEntry::Type::executable) return manifest;
    return no_program("its file cannot be executed: set its mode (chmod +x)");
  }
  auto interpreter = find_interpreter(command->front(), entry.cwd, search_path);
  if (!interpreter) return interpreter.refusal();
  manifest.interpreter = std::move(*interpreter);
  manifest.options.assign(command->begin() + 1, command->end());
  return manifest;
}

Status seal_package(const fs::path& folder, std::string_view manifest,
                    const std::optional<FileSignature>& signature) {
  Status written = write_package_file(folder / manifest_file, manifest, Replacing::no);
  if (!written) return written;
  if (signature) return keep_signature(folder, *signature);
  return ::chmod(folder.c_str(), 0555) == 0 ? done() : package_fault("seal", folder, errno);
}

// The one to keep: what was given, once it was checked, or what is kept already and holds.
Result<std::optional<FileSignature>> signature_for(const ServerEntry& entry,
                                                   const fs::path& package,
                                                   std::string_view manifest,
                                                   const std::optional<FileSignature>& given) {
  using Found = std::optional<FileSignature>;
  if (!given) {
    if (!entry.publisher) return Found();
    auto kept = kept_signature(*entry.publisher, package, manifest);
    return kept ? Found(std::move(*kept)) : Found();
  }
  assert(entry.publisher);
  const Status good = check_signature(*entry.publisher, manifest, *given);
  if (good) return given;
  return Refusal(Reason::bad_signature,
                 "'" + entry.name.text() + "' is not frozen anew: " + good.refusal().detail +
                     "; run `toolgate freeze " + entry.name.text() +
                     "` without a signature, and have the manifest that it names signed");
}

}  // namespace

Result<std::vector<std::string>> interpreter_of(std::string_view first_line) {
  constexpr std::string_view mark = "#!";
  if (!first_line.starts_with(mark)) {
    return no_program("it begins with no line \"#!/usr/bin/env node\"");
  }
  auto words = words_of(first_line.substr(mark.size()));
  const auto is = [](std::string_view path, std::string_view name) {
    return path.substr(path.rfind('/') + 1) == name;
  };
  const bool by_name = !words.empty() && is(words.front(), "env");
  if (by_name) words.erase(words.begin());
  if (!words.empty() && words.front() == "-S") words.erase(words.begin());
  const auto kind = words.empty() ? InterpreterKind::none : interpreter_kind(words.front());
  if (kind == InterpreterKind::none) {
    return no_program("it is a script for another program than node or python3");
  }
  std::vector<std::string> interpreter = {std::string(words.front())};
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (!is_harmless_option(kind, words[i])) {
      return no_program("its first line has an option that may load other code");
    }
    interpreter.emplace_back(words[i]);
  }
  return interpreter;
}

Result<Frozen> freeze_server(const ServerEntry& entry, const fs::path& home,
                             const Environment& environment, const FreezeProgress& progress,
                             const std::optional<FileSignature>& signature) {
  if (!entry.is_local()) {
    return Refusal(Reason::unsupported,
                   "'" + entry.name.text() + "' is a remote server: there is nothing to freeze");
  }
  const auto command = command_to_freeze(entry);
  if (!command) return command.refusal();
  auto staging = Staging::make(home);
  if (!staging) return staging.refusal();
  const auto own_path = entry.env.find("PATH");
  const std::string search_path =
      own_path != entry.env.end() ? own_path->second : environment("PATH").value_or("");
  auto brought = bring(*command, entry, *staging, environment, search_path, progress);
  if (!brought) return brought.refusal();
  progress("reading what came");
  const auto manifest = describe(staging->folder() / tree_folder, *brought, entry, search_path);
  if (!manifest) return manifest.refusal();
  const auto text = manifest_text(*manifest);
  if (!text) return text.refusal();
  Frozen frozen;
  frozen.digest = manifest_digest(*text);
  frozen.head = *manifest;
  frozen.wanted = command->package ? command->package->wanted : "";
  frozen.folder = package_folder(home, frozen.digest);
  frozen.packages = brought->packages;
  frozen.files = manifest->files();
  frozen.bytes = manifest->bytes();
  const auto signed_by = signature_for(entry, frozen.folder, *text, signature);
  if (!signed_by) return signed_by.refusal();
  Status sealed = seal_package(staging->folder(), *text, *signed_by);
  if (!sealed) return sealed.refusal();
  // Under the lock of publish(): two freezes do not open and seal one folder at once.
  const auto stays = [&] {
    const auto kept = read_package_file(frozen.folder / manifest_file, text->size());
    return kept && *kept == *text && verify_tree(frozen.folder / tree_folder, *manifest) &&
           (!signature || keep_signature(frozen.folder, *signature));
  };
  Status published = staging->publish(frozen.folder, stays);
  if (!published) return published.refusal();
  Status recorded = record_artefact(entry, home, frozen.digest, manifest->origin.version);
  if (!recorded) return recorded.refusal();
  return frozen;
}

}  // namespace toolgate

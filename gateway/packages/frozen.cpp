#include "gateway/packages/frozen.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <utility>

#include "connectors/frozen/view.hpp"
#include "gateway/core/clock.hpp"
#include "gateway/core/document.hpp"
#include "gateway/packages/command_to_freeze.hpp"
#include "gateway/packages/local_command.hpp"
#include "gateway/packages/manifest_signature.hpp"
#include "gateway/packages/own_file.hpp"
#include "gateway/packages/program_files.hpp"
#include "gateway/packages/tree.hpp"
#include "signing/manifest.hpp"

namespace toolgate {
namespace {

constexpr std::size_t record_bytes_most = std::size_t{16} << 10;

std::string hex_of(const Digest& digest) {
  return digest.text().substr(digest.text().find(':') + 1);
}

std::string remedy(const ServerEntry& entry) {
  return "run `toolgate freeze " + entry.name.text() + "` again, then review";
}

std::string framed(std::string_view text) {
  return std::to_string(text.size()) + ':' + std::string(text) + ',';
}

std::filesystem::path record_file(const ServerEntry& entry, const CommandToFreeze& command,
                                  const std::filesystem::path& home) {
  std::string key;
  for (const auto& [name, value] : command.subject(entry)) key += framed(value);
  const Digest digest_of_key =
      digest(command.package ? "frozen-command/1" : "frozen-local-command/1", key);
  return commands_folder(home) / (hex_of(digest_of_key) + ".json");
}

// What identifies a record, as JSON members.
std::string subject(const ServerEntry& entry, const CommandToFreeze& command) {
  std::string members;
  for (const auto& [name, value] : command.subject(entry)) {
    members += json_quote(name) + ':' + json_quote(value) + ',';
  }
  return members;
}

bool says(const Value& record, std::string_view name, std::string_view text) {
  const auto value = record.find(name);
  return value && value->is_string() && value->equals(text);
}

// The digest in a record of exactly this command, or nothing.
std::optional<Digest> read_record(std::string text, const ServerEntry& entry,
                                  const CommandToFreeze& command) {
  const auto document = parse_document(Untrusted<std::string>(std::move(text)), JsonLimits{});
  if (!document) return std::nullopt;
  const Value record = document->root();
  const auto version = record.find("v");
  const auto artefact = record.find("artefact");
  if (!version || !version->is_number() || version->integer() != 1 || !artefact ||
      !artefact->is_string()) {
    return std::nullopt;
  }
  for (const auto& [name, value] : command.subject(entry)) {
    if (!says(record, name, value)) return std::nullopt;
  }
  const auto digest = Digest::parse(artefact->text());
  if (!digest) return std::nullopt;
  return *digest;
}

std::optional<Artefact> artefact_of(const ServerEntry& entry, const std::filesystem::path& home) {
  if (!entry.is_local()) return std::nullopt;
  const auto command = command_to_freeze(entry);
  if (!command) return std::nullopt;  // it cannot have been frozen
  const std::filesystem::path file = record_file(entry, *command, home);
  struct stat status{};
  if (::lstat(file.c_str(), &status) != 0 && errno == ENOENT) return std::nullopt;
  Artefact artefact;
  auto text = read_package_file(file, record_bytes_most);
  if (!text) {
    artefact.damage = text.refusal().detail;
    return artefact;
  }
  const auto digest = read_record(std::move(*text), entry, *command);
  if (!digest) {
    artefact.damage = "the record " + file.string() + " was damaged, or is of another command";
    return artefact;
  }
  artefact.digest = *digest;
  artefact.folder = package_folder(home, *digest);
  return artefact;
}

Refusal refused(const ServerEntry& entry, const std::string& why) {
  return Refusal(Reason::bad_signature,
                 "'" + entry.name.text() + "' does not start: " + why + "; " + remedy(entry));
}

Refusal not_signed(const ServerEntry& entry, const std::string& why) {
  const std::string manifest = (entry.artefact->folder / manifest_file).string();
  return Refusal(Reason::bad_signature,
                 "'" + entry.name.text() + "' does not start: " + why + "; have " + manifest +
                     " signed by '" + entry.publisher->name + "', then run `toolgate freeze " +
                     entry.name.text() + " --signature FILE`");
}

// The manifest's text, which has the digest that the record names and is signed by whom the
// configuration asks for.
Result<std::string> manifest_of(const ServerEntry& entry) {
  assert(entry.artefact || entry.publisher);
  if (!entry.artefact) {
    return Refusal(Reason::bad_signature,
                   "'" + entry.name.text() + "' does not start: what it runs must be signed by " +
                       publisher_text(*entry.publisher) +
                       ", and it is not frozen; run `toolgate "
                       "freeze " +
                       entry.name.text() + "`, which says what is to be signed");
  }
  const Artefact& artefact = *entry.artefact;
  if (!artefact.damage.empty()) return refused(entry, artefact.damage);
  const std::filesystem::path file = artefact.folder / manifest_file;
  auto text = read_package_file(file, ManifestLimits().text_bytes);
  if (!text) return refused(entry, "its frozen package is missing (" + text.refusal().detail + ")");
  if (manifest_digest(*text) != artefact.digest) {
    return refused(entry, "the manifest " + file.string() + " was changed");
  }
  if (!entry.publisher) return text;
  const auto signature = kept_signature(*entry.publisher, artefact.folder, *text);
  if (!signature) return not_signed(entry, signature.refusal().detail);
  return text;
}

Result<FrozenProgram> program_of(const ServerEntry& entry, std::string_view text) {
  auto command = command_to_freeze(entry);
  if (!command) return command.refusal();
  auto start = read_manifest_start(text);
  if (!start) return refused(entry, start.refusal().detail);
  const ManifestOrigin& origin = start->head.origin;
  const bool is_package = origin.kind == ManifestOrigin::Kind::npm;
  if (is_package != command->package.has_value() ||
      (is_package && origin.name != command->package->package)) {
    return refused(entry, "what is frozen for it is another, " + origin.text());
  }
  FrozenProgram program;
  program.package = entry.artefact->folder;
  program.view_bytes = view_bytes(*start);
  program.head = std::move(start->head);
  program.arguments = command->arguments();
  program.digest = entry.artefact->digest;
  return program;
}

}  // namespace

std::filesystem::path packages_folder(const std::filesystem::path& home) {
  return home / "packages";
}

std::filesystem::path package_folder(const std::filesystem::path& home, const Digest& artefact) {
  return packages_folder(home) / hex_of(artefact);
}

std::filesystem::path commands_folder(const std::filesystem::path& home) {
  return packages_folder(home) / "commands";
}

void attach_artefacts(Configuration& configuration, const std::filesystem::path& home) {
  for (ServerEntry& entry : configuration.servers) entry.artefact = artefact_of(entry, home);
}

Status record_artefact(const ServerEntry& entry, const std::filesystem::path& home,
                       const Digest& artefact, std::string_view version) {
  const auto command = command_to_freeze(entry);
  if (!command) return command.refusal();
  const std::string text = R"({"v":1,)" + subject(entry, *command) + R"("version":)" +
                           json_quote(version) + R"(,"artefact":)" + json_quote(artefact.text()) +
                           R"(,"time":)" + json_quote(utc_text(now_utc_ns())) + "}\n";
  return write_package_file(record_file(entry, *command, home), text, Replacing::yes);
}

std::int64_t artefacts_version(const std::filesystem::path& home) {
  struct stat status{};
  if (::stat(commands_folder(home).c_str(), &status) != 0) return 0;
  return std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
}

std::vector<std::string> FrozenProgram::argv(const std::filesystem::path& at) const {
  std::vector<std::string> all;
  if (head.interpreter) {
    all.push_back(head.interpreter->path);
    // What a user installed beside the system's packages is in no manifest.
    constexpr const char* no_packages_of_user = "-s";
    const bool is_python = interpreter_kind(head.interpreter->path) == InterpreterKind::python;
    if (is_python && std::ranges::find(head.options, no_packages_of_user) == head.options.end()) {
      all.emplace_back(no_packages_of_user);
    }
  }
  all.insert(all.end(), head.options.begin(), head.options.end());
  all.push_back((at / head.entry).string());
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

Status check_signed(const ServerEntry& entry) {
  if (!entry.publisher) return done();
  const auto text = manifest_of(entry);
  return text ? done() : Status(text.refusal());
}

Result<FrozenProgram> frozen_program(const ServerEntry& entry) {
  auto text = manifest_of(entry);
  if (!text) return text.refusal();
  return program_of(entry, *text);
}

Result<FrozenProgram> verified_program(const ServerEntry& entry) {
  auto text = manifest_of(entry);
  if (!text) return text.refusal();
  auto program = program_of(entry, *text);
  if (!program) return program.refusal();
  const auto manifest = parse_manifest(Untrusted<std::string>(std::move(*text)));
  if (!manifest) return refused(entry, manifest.refusal().detail);
  const Status tree = verify_tree(program->tree(), *manifest);
  if (!tree) return refused(entry, tree.refusal().detail);
  const Status same = manifest->interpreter ? verify_interpreter(*manifest->interpreter) : done();
  if (!same) return refused(entry, same.refusal().detail);
  return program;
}

}  // namespace toolgate

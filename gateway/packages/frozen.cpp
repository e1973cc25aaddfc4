#include "gateway/packages/frozen.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "gateway/core/clock.hpp"
#include "gateway/core/document.hpp"
#include "gateway/packages/npx_command.hpp"
#include "gateway/packages/own_file.hpp"
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

std::filesystem::path record_file(const ServerEntry& entry, const NpxCommand& command,
                                  const std::filesystem::path& home) {
  const Digest key =
      digest("frozen-command/1", framed(entry.name.text()) + framed(command.package) +
                                     framed(command.wanted) + framed(command.program));
  return commands_folder(home) / (hex_of(key) + ".json");
}

// What identifies a record, as JSON members.
std::string subject(const ServerEntry& entry, const NpxCommand& command) {
  return R"("server":)" + json_quote(entry.name.text()) + R"(,"package":)" +
         json_quote(command.package) + R"(,"wanted":)" + json_quote(command.wanted) +
         R"(,"program":)" + json_quote(command.program);
}

bool says(const Value& record, std::string_view name, std::string_view text) {
  const auto value = record.find(name);
  return value && value->is_string() && value->equals(text);
}

// The digest in a record of exactly this command, or nothing.
std::optional<Digest> read_record(std::string text, const ServerEntry& entry,
                                  const NpxCommand& command) {
  const auto document = parse_document(Untrusted<std::string>(std::move(text)), JsonLimits{});
  if (!document) return std::nullopt;
  const Value record = document->root();
  const auto version = record.find("v");
  const auto artefact = record.find("artefact");
  if (!version || !version->is_number() || version->integer() != 1 || !artefact ||
      !artefact->is_string() || !says(record, "server", entry.name.text()) ||
      !says(record, "package", command.package) || !says(record, "wanted", command.wanted) ||
      !says(record, "program", command.program)) {
    return std::nullopt;
  }
  const auto digest = Digest::parse(artefact->text());
  if (!digest) return std::nullopt;
  return *digest;
}

std::optional<Artefact> artefact_of(const ServerEntry& entry, const std::filesystem::path& home) {
  if (!entry.is_local() || !is_npx(entry.argv)) return std::nullopt;
  const auto command = parse_npx(entry.argv);
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
  const auto command = parse_npx(entry.argv);
  if (!command) return command.refusal();
  const std::string text = R"({"v":1,)" + subject(entry, *command) + R"(,"version":)" +
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
  std::vector<std::string> all = interpreter;
  all.push_back((at / entry).string());
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

Result<FrozenProgram> frozen_program(const ServerEntry& entry) {
  assert(entry.artefact);
  const Artefact& artefact = *entry.artefact;
  if (!artefact.damage.empty()) return refused(entry, artefact.damage);
  auto command = parse_npx(entry.argv);
  if (!command) return command.refusal();
  const std::filesystem::path file = artefact.folder / manifest_file;
  auto text = read_package_file(file, ManifestLimits().text_bytes);
  if (!text) return refused(entry, "its frozen package is missing (" + text.refusal().detail + ")");
  if (manifest_digest(*text) != artefact.digest) {
    return refused(entry, "the manifest " + file.string() + " was changed");
  }
  auto manifest = parse_manifest(Untrusted<std::string>(std::move(*text)));
  if (!manifest) return refused(entry, manifest.refusal().detail);
  if (manifest->package != command->package) {
    return refused(entry, "its frozen package is another one, " + manifest_name(manifest->package));
  }
  FrozenProgram program;
  program.root = artefact.folder / tree_folder;
  const Status same = verify_tree(program.root, *manifest);
  if (!same) {
    return refused(entry, "its frozen package " + manifest_name(manifest->package) +
                              " is not what was frozen (" + same.refusal().detail + ")");
  }
  program.entry = std::move(manifest->entry);
  program.interpreter = std::move(manifest->interpreter);
  program.arguments = std::move(command->arguments);
  program.package = std::move(manifest->package);
  program.version = std::move(manifest->version);
  program.digest = artefact.digest;
  return program;
}

Result<std::vector<std::string>> command_to_run(const ServerEntry& entry) {
  if (!entry.artefact) return entry.argv;
  auto program = frozen_program(entry);
  if (!program) return program.refusal();
  return program->argv();
}

}  // namespace toolgate

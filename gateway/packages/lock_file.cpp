#include "gateway/packages/lock_file.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <set>
#include <string_view>

#include "gateway/core/document.hpp"
#include "signing/manifest.hpp"

namespace toolgate {
namespace {

constexpr JsonLimits lock_limits{std::size_t{64} << 20, 32, 4'000'000};
constexpr std::string_view folder = "node_modules/";
constexpr std::string_view known_integrity = "sha512-";

Refusal cannot(const NpxCommand& command, const std::string& why) {
  return Refusal(Reason::unsupported, command.package + " cannot be frozen: " + why);
}

std::string text_of(const Value& object, std::string_view name) {
  const auto value = object.find(name);
  return value && value->is_string() ? value->text() : std::string();
}

bool is_true(const Value& object, std::string_view name) {
  const auto value = object.find(name);
  return value && value->kind() == Kind::boolean && value->boolean();
}

// A range, a tag or an alias of a registry's package; anything else is an address.
bool is_from_registry(std::string_view wanted) {
  if (wanted.starts_with("npm:")) {
    wanted.remove_prefix(4);
    if (wanted.starts_with('@')) wanted.remove_prefix(std::min(wanted.find('/'), wanted.size()));
    if (wanted.starts_with('/')) wanted.remove_prefix(1);
  }
  return wanted.find_first_of(":/") == wanted.npos;
}

// Why this package may not be frozen; empty when it may.
std::string fault_of(const Member& package) {
  const std::string name = manifest_name(package.name);
  const Value& value = package.value;
  if (!package.name.starts_with(folder)) return name + " is no package of a registry";
  if (is_true(value, "link")) return name + " is a link to a folder";
  for (const std::string_view kind : {"dependencies", "optionalDependencies"}) {
    const auto wanted = value.find(kind);
    if (!wanted) continue;
    for (const Member& one : wanted->members()) {
      if (one.value.is_string() && is_from_registry(one.value.text())) continue;
      return name + " needs " + manifest_name(one.name) + " from elsewhere than a registry";
    }
  }
  if (is_true(value, "inBundle")) return "";  // it came within another, whose digest covers it
  if (value.find("resolved")) return name + " came from elsewhere than a registry";
  // Several are apart by a space: which of them npm compared is not said.
  const std::string integrity = text_of(value, "integrity");
  const bool known =
      integrity.starts_with(known_integrity) && integrity.find_first_of(" ?") == integrity.npos;
  return known ? "" : name + " came without a SHA-512 digest of its bytes";
}

// As npm chooses (libnpmexec, get-bin-from-manifest): the named one, or the only one, or the one
// that is called as the package is.
Result<std::string> program_of(const Value& package, const NpxCommand& command) {
  std::map<std::string, std::string> programs;
  if (const auto bin = package.find("bin")) {
    for (const Member& one : bin->members()) {
      if (one.value.is_string()) programs[one.name] = one.value.text();
    }
  }
  if (programs.empty()) return cannot(command, "it has no program to run");
  if (!command.program.empty()) {
    const auto named = programs.find(command.program);
    if (named != programs.end()) return named->second;
    return cannot(command, "it has no program called " + command.program);
  }
  std::set<std::string> files;
  for (const auto& [name, file] : programs) files.insert(file);
  if (files.size() == 1) return *files.begin();
  const auto own = programs.find(command.package.substr(command.package.find('/') + 1));
  if (own != programs.end()) return own->second;
  return cannot(command, "it has several programs: name one, as in `npx -y -p " + command.spec() +
                             " PROGRAM`");
}

}  // namespace

Result<LockedPackage> read_lock_file(Untrusted<std::string> text, const NpxCommand& command) {
  const auto document = parse_document(std::move(text), lock_limits);
  if (!document) return cannot(command, "npm's package-lock.json is no JSON that can be trusted");
  const Value root = document->root();
  const auto version = root.find("lockfileVersion");
  const auto packages = root.find("packages");
  if (!version || !version->is_number() || version->integer() != 3 || !packages ||
      !packages->is_object()) {
    return cannot(command, "npm's package-lock.json is not of version 3; install npm 9 or newer");
  }
  LockedPackage locked;
  for (const Member& package : packages->members()) {
    if (package.name.empty()) continue;  // the folder itself
    const std::string fault = fault_of(package);
    if (!fault.empty()) return cannot(command, fault);
    const bool is_within = is_true(package.value, "inBundle");
    locked.packages.push_back(
        {package.name, is_within ? std::string() : text_of(package.value, "integrity")});
  }
  const std::string place = std::string(folder) + command.package;
  const auto package = packages->find(place);
  if (!package) return cannot(command, "npm did not install it");
  locked.version = text_of(*package, "version");
  locked.integrity = text_of(*package, "integrity");
  auto program = program_of(*package, command);
  if (!program) return program.refusal();
  const std::filesystem::path entry = std::filesystem::path(*program).lexically_normal();
  if (locked.version.empty() || entry.empty() || entry.is_absolute() || *entry.begin() == ".." ||
      *entry.begin() == "." || !entry.has_filename()) {
    return cannot(command, "its program lies outside of it");
  }
  locked.entry = place + '/' + entry.string();
  return locked;
}

}  // namespace toolgate

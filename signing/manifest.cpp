#include "signing/manifest.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace toolgate {
namespace {

using Type = ManifestEntry::Type;

constexpr ManifestLimits limits;
constexpr std::string_view first_line = "toolgate-manifest 2";
constexpr std::array<std::string_view, 3> kinds = {"npm", "directory", "file"};
constexpr std::string_view low_hex = "0123456789abcdef";
constexpr std::string_view high_hex = "0123456789ABCDEF";
constexpr std::size_t shown_bytes = 160;  // of a name in a message
constexpr std::size_t most_options = 16;

bool stands_for_itself(char byte) { return byte > 0x20 && byte < 0x7F && byte != '%'; }

std::string encoded(std::string_view name) {
  std::string out;
  for (const char byte : name) {
    if (stands_for_itself(byte)) {
      out += byte;
      continue;
    }
    const auto value = static_cast<unsigned char>(byte);
    out += {'%', high_hex[value >> 4], high_hex[value & 15]};
  }
  return out;
}

// Whether it was written in the one way is seen when the whole text is written anew.
std::optional<std::string> decoded(std::string_view field) {
  std::string out;
  for (std::size_t i = 0; i < field.size(); ++i) {
    if (field[i] != '%') {
      out += field[i];
      continue;
    }
    if (field.size() - i < 3) return std::nullopt;
    const auto high = high_hex.find(field[i + 1]);
    const auto low = high_hex.find(field[i + 2]);
    if (high == high_hex.npos || low == high_hex.npos) return std::nullopt;
    out += static_cast<char>(high << 4 | low);
    i += 2;
  }
  return out;
}

Refusal malformed(std::string_view what, std::string_view path) {
  return Refusal(Reason::malformed, std::string(what) + ": " + manifest_name(path));
}

// The components of a path; "" comes back as one that is empty.
std::vector<std::string_view> components(std::string_view path) {
  std::vector<std::string_view> all;
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    all.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  return all;
}

bool is_plain_path(std::string_view path) {
  if (path.size() > limits.path_bytes || path.find('\0') != path.npos) return false;
  return std::ranges::none_of(components(path), [](std::string_view part) {
    return part.empty() || part == "." || part == "..";
  });
}

std::string_view folder_of(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == path.npos ? std::string_view() : path.substr(0, slash);
}

bool is_directory(const Manifest& manifest, std::string_view path) {
  if (path.empty()) return true;
  const ManifestEntry* found = manifest.find(path);
  return found && found->type == Type::directory;
}

// Follows a link as the kernel would, on what is listed alone.
bool stays_inside(const Manifest& manifest, const ManifestEntry& link) {
  if (link.target.size() > limits.path_bytes || link.target.find('\0') != link.target.npos) {
    return false;
  }
  std::string at(folder_of(link.path));
  for (const std::string_view part : components(link.target)) {
    if (part.empty() || !is_directory(manifest, at)) return false;
    if (part == ".") continue;
    if (part == "..") {
      if (at.empty()) return false;
      at = folder_of(at);
      continue;
    }
    if (!at.empty()) at += '/';
    at += part;
  }
  if (at.empty()) return true;  // the tree itself
  const ManifestEntry* found = manifest.find(at);
  return found && found->type != Type::link;
}

bool is_sound(const ManifestOrigin& origin) {
  if (origin.name.empty()) return false;
  const bool is_package = origin.kind == ManifestOrigin::Kind::npm;
  return origin.version.empty() != is_package && origin.integrity.empty() != is_package;
}

Status check_head(const Manifest& manifest) {
  if (!is_sound(manifest.origin) || manifest.options.size() > most_options ||
      std::ranges::any_of(manifest.options, &std::string::empty)) {
    return Refusal(Reason::malformed, "a manifest says what is frozen, and how it is run");
  }
  const bool by_itself = !manifest.interpreter;
  if (by_itself ? !manifest.options.empty()
                : !manifest.interpreter->path.starts_with('/') ||
                      !is_plain_path(std::string_view(manifest.interpreter->path).substr(1))) {
    return Refusal(Reason::malformed, "the manifest's interpreter is no absolute path");
  }
  const ManifestEntry* entry = manifest.find(manifest.entry);
  if (!entry || !entry->is_file() || (by_itself && entry->type != Type::executable)) {
    return malformed("the manifest's entry is no file of it that can be run", manifest.entry);
  }
  return done();
}

Status check(const Manifest& manifest) {
  if (manifest.entries.size() > limits.entries) {
    return Refusal(Reason::too_large, "a manifest has at most 200,000 entries");
  }
  std::uint64_t bytes = 0;
  std::string_view before;
  for (const ManifestEntry& entry : manifest.entries) {
    if (!is_plain_path(entry.path)) return malformed("not a plain path", entry.path);
    if (entry.path <= before) return malformed("out of order, or twice", entry.path);
    before = entry.path;
    if (!is_directory(manifest, folder_of(entry.path))) {
      return malformed("its directory is not listed", entry.path);
    }
    if (entry.is_file() && entry.bytes > limits.tree_bytes - bytes) {
      return Refusal(Reason::too_large, "a frozen tree holds at most 4 GiB");
    }
    if (entry.is_file()) bytes += entry.bytes;
    if (entry.type == Type::link && !stays_inside(manifest, entry)) {
      return malformed("a link that leads out of the tree, to a link or to nothing", entry.path);
    }
  }
  return check_head(manifest);
}

void append_hash(std::string& out, const std::array<std::uint8_t, 32>& hash) {
  for (const auto byte : hash) out += {low_hex[byte >> 4], low_hex[byte & 15]};
}

void append_entry(std::string& out, const ManifestEntry& entry) {
  switch (entry.type) {
    case Type::directory:
      out += "d ";
      break;
    case Type::link:
      out += "l " + encoded(entry.target) + ' ';
      break;
    case Type::file:
    case Type::executable:
      out += entry.type == Type::file ? "f " : "x ";
      out += std::to_string(entry.bytes) + ' ';
      append_hash(out, entry.sha256);
      out += ' ';
  }
  out += encoded(entry.path) + '\n';
}

std::string written(const Manifest& manifest) {
  std::string out(first_line);
  out += "\norigin " + std::string(kinds[static_cast<std::size_t>(manifest.origin.kind)]) + ' ' +
         encoded(manifest.origin.name);
  for (const std::string& more : {manifest.origin.version, manifest.origin.integrity}) {
    if (!more.empty()) out += ' ' + encoded(more);
  }
  if (manifest.interpreter) {
    out += "\ninterpreter " + std::to_string(manifest.interpreter->bytes) + ' ';
    append_hash(out, manifest.interpreter->sha256);
    out += ' ' + encoded(manifest.interpreter->path);
  }
  out += "\nrun ";
  for (const std::string& word : manifest.options) out += encoded(word) + ' ';
  out += encoded(manifest.entry) + "\nholds " + std::to_string(manifest.entries.size()) + ' ' +
         std::to_string(manifest.bytes()) + '\n';
  for (const ManifestEntry& entry : manifest.entries) append_entry(out, entry);
  return out;
}

// Takes lines and fields off the front of the text.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}
  bool at_end() const { return rest_.empty(); }
  // The fields of the next line, or nothing where a field does not decode or the line has no end.
  std::optional<std::vector<std::string>> line() {
    const auto end = rest_.find('\n');
    if (end == rest_.npos) return std::nullopt;
    std::vector<std::string> fields;
    std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    for (std::size_t at = 0; at <= line.size();) {
      const std::size_t space = std::min(line.find(' ', at), line.size());
      auto field = decoded(line.substr(at, space - at));
      if (!field) return std::nullopt;
      fields.push_back(std::move(*field));
      at = space + 1;
    }
    return fields;
  }

 private:
  std::string_view rest_;
};

bool read_hash(std::string_view text, std::array<std::uint8_t, 32>& hash) {
  if (text.size() != 2 * hash.size()) return false;
  for (std::size_t i = 0; i < hash.size(); ++i) {
    const auto high = low_hex.find(text[2 * i]);
    const auto low = low_hex.find(text[2 * i + 1]);
    if (high == low_hex.npos || low == low_hex.npos) return false;
    hash[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return true;
}

template <class Number>
bool read_number(std::string_view text, Number& into) {
  const auto number = std::from_chars(text.data(), text.data() + text.size(), into);
  return number.ec == std::errc() && number.ptr == text.data() + text.size();
}

std::optional<ManifestEntry> read_entry(std::vector<std::string> fields) {
  ManifestEntry entry;
  const std::string type = fields[0];
  entry.path = std::move(fields.back());
  if (type == "d" && fields.size() == 2) {
    entry.type = Type::directory;
    return entry;
  }
  if (type == "l" && fields.size() == 3) {
    entry.type = Type::link;
    entry.target = std::move(fields[1]);
    return entry;
  }
  if ((type != "f" && type != "x") || fields.size() != 4) return std::nullopt;
  entry.type = type == "f" ? Type::file : Type::executable;
  if (!read_number(fields[1], entry.bytes) || !read_hash(fields[2], entry.sha256)) {
    return std::nullopt;
  }
  return entry;
}

using Fields = std::optional<std::vector<std::string>>;

bool read_origin(Fields fields, ManifestOrigin& origin) {
  if (!fields || fields->size() < 3 || (*fields)[0] != "origin") return false;
  const auto kind = std::ranges::find(kinds, (*fields)[1]);
  if (kind == kinds.end()) return false;
  origin.kind = static_cast<ManifestOrigin::Kind>(kind - kinds.begin());
  origin.name = std::move((*fields)[2]);
  if (origin.kind != ManifestOrigin::Kind::npm) return fields->size() == 3;
  if (fields->size() != 5) return false;
  origin.version = std::move((*fields)[3]);
  origin.integrity = std::move((*fields)[4]);
  return true;
}

std::optional<ManifestStart> read_start(Reader& reader) {
  ManifestStart start;
  const auto first = reader.line();
  if (!first || first->size() != 2 || !read_origin(reader.line(), start.head.origin)) {
    return std::nullopt;
  }
  auto run = reader.line();
  if (run && run->size() == 4 && (*run)[0] == "interpreter") {
    ManifestInterpreter& by = start.head.interpreter.emplace();
    if (!read_number((*run)[1], by.bytes) || !read_hash((*run)[2], by.sha256)) return std::nullopt;
    by.path = std::move((*run)[3]);
    run = reader.line();
  }
  if (!run || run->size() < 2 || (*run)[0] != "run") return std::nullopt;
  start.head.entry = std::move(run->back());
  start.head.options.assign(std::make_move_iterator(run->begin() + 1),
                            std::make_move_iterator(run->end() - 1));
  const auto holds = reader.line();
  if (!holds || holds->size() != 3 || (*holds)[0] != "holds" ||
      !read_number((*holds)[1], start.entries) || !read_number((*holds)[2], start.bytes)) {
    return std::nullopt;
  }
  return start;
}

std::optional<Manifest> read(std::string_view text) {
  Reader reader(text);
  auto start = read_start(reader);
  if (!start || start->entries > limits.entries) return std::nullopt;
  Manifest manifest;
  static_cast<ManifestHead&>(manifest) = std::move(start->head);
  manifest.entries.reserve(start->entries);
  while (!reader.at_end()) {
    auto fields = reader.line();
    if (!fields || manifest.entries.size() == start->entries) return std::nullopt;
    auto entry = read_entry(std::move(*fields));
    if (!entry) return std::nullopt;
    manifest.entries.push_back(std::move(*entry));
  }
  return manifest;
}

Status check_version(std::string_view text) {
  if (text.starts_with(std::string(first_line) + '\n')) return done();
  return Refusal(
      Reason::malformed,
      "its manifest is not of version 2, the only one known here: an earlier one does not "
      "cover the interpreter");
}

}  // namespace

std::string ManifestOrigin::text() const {
  if (kind == Kind::npm) return manifest_name(name) + ' ' + manifest_name(version);
  return (kind == Kind::directory ? "the folder " : "the file ") + manifest_name(name);
}

const ManifestEntry* Manifest::find(std::string_view path) const {
  const auto found = std::ranges::lower_bound(
      entries, path, {}, [](const ManifestEntry& one) { return std::string_view(one.path); });
  return found != entries.end() && found->path == path ? &*found : nullptr;
}

std::size_t Manifest::files() const {
  return static_cast<std::size_t>(std::ranges::count_if(entries, &ManifestEntry::is_file));
}

std::uint64_t Manifest::bytes() const {
  std::uint64_t sum = 0;
  for (const ManifestEntry& one : entries) sum += one.bytes;
  return sum;
}

Result<std::string> manifest_text(const Manifest& manifest) {
  const Status good = check(manifest);
  if (!good) return good.refusal();
  std::string text = written(manifest);
  if (text.size() > limits.text_bytes) {
    return Refusal(Reason::too_large, "a manifest has at most 64 MiB");
  }
  return text;
}

Result<Manifest> parse_manifest(Untrusted<std::string> text) {
  const std::string bytes = std::move(text).open_unchecked();
  if (bytes.size() > limits.text_bytes) {
    return Refusal(Reason::too_large, "a manifest has at most 64 MiB");
  }
  const Status version = check_version(bytes);
  if (!version) return version.refusal();
  auto manifest = read(bytes);
  if (!manifest) return Refusal(Reason::malformed, "a line of the manifest makes no sense");
  const Status good = check(*manifest);
  if (!good) return good.refusal();
  if (written(*manifest) != bytes) {
    return Refusal(Reason::malformed, "the manifest is not written in its one form");
  }
  return std::move(*manifest);
}

Result<ManifestStart> read_manifest_start(std::string_view text) {
  const Status version = check_version(text);
  if (!version) return version.refusal();
  Reader reader(text);
  auto start = read_start(reader);
  if (!start) return Refusal(Reason::malformed, "a line of the manifest makes no sense");
  return std::move(*start);
}

Digest manifest_digest(std::string_view text) { return digest("package-manifest/1", text); }

std::string manifest_name(std::string_view path) {
  std::string name = encoded(path.substr(0, shown_bytes));
  if (name.size() > shown_bytes) name.resize(shown_bytes);
  if (path.size() > shown_bytes || name.size() == shown_bytes) name += "...";
  return name;
}

}  // namespace toolgate

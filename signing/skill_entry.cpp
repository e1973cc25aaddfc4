#include "signing/skill_entry.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include "gateway/core/uri_spelling.hpp"

namespace toolgate {
namespace {

constexpr std::string_view manifest = "/SKILL.md";
constexpr std::size_t most_name_bytes = 64;
constexpr std::size_t most_description_characters = 1'024;

Refusal wrong(std::string why) { return Refusal(Reason::bad_answer, "the skill's " + why); }

std::optional<std::string> string_of(const Value& object, std::string_view name) {
  auto value = object.find(name);
  if (!value || !value->is_string()) return std::nullopt;
  return value->text();
}

// Lower-case letters and digits, with single hyphens in between (Agent Skills, "name").
bool is_skill_name(std::string_view name) {
  if (name.empty() || name.size() > most_name_bytes || name.front() == '-' || name.back() == '-') {
    return false;
  }
  bool plain = std::ranges::all_of(
      name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
  return plain && name.find("--") == std::string_view::npos;
}

std::size_t characters(std::string_view utf8) {
  return static_cast<std::size_t>(std::ranges::count_if(
      utf8, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

Status check_frontmatter(const Value& entry, std::string_view directory) {
  auto frontmatter = entry.find("frontmatter");
  if (!frontmatter || !frontmatter->is_object()) return wrong("frontmatter is no object");
  auto name = string_of(*frontmatter, "name");
  if (!name || !is_skill_name(*name)) {
    return wrong("name is not made of lower-case letters, digits and single hyphens");
  }
  if (directory.substr(directory.rfind('/') + 1) != *name) {
    return wrong("directory has another name than its frontmatter");
  }
  auto description = string_of(*frontmatter, "description");
  if (!description || description->empty() ||
      characters(*description) > most_description_characters) {
    return wrong("description is missing, or longer than 1024 characters");
  }
  return done();
}

Result<SkillFile> parse_file(const Value& file, std::string_view directory) {
  auto uri = string_of(file, "uri");
  if (!uri || !is_plain_uri(*uri)) return wrong("files have a URI that is not plain");
  // By its exact bytes: what is inside after folding alone is another spelling of something.
  if (!lies_in(directory, *uri) || *uri == directory)
    return wrong("files lie outside of its directory");
  auto text = string_of(file, "digest");
  auto digest = text ? Digest::parse(*text) : Result<Digest>();
  if (!digest) return wrong("files have no digest: \"sha256:\" and 64 lower-case hex digits");
  auto size = file.find("size");
  auto bytes = size && size->is_number() ? size->integer() : std::nullopt;
  if (!bytes || *bytes < 0) return wrong("files have no size");
  return SkillFile{std::move(*uri), *digest, static_cast<std::uint64_t>(*bytes)};
}

Result<std::vector<SkillFile>> parse_files(const Value& list, std::string_view directory) {
  if (list.size() > most_skill_files) {
    return Refusal(Reason::too_large,
                   "the skill has more than " + std::to_string(most_skill_files) + " files");
  }
  std::vector<SkillFile> files;
  std::set<std::string> places;
  std::uint64_t total = 0;
  for (auto one = list.first(); one; one = one->following(list)) {
    auto file = parse_file(*one, directory);
    if (!file) return file.refusal();
    if (!places.insert(unescaped_uri(file->uri)).second) return wrong("files are listed twice");
    bool fits = file->size <= most_skill_bytes - total;
    if (!fits) {
      return Refusal(Reason::too_large, "the skill's files have more than " +
                                            std::to_string(most_skill_bytes) + " bytes together");
    }
    total += file->size;
    files.push_back(std::move(*file));
  }
  std::ranges::sort(files, {}, &SkillFile::uri);
  return files;
}

}  // namespace

const SkillFile* SkillEntry::file(std::string_view uri) const {
  auto found = std::ranges::lower_bound(files_, uri, {}, &SkillFile::uri);
  return found != files_.end() && found->uri == uri ? &*found : nullptr;
}

bool SkillEntry::covers(std::string_view uri) const {
  if (!is_dynamic_) return file(uri) != nullptr;
  return is_plain_uri(uri) && lies_in(directory_, uri) && uri != directory_;
}

std::string_view skill_directory(std::string_view uri) {
  std::size_t slash = uri.rfind('/');
  bool is_in_authority = slash == std::string_view::npos || slash == 0 || uri[slash - 1] == '/';
  return is_in_authority ? uri : uri.substr(0, slash);
}

Result<SkillEntry> parse_skill_entry(const Value& entry) {
  if (!entry.is_object()) return wrong("entry is no object");
  SkillEntry skill;
  auto uri = string_of(entry, "uri");
  if (!uri || !is_plain_uri(*uri)) return wrong("URI is not plain");
  skill.uri_ = std::move(*uri);
  skill.directory_ = skill_directory(skill.uri_);
  if (!skill.uri_.ends_with(manifest) || skill.directory_ == skill.uri_) {
    return wrong("URI is not that of a SKILL.md in a directory");
  }
  Status frontmatter = check_frontmatter(entry, skill.directory_);
  if (!frontmatter) return frontmatter.refusal();
  auto resources = entry.find("resources");
  if (resources && resources->equals("dynamic")) {
    skill.is_dynamic_ = true;
    return skill;
  }
  if (!resources || !resources->is_array()) {
    return wrong("resources are neither a list nor \"dynamic\"");
  }
  auto files = parse_files(*resources, skill.directory_);
  if (!files) return files.refusal();
  skill.files_ = std::move(*files);
  if (!skill.file(skill.uri_)) return wrong("files are listed without its SKILL.md");
  return skill;
}

Status check_skill_file(const SkillFile& file, std::string_view bytes) {
  if (bytes.size() != file.size) {
    return Refusal(Reason::held, "a file of the skill has another size than was approved");
  }
  if (plain_sha256(bytes) != file.digest) {
    return Refusal(Reason::held, "a file of the skill has another digest than was approved");
  }
  return done();
}

}  // namespace toolgate

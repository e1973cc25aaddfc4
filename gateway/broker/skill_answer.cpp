#include "gateway/broker/skill_answer.hpp"

#include <optional>
#include <set>
#include <string>

#include "gateway/core/base64.hpp"
#include "gateway/core/uri_spelling.hpp"

namespace toolgate {
namespace {

constexpr std::string_view directory_type = "inode/directory";

Refusal wrong(std::string_view what) {
  return Refusal(Reason::bad_answer, "the server's answer about a skill " + std::string(what));
}

std::optional<std::string> string_of(const Value& object, std::string_view name) {
  auto value = object.find(name);
  if (!value || !value->is_string()) return std::nullopt;
  return value->text();
}

// The bytes of one content of resources/read.
Result<std::string> bytes_of(const Value& content) {
  auto text = string_of(content, "text");
  auto blob = string_of(content, "blob");
  if (text.has_value() == blob.has_value()) return wrong("is neither text nor a blob");
  if (text) return std::move(*text);
  auto bytes = base64_bytes(*blob);
  if (!bytes) return wrong("has a blob that is no strict base64");
  return std::move(*bytes);
}

Status check_child(const Value& child, const SkillEntry* skill, const std::string& uri) {
  if (!skill || skill->is_dynamic()) return done();
  auto type = child.find("mimeType");
  if (type && type->equals(directory_type)) return done();
  const SkillFile* file = skill->file(uri);
  if (!file) {
    return Refusal(Reason::held,
                   "the skill '" + skill->uri() +
                       "' has files now that it was approved without: it waits for review; run "
                       "toolgate review");
  }
  auto size = child.find("size");
  bool agrees = !size || (size->is_number() && size->integer() == std::int64_t(file->size));
  if (agrees) return done();
  return Refusal(Reason::held, "a file of the skill '" + skill->uri() +
                                   "' has another size than was approved; run toolgate review");
}

}  // namespace

Status check_skill_result(const Value& result, const Verified<Definition>& approved,
                          const ServerIdentity& server) {
  auto entry = result.find("skill");
  if (!entry) return wrong("has no entry");
  auto pinned = pin(server, Definition{ItemKind::skill, approved->key, std::string(entry->raw())});
  if (pinned && pinned->pin == approved.pin()) return done();
  return Refusal(Reason::held, "the skill '" + approved->key +
                                   "' is another one now than was approved: it waits for review; "
                                   "run toolgate review");
}

Status check_file_result(const Value& result, const SkillEntry& skill, std::string_view uri) {
  auto contents = result.find("contents");
  if (!contents || !contents->is_array()) return wrong("has no contents");
  const SkillFile* file = skill.file(uri);
  if (!skill.is_dynamic() && (!file || contents->size() != 1)) return wrong("is not one file");
  std::uint64_t total = 0;
  for (auto one = contents->first(); one; one = one->following(*contents)) {
    auto named = string_of(*one, "uri");
    bool is_its_own = named && (file ? *named == uri : skill.covers(*named));
    if (!is_its_own) return wrong("has contents of another URI");
    auto bytes = bytes_of(*one);
    if (!bytes) return bytes.refusal();
    Status same = file ? check_skill_file(*file, *bytes) : done();
    if (!same) {
      return Refusal(Reason::held, same.refusal().detail + ": '" + skill.uri() +
                                       "' waits for review; run toolgate review");
    }
    total += bytes->size();
    if (total > most_skill_bytes) {
      return Refusal(Reason::too_large, "the contents are larger than a whole skill may be");
    }
  }
  return done();
}

Status check_directory_result(const Value& result, const SkillEntry* skill, std::string_view uri) {
  auto children = result.find("resources");
  if (!children || !children->is_array()) return wrong("lists no directory");
  std::set<std::string> seen;
  for (auto one = children->first(); one; one = one->following(*children)) {
    auto named = string_of(*one, "uri");
    bool is_child = named && is_plain_uri(*named) && lies_in(uri, *named) && *named != uri &&
                    named->find('/', uri.size() + 1) == std::string::npos;
    if (!is_child) return wrong("lists something that is not in the directory");
    if (!seen.insert(unescaped_uri(*named)).second) return wrong("lists something twice");
    Status child = check_child(*one, skill, *named);
    if (!child) return child.refusal();
  }
  return done();
}

}  // namespace toolgate

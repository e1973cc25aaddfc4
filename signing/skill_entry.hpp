#pragma once
// The entry of a skill (MCP skills extension, SEP-2640): what `skills/list` and `skills/get` say of
// it, and what a reader may hold its files against. A skill is a directory of resources around a
// SKILL.md; its entry names every file with SHA-256 digest and size, or says "dynamic" when the
// files are made anew for each reading.
//
// An entry's digests come from the server that serves the files. They are worth something only
// since the pin of an approval covers the entry (signing/pins.hpp).

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/core/document.hpp"
#include "gateway/core/result.hpp"
#include "signing/digest.hpp"

namespace toolgate {

// What every reader of skills must accept, and this one does not exceed.
inline constexpr std::size_t most_skill_files = 512;
inline constexpr std::uint64_t most_skill_bytes = std::uint64_t{16} << 20;

struct SkillFile {
  std::string uri;
  Digest digest;  // plain_sha256() of the file's bytes
  std::uint64_t size = 0;
};

class SkillEntry {
 public:
  const std::string& uri() const { return uri_; }              // of SKILL.md
  const std::string& directory() const { return directory_; }  // without a '/' at its end
  bool is_dynamic() const { return is_dynamic_; }
  const std::vector<SkillFile>& files() const { return files_; }  // by URI; none when dynamic

  // The file of exactly this URI, or null. Valid as long as the entry.
  const SkillFile* file(std::string_view uri) const;
  // May it be read as a file of this skill? One of its files, or, of a dynamic skill, a plain URI
  // inside its directory.
  bool covers(std::string_view uri) const;

 private:
  friend Result<SkillEntry> parse_skill_entry(const Value& entry);
  std::string uri_;
  std::string directory_;
  bool is_dynamic_ = false;
  std::vector<SkillFile> files_;
};

// Refuses, with `bad_answer`, what is no entry by the extension's rules: a URI that is not plain
// (gateway/core/uri_spelling.hpp), does not end in "/SKILL.md" or whose directory has another name
// than the frontmatter; a file outside of the directory, listed twice (however it is spelled), or
// without digest and size; a list without SKILL.md. With `too_large`, a skill past the limits.
Result<SkillEntry> parse_skill_entry(const Value& entry);

// Are these the file's bytes? Refuses with `held`.
Status check_skill_file(const SkillFile& file, std::string_view bytes);

// The directory of a skill of this URI, even where there is no valid entry: what stands before the
// last '/', or all of it.
std::string_view skill_directory(std::string_view uri);

}  // namespace toolgate

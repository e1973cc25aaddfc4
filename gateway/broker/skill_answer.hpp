#pragma once
// Answers about skills, held against what was approved (MCP skills extension, SEP-2640). None of
// these looks at what the texts say: that is for the inspectors.

#include <string_view>

#include "gateway/core/document.hpp"
#include "gateway/core/result.hpp"
#include "signing/pins.hpp"
#include "signing/skill_entry.hpp"

namespace toolgate {

// The result of skills/get: is its entry, to the last member, the approved one? Refuses with `held`
// one that is not, with `bad_answer` what is no such result.
Status check_skill_result(const Value& result, const Verified<Definition>& approved,
                          const ServerIdentity& server);

// The result of resources/read for one of the skill's files: one content under that very URI, text
// or strict base64, with the size and digest of the entry. Of a dynamic skill: contents inside its
// directory that keep the limit for a whole skill. Refuses with `held` other bytes, with
// `too_large` too many, with `bad_answer` what is no such result.
Status check_file_result(const Value& result, const SkillEntry& skill, std::string_view uri);

// The result of resources/directory/read: direct children of the directory, under plain URIs, each
// once. Where they belong to a skill with digests: files of it, with their sizes, or directories.
// `skill` is null for a directory outside of skills. Refuses with `held` a file that the entry does
// not have, with `bad_answer` what is no such result.
Status check_directory_result(const Value& result, const SkillEntry* skill, std::string_view uri);

}  // namespace toolgate

// URIs and entries of skills, held to what uri_spelling.hpp and skill_entry.hpp promise: a plain
// URI leads nowhere else however it is decoded, and an entry that is accepted names files that are
// inside its directory, each once and within the limits.
#include "signing/skill_entry.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <set>

#include "gateway/core/uri_spelling.hpp"

namespace toolgate {
namespace {

void check(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

void check_uri(const std::string& uri) {
  const std::string plain = unescaped_uri(uri);
  check(unescaped_uri(plain) == plain, "nothing is left to decode");
  const std::string folded = folded_uri(uri);
  check(folded_uri(folded) == folded, "a folded URI stays as it is");
  if (!is_plain_uri(uri)) return;
  check(std::ranges::count(uri, '/') == std::ranges::count(plain, '/'), "no escape makes a '/'");
  check(plain.find("/../") == std::string::npos && !plain.ends_with("/.."), "nothing leads up");
  check(plain.find('\0') == std::string::npos && plain.find('\\') == std::string::npos,
        "nothing cuts it or splits it");
  check(lies_in(uri, uri), "it lies in itself");
}

void check_entry(const SkillEntry& skill) {
  check(skill.uri() == skill.directory() + "/SKILL.md", "SKILL.md stands in the directory");
  check(skill.covers(skill.uri()), "a skill has its SKILL.md");
  check(!skill.covers(skill.directory()), "a directory is no file");
  if (skill.is_dynamic()) return;
  check(skill.files().size() <= most_skill_files, "files are bounded");
  std::set<std::string> places;
  std::uint64_t total = 0;
  for (const SkillFile& file : skill.files()) {
    check(is_plain_uri(file.uri), "a file's URI is plain");
    check(file.uri.starts_with(skill.directory() + "/"), "a file is inside");
    check(places.insert(unescaped_uri(file.uri)).second, "a file is there once");
    check(skill.file(file.uri) == &file, "a file is found by its URI");
    check(file.size <= most_skill_bytes && (total += file.size) <= most_skill_bytes,
          "bytes are bounded");
  }
}

}  // namespace
}  // namespace toolgate

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace toolgate;
  const std::string text(reinterpret_cast<const char*>(data), size);
  check_uri(text);
  const JsonLimits limits{.bytes = 1 << 16, .depth = 64, .values = 20'000, .batch_messages = 16};
  auto document = parse_document(Untrusted<std::string>(text), limits);
  if (!document) return 0;
  auto skill = parse_skill_entry(document->root());
  if (skill) {
    check_entry(*skill);
  } else {
    const Reason why = skill.refusal().reason;
    check(why == Reason::bad_answer || why == Reason::too_large, "it is the server's fault");
  }
  return 0;
}

#include "signing/skill_entry.hpp"

#include <doctest/doctest.h>

#include "signing/pins.hpp"

namespace toolgate {
namespace {

const std::string zeros(64, '0');

std::string file(const std::string& uri, const std::string& size = "1") {
  return R"({"uri":")" + uri + R"(","digest":"sha256:)" + zeros + R"(","size":)" + size + "}";
}

std::string entry(const std::string& resources, const std::string& uri = "skill://pdf/SKILL.md",
                  const std::string& name = "pdf") {
  return R"({"uri":")" + uri + R"(","frontmatter":{"name":")" + name +
         R"(","description":"Fills forms."},"resources":)" + resources + "}";
}

std::string files(const std::string& more) {
  return "[" + file("skill://pdf/SKILL.md") + (more.empty() ? "" : ",") + more + "]";
}

Result<SkillEntry> parsed(const std::string& json) {
  auto document = parse_document(Untrusted<std::string>(json), JsonLimits());
  REQUIRE_MESSAGE(document, json);
  return parse_skill_entry(document->root());
}

std::string many(std::size_t count, const std::string& size = "0") {
  std::string list = "[" + file("skill://pdf/SKILL.md", size);
  for (std::size_t at = 1; at < count; ++at) {
    list += "," + file("skill://pdf/f" + std::to_string(at), size);
  }
  return list + "]";
}

TEST_CASE("skill entries: what they say of their files") {
  auto skill = parsed(entry(
      "[" + file("skill://acme/pdf/a/b.md", "7") + "," + file("skill://acme/pdf/SKILL.md") + "]",
      "skill://acme/pdf/SKILL.md"));
  REQUIRE(skill);
  CHECK(skill->uri() == "skill://acme/pdf/SKILL.md");
  CHECK(skill->directory() == "skill://acme/pdf");
  CHECK(!skill->is_dynamic());
  REQUIRE(skill->file("skill://acme/pdf/a/b.md"));
  CHECK(skill->file("skill://acme/pdf/a/b.md")->size == 7);
  CHECK(skill->covers("skill://acme/pdf/SKILL.md"));
  CHECK(!skill->covers("skill://acme/pdf/a"));
  CHECK(!skill->covers("skill://acme/pdf/%53KILL.md"));

  auto dynamic = parsed(entry(R"("dynamic")"));
  REQUIRE(dynamic);
  CHECK(dynamic->is_dynamic());
  CHECK(dynamic->covers("skill://pdf/anything/at/all"));
  CHECK(!dynamic->covers("skill://pdf"));
  CHECK(!dynamic->covers("skill://pdf2/x"));
  CHECK(!dynamic->covers("skill://pdf/../x"));
}

TEST_CASE("skill entries: what is refused") {
  struct Row {
    const char* name;
    std::string json;
    Reason reason = Reason::bad_answer;
  };
  const std::string here = "skill://pdf/SKILL.md";
  const std::string good = files("");
  const Row rows[] = {
      {"no object", "[]"},
      {"no URI", R"({"frontmatter":{"name":"pdf","description":"x"},"resources":"dynamic"})"},
      {"a URI that is not plain", entry(good, "skill://x/../pdf/SKILL.md")},
      {"a URI of another file", entry(good, "skill://pdf/skill.md")},
      {"a SKILL.md without a directory", entry(good, "skill://SKILL.md", "skill")},
      {"a SKILL.md in no authority", entry(good, "skill:///SKILL.md", "")},
      {"a directory with another name", entry(good, here, "docx")},
      {"a name in capitals", entry(good, "skill://PDF/SKILL.md", "PDF")},
      {"a name that is no word", entry(good, "skill://p%64f/SKILL.md", "p%64f")},
      {"a name with two hyphens", entry(good, "skill://p--f/SKILL.md", "p--f")},
      {"no frontmatter", R"({"uri":"skill://pdf/SKILL.md","resources":"dynamic"})"},
      {"no description",
       R"({"uri":"skill://pdf/SKILL.md","frontmatter":{"name":"pdf"},"resources":"dynamic"})"},
      {"no resources", R"({"uri":"skill://pdf/SKILL.md","frontmatter":{"name":"pdf",)"
                       R"("description":"x"}})"},
      {"resources that are null", entry("null")},
      {"resources of another word", entry(R"("Dynamic")")},
      {"no file at all", entry("[]")},
      {"files without SKILL.md", entry("[" + file("skill://pdf/a.md") + "]")},
      {"a file of another skill", entry(files(file("skill://pdf2/a.md")))},
      {"a file that leads out", entry(files(file("skill://pdf/../x/a.md")))},
      {"a file that leads out in escapes", entry(files(file("skill://pdf/%2e%2e/x/a.md")))},
      {"the directory as a file", entry(files(file("skill://pdf")))},
      {"a file twice", entry(files(file(here)))},
      {"a file twice, spelled otherwise", entry(files(file("skill://pdf/%53KILL.md")))},
      {"a file that is a word", entry(files(R"("skill://pdf/a.md")"))},
      {"no digest", entry(files(R"({"uri":"skill://pdf/a.md","size":1})"))},
      {"a digest in capitals",
       entry(files(R"({"uri":"skill://pdf/a.md","size":1,"digest":"sha256:)" +
                   std::string(64, 'A') + R"("})"))},
      {"no size", entry(files(R"({"uri":"skill://pdf/a.md","digest":"sha256:)" + zeros + R"("})"))},
      {"a size below nothing", entry(files(file("skill://pdf/a.md", "-1")))},
      {"a size that is no integer", entry(files(file("skill://pdf/a.md", "1.5")))},
      {"a size that wraps", entry(files(file("skill://pdf/a.md", "18446744073709551615")))},
      {"513 files", entry(many(513)), Reason::too_large},
      {"a byte more than 16 MiB", entry(files(file("skill://pdf/a.md", "16777216"))),
       Reason::too_large},
      {"sizes whose sum wraps", entry(many(3, "9223372036854775807")), Reason::too_large},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    auto skill = parsed(row.json);
    REQUIRE(!skill);
    CHECK(skill.refusal().reason == row.reason);
  }
}

TEST_CASE("skill entries: as large as may be") {
  CHECK(parsed(entry(many(512, "32768"))));
  CHECK(parsed(entry("[" + file("skill://pdf/SKILL.md", "16777216") + "]")));
}

TEST_CASE("skill entries: a file is its bytes") {
  SkillFile abc{"skill://pdf/a.md", plain_sha256("abc"), 3};
  CHECK(abc.digest.text() ==
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(check_skill_file(abc, "abc"));
  CHECK(!check_skill_file(abc, "abd"));
  CHECK(!check_skill_file(abc, "abcd"));
  CHECK(!check_skill_file(abc, ""));
}

TEST_CASE("skill entries: the directory that a URI stands for") {
  CHECK(skill_directory("skill://acme/pdf/SKILL.md") == "skill://acme/pdf");
  CHECK(skill_directory("skill://pdf") == "skill://pdf");
  CHECK(skill_directory("/x") == "/x");
  CHECK(skill_directory("x") == "x");
}

TEST_CASE("skill entries: the pin covers every file, and refuses what is no entry") {
  auto pinned = [](const std::string& json) {
    return pin(digest("server", "x"), Definition{ItemKind::skill, "skill://pdf/SKILL.md", json});
  };
  auto one = pinned(entry(files("")));
  REQUIRE(one);
  auto grown = pinned(entry(files(file("skill://pdf/run.sh"))));
  REQUIRE(grown);
  CHECK(one->pin != grown->pin);
  CHECK(pinned(entry(R"("dynamic")")));
  CHECK(!pinned(entry("[]")));
  CHECK(!pinned(entry(many(513))));
  CHECK(!pin(digest("server", "x"),
             Definition{ItemKind::skill, "skill://docx/SKILL.md", entry(files(""))}));
  auto kind = item_kind_from("skill");
  REQUIRE(kind);
  CHECK(*kind == ItemKind::skill);
}

}  // namespace
}  // namespace toolgate

#include "signing/manifest.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <sstream>
#include <string>

namespace toolgate {
namespace {

using Type = ManifestEntry::Type;

const std::string hash_a(64, 'a');
const std::string first = "toolgate-manifest 2\norigin npm @scope/server 1.2.3 sha512-x\n";
const std::string by = "interpreter 7 " + hash_a + " /usr/bin/node\n";
const std::string tree = "d n\nx 12 " + hash_a + " n/index.js\n";

// The lines before the entries, of a tree with so many entries and bytes.
std::string head_of(const std::string& entries, const std::string& bytes) {
  return first + by + "run n/index.js\nholds " + entries + " " + bytes + "\n";
}
const std::string head = head_of("2", "12");

// These entries behind a beginning that fits them, so that it is they which are refused.
std::string whole(const std::string& entries) {
  std::uint64_t bytes = 0;
  std::size_t count = 0;
  std::istringstream lines(entries);
  for (std::string line; std::getline(lines, line); ++count) {
    if (line.starts_with("f ") || line.starts_with("x ")) {
      bytes += std::strtoull(line.c_str() + 2, nullptr, 10);
    }
  }
  return head_of(std::to_string(count), std::to_string(bytes)) + entries;
}

Result<Manifest> parsed(const std::string& text) {
  return parse_manifest(Untrusted<std::string>(text));
}

ManifestEntry entry(Type type, std::string path, std::string target = "") {
  ManifestEntry one;
  one.type = type;
  one.path = std::move(path);
  one.target = std::move(target);
  return one;
}

Manifest sample() {
  Manifest manifest;
  manifest.origin = {ManifestOrigin::Kind::npm, "@scope/server", "1.2.3", "sha512-x"};
  manifest.interpreter = {"/usr/bin/node", 7, {}};
  manifest.interpreter->sha256.fill(0xAA);
  manifest.entry = "n/index.js";
  manifest.entries = {entry(Type::directory, "n"), entry(Type::executable, "n/index.js")};
  manifest.entries[1].bytes = 12;
  manifest.entries[1].sha256.fill(0xAA);
  return manifest;
}

TEST_CASE("a manifest has one text, and reads back as it was") {
  const auto text = manifest_text(sample());
  REQUIRE(text);
  CHECK(*text == head + tree);
  const auto again = parsed(*text);
  REQUIRE(again);
  CHECK(*again == sample());
  CHECK(again->files() == 1);
  CHECK(again->bytes() == 12);
  CHECK(manifest_digest(*text) != manifest_digest(*text + "d o\n"));
  const auto start = read_manifest_start(*text);
  REQUIRE(start);
  CHECK(start->head == static_cast<const ManifestHead&>(sample()));
  CHECK(start->entries == 2);
  CHECK(start->bytes == 12);
}

TEST_CASE("names that are more than letters are written so that they cannot be misread") {
  Manifest manifest = sample();
  manifest.entries.push_back(entry(Type::file, "n/with space\n%\xff"));
  const auto text = manifest_text(manifest);
  REQUIRE(text);
  CHECK(text->ends_with(" n/with%20space%0A%25%FF\n"));
  const auto again = parsed(*text);
  REQUIRE(again);
  CHECK(again->entries.back().path == "n/with space\n%\xff");
  CHECK(manifest_name("a\x1b[2Jb c") == "a%1B[2Jb%20c");
  CHECK(manifest_name(std::string(500, 'x')).size() == 163);
}

TEST_CASE("a text that is no manifest, or not written in the one way, is refused") {
  struct Row {
    const char* name;
    std::string text;
  };
  const std::string a = " " + hash_a + " ";
  const Row rows[] = {
      {"nothing", ""},
      {"an earlier version", "toolgate-manifest 1\n" + tree},
      {"no tree", head},
      {"no last line end", whole("d n\nx 12" + a + "n/index.js")},
      {"an empty line", whole(tree + "\n")},
      {"an unknown type", whole(tree + "s n/socket\n")},
      {"a directory with a size", whole("d 0 n\nx 12" + a + "n/index.js\n")},
      {"a file without a hash", whole("d n\nx 12 n/index.js\n")},
      {"a short hash", whole("d n\nx 12 aa n/index.js\n")},
      {"an upper-case hash", whole("d n\nx 12 " + std::string(64, 'A') + " n/index.js\n")},
      {"a negative size", whole("d n\nx -1" + a + "n/index.js\n")},
      {"a size with a sign", whole("d n\nx +12" + a + "n/index.js\n")},
      {"a size with a zero before it", whole("d n\nx 012" + a + "n/index.js\n")},
      {"a size past 64 bits", whole("d n\nx 99999999999999999999" + a + "n/index.js\n")},
      {"a tree of more than 4 GiB", whole("d n\nx 4294967297" + a + "n/index.js\n")},
      {"two sizes that are too much together",
       whole("d n\nf 4294967290" + a + "n/a\nx 12" + a + "n/index.js\n")},
      {"two spaces", whole("d  n\nx 12" + a + "n/index.js\n")},
      {"a line end of another system", whole("d n\r\nx 12" + a + "n/index.js\n")},
      {"out of order", whole("d n\nx 12" + a + "n/index.js\nf 1" + a + "n/a\n")},
      {"twice", whole(tree + "f 1" + a + "n/index.js\n")},
      {"its directory is not listed", whole(tree + "f 1" + a + "o/a\n")},
      {"its directory is a file", whole(tree + "f 1" + a + "n/index.js/b\n")},
      {"an absolute path", whole("d /n\n" + tree)},
      {"dot dot", whole("f 1" + a + "../a\n" + tree)},
      {"dot dot inside", whole(tree + "f 1" + a + "n/../z\n")},
      {"a dot", whole("d .\n" + tree)},
      {"a slash at the end", whole("d m/\n" + tree)},
      {"two slashes", whole("d n\nf 1" + a + "n//a\nx 12" + a + "n/index.js\n")},
      {"a NUL", whole("d n%00\n" + tree)},
      {"a letter that is encoded", whole("d %6E\nx 12" + a + "n/index.js\n")},
      {"lower-case encoding", whole(tree + "d n/%c3\n")},
      {"half an encoding", whole(tree + "d n/z%2\n")},
      {"a byte that should be encoded", whole(tree + "d n/\xc3\xa4\n")},
      {"more entries than it says", head + "d m\n" + tree},
      {"fewer entries than it says", head_of("3", "12") + tree},
      {"other bytes than it says", head_of("2", "13") + tree},
      {"an entry that is not there", first + by + "run n/other.js\nholds 2 12\n" + tree},
      {"an entry that is a directory", first + by + "run n\nholds 2 12\n" + tree},
      {"nothing to run", first + by + "run\nholds 2 12\n" + tree},
      {"an empty option", first + by + "run  n/index.js\nholds 2 12\n" + tree},
      {"options of no interpreter", first + "run --x n/index.js\nholds 2 12\n" + tree},
      {"a file that runs itself and cannot be executed",
       first + "run n/index.js\nholds 2 12\nd n\nf 12" + a + "n/index.js\n"},
      {"an interpreter by its name",
       first + "interpreter 7" + a + "node\nrun n/index.js\nholds 2 12\n" + tree},
      {"an interpreter that climbs",
       first + "interpreter 7" + a + "/usr/../node\nrun n/index.js\nholds 2 12\n" + tree},
      {"an interpreter without a hash",
       first + "interpreter 7 /usr/bin/node\nrun n/index.js\nholds 2 12\n" + tree},
      {"two interpreters", first + by + by + "run n/index.js\nholds 2 12\n" + tree},
      {"no origin", "toolgate-manifest 2\n" + by + "run n/index.js\nholds 2 12\n" + tree},
      {"an unknown origin",
       "toolgate-manifest 2\norigin git a\n" + by + "run n/index.js\nholds 2 12\n" + tree},
      {"an empty package", "toolgate-manifest 2\norigin npm  1 sha512-x\n" + by +
                               "run n/index.js\nholds 2 12\n" + tree},
      {"a package without a digest",
       "toolgate-manifest 2\norigin npm a 1\n" + by + "run n/index.js\nholds 2 12\n" + tree},
      {"a folder with a version",
       "toolgate-manifest 2\norigin directory a 1\n" + by + "run n/index.js\nholds 2 12\n" + tree},
      {"a path of 5,000 bytes", whole(tree + "d n/" + std::string(5'000, 'z') + "\n")},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK_FALSE(parsed(row.text));
  }
  CHECK(parsed(whole(tree)));
  CHECK(parsed(first + "run n/index.js\nholds 2 12\n" + tree));
  CHECK(parsed("toolgate-manifest 2\norigin file a\n" + by + "run --x n/index.js\nholds 2 12\n" +
               tree));
}

TEST_CASE("a link leads to something that is listed, through directories that are listed") {
  struct Row {
    const char* name;
    const char* path;
    const char* target;
    bool good;
  };
  const Row rows[] = {
      {"to a file beside it", "n/link", "index.js", true},
      {"to a file, roundabout", "n/link", "../n/./index.js", true},
      {"to its own directory", "n/link", ".", true},
      {"to the tree itself", "n/link", "..", true},
      {"from the top", "z", "n/index.js", true},
      {"out of the tree", "n/link", "../..", false},
      {"out of the tree and back", "n/link", "../../tree/n/index.js", false},
      {"an absolute path", "n/link", "/etc/passwd", false},
      {"to nothing", "n/link", "index.mjs", false},
      {"to itself", "n/link", "link", false},
      {"through a file", "n/link", "index.js/..", false},
      {"through a directory that is not there", "n/link", "gone/../index.js", false},
      {"with a slash at its end", "n/link", "index.js/", false},
      {"empty", "n/link", "", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Manifest manifest = sample();
    manifest.entries.push_back(entry(Type::link, row.path, row.target));
    CHECK(static_cast<bool>(manifest_text(manifest)) == row.good);
  }
  Manifest chain = sample();
  chain.entries.push_back(entry(Type::link, "n/link", "index.js"));
  chain.entries.push_back(entry(Type::link, "n/links", "link"));
  CHECK_FALSE(manifest_text(chain));
}

TEST_CASE("plain SHA-256 in pieces is what sha256sum prints, file after file") {
  Sha256 hash;
  for (int i = 0; i < 2; ++i) {
    hash.add("a");
    hash.add("bc");
    // printf abc | sha256sum
    CHECK(Digest(hash.finish()).text() ==
          "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  }
}

}  // namespace
}  // namespace toolgate

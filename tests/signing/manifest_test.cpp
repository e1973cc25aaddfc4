#include "signing/manifest.hpp"

#include <doctest/doctest.h>

#include <string>

namespace toolgate {
namespace {

using Type = ManifestEntry::Type;

const std::string hash_a(64, 'a');
const std::string head = "toolgate-manifest 1\npackage @scope/server 1.2.3\nrun node n/index.js\n";
const std::string tree = "d n\nx 12 " + hash_a + " n/index.js\n";

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
  manifest.package = "@scope/server";
  manifest.version = "1.2.3";
  manifest.interpreter = {"node"};
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
      {"another version", "toolgate-manifest 2\n" + tree},
      {"no tree", head},
      {"no last line end", head + "d n\nx 12" + a + "n/index.js"},
      {"an empty line", head + tree + "\n"},
      {"an unknown type", head + tree + "s n/socket\n"},
      {"a directory with a size", head + "d 0 n\nx 12" + a + "n/index.js\n"},
      {"a file without a hash", head + "d n\nx 12 n/index.js\n"},
      {"a short hash", head + "d n\nx 12 aa n/index.js\n"},
      {"an upper-case hash", head + "d n\nx 12 " + std::string(64, 'A') + " n/index.js\n"},
      {"a negative size", head + "d n\nx -1" + a + "n/index.js\n"},
      {"a size with a sign", head + "d n\nx +12" + a + "n/index.js\n"},
      {"a size with a zero before it", head + "d n\nx 012" + a + "n/index.js\n"},
      {"a size past 64 bits", head + "d n\nx 99999999999999999999" + a + "n/index.js\n"},
      {"a tree of more than 4 GiB", head + "d n\nx 4294967297" + a + "n/index.js\n"},
      {"two sizes that are too much together",
       head + "d n\nf 4294967290" + a + "n/a\nx 12" + a + "n/index.js\n"},
      {"two spaces", head + "d  n\nx 12" + a + "n/index.js\n"},
      {"a line end of another system", head + "d n\r\nx 12" + a + "n/index.js\n"},
      {"out of order", head + "d n\nx 12" + a + "n/index.js\nf 1" + a + "n/a\n"},
      {"twice", head + tree + "f 1" + a + "n/index.js\n"},
      {"its directory is not listed", head + tree + "f 1" + a + "o/a\n"},
      {"its directory is a file", head + tree + "f 1" + a + "n/index.js/b\n"},
      {"an absolute path", head + "d /n\n" + tree},
      {"dot dot", head + "f 1" + a + "../a\n" + tree},
      {"dot dot inside", head + tree + "f 1" + a + "n/../z\n"},
      {"a dot", head + "d .\n" + tree},
      {"a slash at the end", head + "d m/\n" + tree},
      {"two slashes", head + "d n\nf 1" + a + "n//a\nx 12" + a + "n/index.js\n"},
      {"a NUL", head + "d n%00\n" + tree},
      {"a letter that is encoded", head + "d %6E\nx 12" + a + "n/index.js\n"},
      {"lower-case encoding", head + tree + "d n/%c3\n"},
      {"half an encoding", head + tree + "d n/z%2\n"},
      {"a byte that should be encoded", head + tree + "d n/\xc3\xa4\n"},
      {"an entry that is not there",
       "toolgate-manifest 1\npackage a 1\nrun node n/other.js\n" + tree},
      {"an entry that is a directory", "toolgate-manifest 1\npackage a 1\nrun node n\n" + tree},
      {"no interpreter", "toolgate-manifest 1\npackage a 1\nrun n/index.js\n" + tree},
      {"an empty package", "toolgate-manifest 1\npackage  1\nrun node n/index.js\n" + tree},
      {"a path of 5,000 bytes", head + tree + "d n/" + std::string(5'000, 'z') + "\n"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK_FALSE(parsed(row.text));
  }
  CHECK(parsed(head + tree));
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

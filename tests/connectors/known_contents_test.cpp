#include "connectors/launcher/known_contents.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

namespace toolgate {
namespace {

OpenContent content(std::uint64_t inode, std::int64_t size = 4) {
  OpenContent content;
  content.id = FileId{7, inode, 1, 0};
  content.size = size;
  return content;
}

}  // namespace

TEST_CASE("known contents: what was kept is known as it was then, and for a minute as it is") {
  KnownContents known;
  CHECK(!known.has(content(1), Loss::recent));
  known.add_kept(content(1));
  CHECK(known.has(content(1), Loss::nothing));
  CHECK(known.has(content(1), Loss::recent));
  CHECK(!known.has(content(1, 5), Loss::nothing));  // somebody wrote to it since
  CHECK(known.has(content(1, 5), Loss::recent));
  known.add_kept(content(1, 5));
  CHECK(known.has(content(1, 5), Loss::nothing));
  CHECK(!known.has(content(2), Loss::recent));
}

TEST_CASE("known contents: what the server made is its own, whatever it writes") {
  KnownContents known;
  known.add_own(content(1));
  CHECK(known.has(content(1, 500), Loss::nothing));
  known.remove(content(1).id);
  CHECK(!known.has(content(1), Loss::recent));
  known.remove(content(1).id);
}

TEST_CASE("known contents: another file on the same number is not known") {
  KnownContents known;
  OpenContent first = content(1);
  first.generation = 10;
  known.add_own(first);
  OpenContent second = first;
  second.generation = 11;
  CHECK(known.has(first, Loss::nothing));
  CHECK(!known.has(second, Loss::recent));
  second.generation = 10;
  second.id.born_ns = 1;
  CHECK(!known.has(second, Loss::recent));
}

TEST_CASE("known contents: when there are too many, all are kept anew") {
  KnownContents known;
  for (std::uint64_t inode = 0; inode < KnownContents::most; ++inode) known.add_own(content(inode));
  CHECK(known.has(content(0), Loss::nothing));
  known.add_own(content(KnownContents::most));
  CHECK(!known.has(content(0), Loss::recent));
  CHECK(known.has(content(KnownContents::most), Loss::nothing));
}

TEST_CASE("known contents: a look at an open file") {
  const std::string path = std::filesystem::temp_directory_path() / "toolgate-known-XXXXXX";
  std::string name = path;
  const int file = ::mkstemp(name.data());
  REQUIRE(file >= 0);
  OpenContent before;
  OpenContent after;
  if (before.look(file)) {  // some file systems do not know when a file was born
    REQUIRE(after.look(file));
    CHECK(after.is_same(before));
    REQUIRE(::write(file, "text", 4) == 4);
    REQUIRE(after.look(file));
    CHECK(!after.is_same(before));
    CHECK(after.id == before.id);
    CHECK(after.generation == before.generation);
  }
  ::close(file);
  ::unlink(name.c_str());
  CHECK(!before.look(file));
}

}  // namespace toolgate

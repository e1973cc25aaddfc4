#include "connectors/launcher/made_names.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <tuple>

namespace toolgate {
namespace {

FileId file(std::uint64_t inode, std::int64_t born = 1) { return FileId{7, inode, born, 0}; }

}  // namespace

TEST_CASE("made names: a name counts for the file that it was made for") {
  MadeNames names;
  const FileId folder = file(1);
  names.add(folder, "a", file(2));
  CHECK(names.has(folder, "a", file(2)));
  CHECK(!names.has(folder, "a", file(3)));     // the host put another one there
  CHECK(!names.has(folder, "a", file(2, 2)));  // the inode was used again
  CHECK(!names.has(folder, "b", file(2)));     // another name of the same file
  CHECK(!names.has(file(9), "a", file(2)));    // in another directory
  names.add(folder, "a", file(3));
  CHECK(names.has(folder, "a", file(3)));
  CHECK(names.count() == 1);
  names.remove(folder, "a");
  CHECK(!names.has(folder, "a", file(3)));
  names.remove(folder, "a");
  names.add(folder, "x", file(4));
  names.clear();
  CHECK(names.count() == 0);
  CHECK(!names.has(folder, "x", file(4)));
}

TEST_CASE("made names: as a map, over 20,000 operations of chance") {
  MadeNames names;
  std::map<std::pair<std::uint64_t, std::string>, std::uint64_t> oracle;
  std::minstd_rand chance(4);  // the same every time
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t folder = chance() % 5;
    const std::string name = std::to_string(chance() % 300);
    const std::uint64_t inode = chance() % 4;
    switch (chance() % 4) {
      case 0:
      case 1:
        names.add(file(folder), name.c_str(), file(inode));
        oracle[{folder, name}] = inode;
        break;
      case 2:
        names.remove(file(folder), name.c_str());
        oracle.erase({folder, name});
        break;
      default: {
        const auto found = oracle.find({folder, name});
        const bool has = found != oracle.end() && found->second == inode;
        REQUIRE(names.has(file(folder), name.c_str(), file(inode)) == has);
      }
    }
    REQUIRE(names.count() == oracle.size());
  }
}

TEST_CASE("made names: past the most, what is not there was not made here") {
  MadeNames names;
  for (std::uint64_t i = 0; i <= MadeNames::most; ++i) names.add(file(i), "n", file(i));
  CHECK(names.count() == MadeNames::most);
  CHECK(names.has(file(0), "n", file(0)));
  CHECK(!names.has(file(MadeNames::most), "n", file(MadeNames::most)));
}

TEST_CASE("made names: files are told apart for all time") {
  std::string path = (std::filesystem::temp_directory_path() / "toolgate-names-XXXXXX").string();
  const std::filesystem::path folder = ::mkdtemp(path.data());
  const int directory = ::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  auto make = [&] { ::close(::openat(directory, "a", O_WRONLY | O_CREAT | O_CLOEXEC, 0600)); };
  FileId first;
  FileId second;
  FileId itself;
  CHECK(!identify(directory, "a", first));
  make();
  if (identify(directory, "a", first)) {  // some file systems do not know when a file was born
    REQUIRE(::linkat(directory, "a", directory, "b", 0) == 0);
    CHECK(identify(directory, "b", second));
    CHECK(first == second);
    ::unlinkat(directory, "b", 0);
    for (int i = 0; i < 100'000 && first == second; ++i) {  // until the clock ticks
      ::unlinkat(directory, "a", 0);
      make();
      CHECK(identify(directory, "a", second));
    }
    CHECK(first != second);
    CHECK(identify(directory, "", itself));
    CHECK(itself != second);
  }
  ::close(directory);
  std::filesystem::remove_all(folder);
}

}  // namespace toolgate

#include "signing/review_seal.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <set>

namespace toolgate {
namespace {

namespace fs = std::filesystem;

TEST_CASE("a seal holds for its own columns alone") {
  const ReviewSeal seal = ReviewSeal::generate();
  const std::vector<std::string> row = {"files", "read", R"({"name":"read"})"};
  const std::string mac = seal.seal(row);
  CHECK(mac.size() == 64);
  CHECK(seal.seal(row) == mac);
  CHECK(seal.holds(mac, row));
  struct Row {
    const char* name;
    std::vector<std::string> columns;
  };
  const Row rows[] = {
      {"another byte", {"files", "read", R"({"name":"reaD"})"}},
      {"a border that moved", {"filesr", "ead", R"({"name":"read"})"}},
      {"a column more", {"files", "read", R"({"name":"read"})", ""}},
      {"a column less", {"files", "read"}},
      {"another order", {"read", "files", R"({"name":"read"})"}},
      {"an empty column", {"", "read", R"({"name":"read"})"}},
      {"columns in one", {"files4:read", "", R"({"name":"read"})"}},
      {"none", {}},
  };
  std::set<std::string> all = {mac};
  for (const Row& one : rows) {
    CAPTURE(one.name);
    CHECK_FALSE(seal.holds(mac, one.columns));
    CHECK(all.insert(seal.seal(one.columns)).second);
  }
  CHECK_FALSE(seal.holds("", row));
  CHECK_FALSE(seal.holds(mac.substr(1), row));
  CHECK_FALSE(seal.holds(mac + "0", row));
  CHECK_FALSE(ReviewSeal::generate().holds(mac, row));
}

TEST_CASE("the key of reviews is made once, for this user alone, and is no other key") {
  std::string name = (fs::temp_directory_path() / "toolgate-test-XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  const fs::path path = fs::path(name) / "review.key";
  auto made = ReviewSeal::load_or_make(path);
  REQUIRE(made);
  struct stat status;
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  auto again = ReviewSeal::load_or_make(path);
  REQUIRE(again);
  CHECK(again->seal({"x"}) == made->seal({"x"}));

  std::string line;
  std::getline(std::ifstream(path), line);
  CHECK(line == "toolgate-review-key v1");
  REQUIRE(::chmod(path.c_str(), 0640) == 0);
  auto open_to_others = ReviewSeal::load_or_make(path);
  REQUIRE_FALSE(open_to_others);
  CHECK(open_to_others.refusal().detail.find("`toolgate review` makes a new one") !=
        std::string::npos);
  fs::remove_all(name);
}

}  // namespace
}  // namespace toolgate

#include <doctest/doctest.h>

#include "gateway/packages/lock_file.hpp"

namespace toolgate {
namespace {

const std::string good =
    R"("version":"1.2.3","integrity":"sha512-abc=","bin":{"server":"dist/index.js"})";

std::string lock_with(const std::string& packages) {
  return R"({"name":"tree","lockfileVersion":3,"requires":true,"packages":{"":{},)" + packages +
         "}}";
}

std::string server_with(const std::string& members) {
  return lock_with(R"("node_modules/@a/server":{)" + members + "}");
}

NpxCommand command_for(const std::string& program = "") {
  NpxCommand command;
  command.package = "@a/server";
  command.program = program;
  return command;
}

Result<LockedPackage> read(std::string text, const std::string& program = "") {
  return read_lock_file(Untrusted<std::string>(std::move(text)), command_for(program));
}

TEST_CASE("the version and the program come from what npm locked") {
  struct Row {
    const char* name;
    std::string bin;
    const char* program;
    const char* entry;
  };
  const Row rows[] = {
      {"the only program", R"({"other":"dist/index.js"})", "", "dist/index.js"},
      {"two names of one file", R"({"a":"x.js","b":"x.js"})", "", "x.js"},
      {"the one called as the package", R"({"a":"a.js","server":"s.js"})", "", "s.js"},
      {"the named one", R"({"a":"a.js","server":"s.js"})", "a", "a.js"},
      {"a path to be put in order", R"({"a":"./dist/./a.js"})", "", "dist/a.js"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto locked =
        read(server_with(R"("version":"1.2.3","integrity":"sha512-abc=","bin":)" + row.bin),
             row.program);
    if (!locked) FAIL(locked.refusal().detail);
    CHECK(locked->version == "1.2.3");
    CHECK(locked->entry == std::string("node_modules/@a/server/") + row.entry);
    CHECK(locked->integrity == "sha512-abc=");
    REQUIRE(locked->packages.size() == 1);
    CHECK(locked->packages[0].folder == "node_modules/@a/server");
  }
}

TEST_CASE("nothing is frozen that did not come from a registry with a digest of its bytes") {
  const std::string server = R"("node_modules/@a/server":{)" + good + "}";
  const auto beside = [&](const std::string& package) { return lock_with(server + "," + package); };
  struct Row {
    const char* name;
    std::string text;
    const char* why;  // nullptr: it is good
  };
  const Row rows[] = {
      {"the package alone", lock_with(server), nullptr},
      {"a package that came within another", beside(R"("node_modules/b":{"inBundle":true})"),
       nullptr},
      {"a range for a dependency", server_with(good + R"(,"dependencies":{"b":"^1 || >=2 <3"})"),
       nullptr},
      {"an alias of the registry",
       server_with(good + R"(,"dependencies":{"b":"npm:@x/b@^1","c":"npm:c@1"})"), nullptr},
      {"no integrity", beside(R"("node_modules/b":{"version":"1.0.0"})"),
       "without a SHA-512 digest"},
      {"an empty integrity", beside(R"("node_modules/b":{"integrity":""})"),
       "without a SHA-512 digest"},
      {"SHA-1", beside(R"("node_modules/b":{"integrity":"sha1-abc"})"), "without a SHA-512 digest"},
      {"two of them", beside(R"("node_modules/b":{"integrity":"sha512-a sha512-b"})"),
       "without a SHA-512 digest"},
      {"MD5", beside(R"("node_modules/b":{"integrity":"md5-abc"})"), "without a SHA-512 digest"},
      {"from git",
       beside(R"("node_modules/b":{"resolved":"git+ssh://x/b.git#1","integrity":"sha512-a"})"),
       "elsewhere than a registry"},
      {"from a tarball's address",
       beside(R"("node_modules/b":{"resolved":"https://x/b.tgz","integrity":"sha512-a"})"),
       "elsewhere than a registry"},
      {"a link to a folder", beside(R"("node_modules/b":{"link":true})"), "is a link"},
      {"a folder beside", beside(R"("../b":{"integrity":"sha512-a"})"), "no package of a registry"},
      {"a dependency from git", server_with(good + R"(,"dependencies":{"b":"github:x/b"})"),
       "needs b from elsewhere"},
      {"a dependency from GitHub, in short", server_with(good + R"(,"dependencies":{"b":"x/b"})"),
       "needs b from elsewhere"},
      {"an optional dependency from a folder",
       server_with(good + R"(,"optionalDependencies":{"b":"file:../b"})"),
       "needs b from elsewhere"},
      {"an alias of an address", server_with(good + R"(,"dependencies":{"b":"npm:x:y"})"),
       "needs b from elsewhere"},
      {"another package", lock_with(R"("node_modules/b":{)" + good + "}"), "did not install"},
      {"no program", server_with(R"("version":"1.2.3","integrity":"sha512-a")"), "no program"},
      {"several programs",
       server_with(R"("version":"1","integrity":"sha512-a","bin":{"a":"a","b":"b"})"),
       "several programs"},
      {"a program that climbs",
       server_with(R"("version":"1","integrity":"sha512-a","bin":{"a":"../x/a"})"),
       "outside of it"},
      {"an absolute program",
       server_with(R"("version":"1","integrity":"sha512-a","bin":{"a":"/bin/sh"})"),
       "outside of it"},
      {"no version", server_with(R"("integrity":"sha512-a","bin":{"a":"a"})"), "outside of it"},
      {"an older form", R"({"lockfileVersion":1,"dependencies":{}})", "not of version 3"},
      {"a name twice", R"({"lockfileVersion":3,"lockfileVersion":3,"packages":{}})", "no JSON"},
      {"no JSON", "lock", "no JSON"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto locked = read(row.text);
    CHECK(static_cast<bool>(locked) == (row.why == nullptr));
    if (locked || !row.why) continue;
    CAPTURE(locked.refusal().detail);
    CHECK(locked.refusal().detail.find(row.why) != std::string::npos);
  }
  const auto unknown = read(server_with(good), "other");
  REQUIRE_FALSE(unknown);
  CHECK(unknown.refusal().detail.find("no program called other") != std::string::npos);
}

}  // namespace
}  // namespace toolgate

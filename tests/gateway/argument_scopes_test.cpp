#include "gateway/scopes/argument_scopes.hpp"

#include <doctest/doctest.h>

#include "tests/gateway/scopes_tree.hpp"

namespace toolgate::test {
namespace {

using Grounds = PathArgument::Grounds;

struct Fixture {
  ScopesTree tree;
  ServerEntry entry;

  Fixture() {
    entry.name = ServerName("files");
    entry.files = {{tree / "notes", FileMode::rw}, {tree / "data", FileMode::ro}};
    entry.cwd = tree / "work";
  }
  // What is said, with the tree as "@"; "" for nothing.
  std::string said(const std::string& text, Grounds grounds = Grounds::path) const {
    ArgumentScopes scopes(entry);
    auto confined = scopes.confine({{"argument \"/path\"", text, grounds}});
    if (confined) return "";
    CHECK(confined.refusal().reason == Reason::out_of_scope);
    std::string detail = confined.refusal().detail;
    const std::string root = tree.root().string();
    for (std::size_t at = 0; (at = detail.find(root, at)) != std::string::npos;) {
      detail.replace(at, root.size(), "@");
    }
    return detail;
  }
};

TEST_CASE_FIXTURE(Fixture,
                  "argument scopes: a refusal names the argument and the scopes, not the value") {
  CHECK(said(tree / "notes/a.txt").empty());
  CHECK(said("file://" + (tree / "notes/with%20space/f").string()).empty());
  CHECK(
      said("'" + (tree / "notes/a.txt").string() + "'") ==
      "argument \"/path\" is outside of the file scopes of 'files' (@/notes rw, @/data ro). It is "
      "relative, and the working directory of the server is no file scope: use an absolute path");
  CHECK(said(tree / "secret/key") ==
        "argument \"/path\" is outside of the file scopes of 'files' (@/notes rw, @/data ro)");
  CHECK(
      said("a.txt") ==
      "argument \"/path\" is outside of the file scopes of 'files' (@/notes rw, @/data ro). It is "
      "relative, and the working directory of the server is no file scope: use an absolute path");
  CHECK(said(tree / "notes/loop") ==
        "argument \"/path\" cannot be followed within the file scopes (too many symbolic links) of "
        "'files' (@/notes rw, @/data ro)");
  CHECK(said("~/notes") ==
        "argument \"/path\" cannot be held against the file scopes of 'files': it begins with '~': "
        "write the path out");
  entry.cwd = tree / "notes";
  CHECK(said("a.txt").empty());
  CHECK(said("\"a.txt\"").empty());
  CHECK(said("~lock").empty() == false);  // who knows whether that is a user
  CHECK(said("./~lock").empty());
  CHECK(said("%2e%2e/x").empty() == false);
  CHECK(said("%2e%2e").empty() == false);  // a file of that name is there, but programs decode it
  CHECK(said("b\\c").empty());
  CHECK(said("sub\\..\\..\\secret\\key").empty() == false);
  CHECK(said("https://example.com", Grounds::perhaps).empty());
}

TEST_CASE_FIXTURE(
    Fixture, "argument scopes: what may be a path is one when something of that name is there") {
  CHECK(said("b.txt", Grounds::perhaps) != "");      // in the working directory, which is no scope
  CHECK(said("w_out/key", Grounds::perhaps) != "");  // a link of the working directory
  CHECK(said("main", Grounds::perhaps).empty());
  CHECK(said("owner/repository", Grounds::perhaps).empty());
  entry.cwd = tree / "notes";
  CHECK(said("a.txt", Grounds::perhaps).empty());
  CHECK(said("out_rel/key", Grounds::perhaps) != "");
  CHECK(said("https://example.com", Grounds::perhaps).empty());  // in the folder "https:"
}

TEST_CASE_FIXTURE(Fixture, "argument scopes: a server without file scopes may be given no path") {
  entry.files.clear();
  CHECK(said(tree / "notes/a.txt") ==
        "argument \"/path\" is a path, and 'files' has no file scopes (\"files\" in its entry)");
  CHECK(ArgumentScopes(entry).confine({}));
}

TEST_CASE_FIXTURE(Fixture,
                  "argument scopes: many scopes are told in part, and a call has its limit") {
  for (int at = 0; at < 10; ++at) entry.files.push_back({tree / ("x" + std::to_string(at))});
  CHECK(said("/").ends_with("@/x5 ro and 4 more)"));
  ArgumentScopes scopes(entry);
  const PathArgument one{"argument \"/path\"", tree / "notes/a.txt"};
  CHECK(scopes.confine(std::vector<PathArgument>(100, one)));
  auto many = scopes.confine(std::vector<PathArgument>(20'000, one));
  REQUIRE_FALSE(many);
  CHECK(many.refusal().detail.starts_with("argument \"/path\" takes too long to be followed"));
}

}  // namespace
}  // namespace toolgate::test

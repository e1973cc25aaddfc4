#include "connectors/launcher/guard.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string_view>

namespace toolgate {
namespace {

using Meaning = Guard::Meaning;

constexpr std::array<const char*, 5> scopes = {"/w", "/w/inner/.vscode", "/repo/.git", "/w/inner",
                                               "/long/scope"};
constexpr std::array<const char*, 5> names = {".mcp.json", ".git/hooks", ".vscode", "a/b/c",
                                              ".config/git"};

const Guard guard({scopes.data(), scopes.size()}, {}, {names.data(), names.size()});

struct Row {
  const char* path;
  Meaning meaning;
};

constexpr Row rows[] = {
    {"/w/.mcp.json", Meaning::guarded},
    {"/w/x/y/.mcp.json", Meaning::guarded},
    {"/w/.mcp.json/below", Meaning::guarded},
    {"/w/.MCP.Json", Meaning::guarded},
    {"/w/x.mcp.json", Meaning::free},
    {"/w/.mcp.json.", Meaning::free},
    {"/w/.mcp.jso", Meaning::free},
    {"/w/.git", Meaning::beginning},
    {"/w/x/.GIT", Meaning::beginning},
    {"/w/.git/hooks", Meaning::guarded},
    {"/w/.git/hooks/pre-commit", Meaning::guarded},
    {"/w/.git/hooksx", Meaning::free},
    {"/w/x.git/hooks", Meaning::free},
    {"/w/.git/HEAD", Meaning::free},
    {"/w/a", Meaning::beginning},
    {"/w/a/b", Meaning::beginning},
    {"/w/z/a/b/c/d", Meaning::guarded},
    {"/w/b", Meaning::free},
    {"/w/b/c", Meaning::free},
    {"/w", Meaning::free},                  // the scope itself
    {"/wx/.mcp.json", Meaning::free},       // no scope, though it begins like one
    {"/tmp/.mcp.json", Meaning::free},      // no scope
    {"/w/inner/.vscode/x", Meaning::free},  // a scope that is named so
    {"/w/inner/.vscode/.vscode", Meaning::guarded},
    {"/w/inner/x/.vscode", Meaning::guarded},
    {"/repo/.git/hooks", Meaning::guarded},  // the name begins above the scope
    {"/repo/.git/hooks/post-commit", Meaning::guarded},
    {"/repo/.git/HEAD", Meaning::free},
    {"/repo/.mcp.json", Meaning::free},
    {"/long/scope/.config", Meaning::beginning},
    {"/long/scope/.config/git/config", Meaning::guarded},
    {"/", Meaning::free},
};

}  // namespace

TEST_CASE("guard: what a path means to the supervisor of names") {
  for (const Row& row : rows) {
    CAPTURE(row.path);
    CHECK(static_cast<int>(guard.meaning(row.path)) == static_cast<int>(row.meaning));
  }
}

TEST_CASE("guard: what has to follow") {
  CHECK(std::string_view(guard.rest("/w/x/.git", 1)) == "hooks");
  CHECK(std::string_view(guard.rest("/w/a", 3)) == "b/c");
  CHECK(std::string_view(guard.rest("/w/a/b", 3)) == "c");
  CHECK(guard.rest("/w/a/b/c", 3) == nullptr);
  CHECK(guard.rest("/tmp/.git", 1) == nullptr);
}

TEST_CASE("guard: all that may follow a beginning that is repeated") {
  constexpr std::array<const char*, 1> repeating = {".git/modules/.git/hooks"};
  const Guard all({scopes.data(), scopes.size()}, {}, {repeating.data(), repeating.size()});
  const char* rest = all.rest("/w/.git/modules/.git", 0);
  REQUIRE(rest != nullptr);
  CHECK(std::string_view(rest) == "modules/.git/hooks");
  rest = all.rest("/w/.git/modules/.git", 0, rest);
  REQUIRE(rest != nullptr);
  CHECK(std::string_view(rest) == "hooks");
  CHECK(all.rest("/w/.git/modules/.git", 0, rest) == nullptr);
}

TEST_CASE("guard: without scopes or names nothing is guarded") {
  CHECK(Guard({}, {}, {names.data(), names.size()}).meaning("/w/.mcp.json") == Meaning::free);
  CHECK(Guard({scopes.data(), scopes.size()}, {}, {}).meaning("/w/.mcp.json") == Meaning::free);
}

TEST_CASE("guard: the innermost scope says whether names are kept") {
  constexpr auto all = std::to_array<const char*>({"/w", "/w/free", "/w/free/kept", "/single.txt"});
  constexpr auto kept = std::to_array<const char*>({"/w", "/w/free/kept", "/single.txt"});
  const Guard staged({all.data(), all.size()}, {kept.data(), kept.size()}, {});
  struct Case {
    const char* path;
    bool keeps;
  };
  for (const Case& one : std::to_array<Case>({{"/w", true},
                                              {"/w/a", true},
                                              {"/w/a/b", true},
                                              {"/wide", false},
                                              {"/w/free", false},
                                              {"/w/free/x", false},
                                              {"/w/freedom", true},
                                              {"/w/free/kept/x", true},
                                              {"/single.txt", true},
                                              {"/single.txt.bak", false},
                                              {"/", false},
                                              {"/tmp/a", false}})) {
    CAPTURE(one.path);
    CHECK(staged.keeps(one.path) == one.keeps);
  }
}

}  // namespace toolgate

#include "connectors/sandbox/scope_tree.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "connectors/sandbox/mounts.hpp"

namespace toolgate {
namespace {

namespace fs = std::filesystem;

// A directory that is gone at the end.
class Folder {
 public:
  Folder() {
    std::string path = (fs::temp_directory_path() / "toolgate-scope-XXXXXX").string();
    path_ = fs::canonical(::mkdtemp(path.data()));
  }
  Folder(const Folder&) = delete;
  ~Folder() { fs::remove_all(path_); }
  fs::path operator/(const char* name) const { return path_ / name; }
  const fs::path& path() const { return path_; }
  void file(const char* name) const {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << "x";
  }

 private:
  fs::path path_;
};

std::string why_not(const fs::path& path, const SandboxPlan& plan = SandboxPlan()) {
  auto tree = ScopeTree::open(FileScope{path, FileMode::rw, false}, plan);
  return tree ? "" : tree.refusal().detail;
}

std::vector<std::string> held_in(const Folder& folder, FileMode mode) {
  auto tree = ScopeTree::open(FileScope{folder.path(), mode, false}, SandboxPlan());
  auto names = ProtectedNames::make({});
  REQUIRE(tree);
  REQUIRE(names);
  REQUIRE(tree->hold(*names));
  std::vector<std::string> paths;
  for (const HeldPath& held : tree->held()) paths.push_back(held.path);
  return paths;
}

TEST_CASE("file scopes: what belongs to the machine or the user as a whole is not granted") {
  for (const char* path :
       {"/", "/proc", "/proc/self", "/sys", "/dev/shm", "/etc", "/etc/ssl", "/run", "/home",
        "/root", "/usr", "/usr/bin", "/var/run", "/boot", "/tmp"}) {
    CAPTURE(path);
    CHECK(why_not(path) != "");
  }
  const Folder folder;
  folder.file("home/me/notes/x");
  SandboxPlan plan;
  plan.home = (folder / "home/me").string();
  plan.forbidden = {(folder / "home/me/.toolgate").string()};
  CHECK(why_not(folder / "home/me", plan).find("holds your home") != std::string::npos);
  CHECK(why_not(folder / "home", plan).find("holds your home") != std::string::npos);
  CHECK(why_not(folder / "home/me/.toolgate/store", plan).find("gateway's own files") !=
        std::string::npos);
  CHECK(why_not(folder / "home/me/notes", plan) == "");
}

TEST_CASE("file scopes: no symbolic link on the way, and nothing but directories and files") {
  const Folder folder;
  folder.file("real/inner/x");
  fs::create_symlink(folder / "real", folder / "link");
  CHECK(why_not(folder / "link").find("symbolic link") != std::string::npos);
  CHECK(why_not(folder / "link/inner").find("symbolic link") != std::string::npos);
  CHECK(why_not(folder / "absent").find("cannot be opened") != std::string::npos);
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  CHECK(why_not(folder / "fifo").find("neither a directory nor a file") != std::string::npos);
  CHECK(why_not(folder / "real/inner/x") == "");
  fs::create_hard_link(folder / "real/inner/x", folder / "second");
  CHECK(why_not(folder / "second").find("hard link") != std::string::npos);
}

TEST_CASE("file scopes: names that are protected, and files with a second name outside, are held") {
  const Folder folder;
  const Folder outside;
  for (const char* name : {".git/hooks/pre-commit", ".git/config", ".git/objects/ab", ".mcp.json",
                           "sub/.git/config", "sub/.vscode/tasks.json", ".ssh/id", "plain"}) {
    folder.file(name);
  }
  outside.file("shared");
  fs::create_hard_link(outside / "shared", folder / "linked");
  fs::create_hard_link(folder / "plain", folder / "twice-inside");
  fs::create_symlink(outside / "shared", folder / "symlink");
  const auto held = held_in(folder, FileMode::rw);
  for (const char* name : {".git/config", ".git/hooks", ".mcp.json", ".ssh", "linked",
                           "sub/.git/config", "sub/.vscode"}) {
    CAPTURE(name);
    CHECK(std::ranges::find(held, name) != held.end());
  }
  for (const char* name : {"plain", "twice-inside", "symlink", ".git", ".git/objects/ab"}) {
    CAPTURE(name);
    CHECK(std::ranges::find(held, name) == held.end());
  }
  const auto reading = held_in(folder, FileMode::ro);
  CHECK(std::ranges::find(reading, ".ssh") != reading.end());
  CHECK(std::ranges::find(reading, ".mcp.json") == reading.end());
}

TEST_CASE("file scopes: one of a worktree keeps the file that says where its repository is") {
  const Folder folder;
  folder.file(".git");
  CHECK(held_in(folder, FileMode::rw) == std::vector<std::string>{".git"});
}

TEST_CASE("mounts: outer before inner, ancestors of what is held pinned, contradictions refused") {
  const Folder folder;
  folder.file(".git/hooks/x");
  folder.file("a/b/c/x");
  auto scopes_of = [&](std::vector<FileScope> wanted) {
    std::vector<ScopeTree> scopes;
    auto names = ProtectedNames::make({});
    for (const FileScope& scope : wanted) {
      auto tree = ScopeTree::open(scope, SandboxPlan());
      REQUIRE(tree);
      REQUIRE(tree->hold(*names));
      scopes.push_back(std::move(*tree));
    }
    return scopes;
  };
  auto scopes =
      scopes_of({{folder / "a/b/c", FileMode::ro, false}, {folder.path(), FileMode::rw, false}});
  auto mounts = Mounts::make(SandboxPlan(), scopes);
  REQUIRE(mounts);
  std::vector<std::string> paths;
  for (const Mount& mount : mounts->all()) {
    paths.push_back(fs::path(mount.path).lexically_relative(folder.path()).string() +
                    (mount.kind == Mount::Kind::read_only ? " ro" : " rw"));
  }
  CHECK(paths ==
        std::vector<std::string>{". rw", ".git rw", ".git/hooks ro", "a rw", "a/b rw", "a/b/c ro"});

  // What lies in a read-only inner scope or a program stays so, though a protected name is in it.
  folder.file("a/b/c/lib/.editorconfig");
  folder.file("app/node_modules/dep/.npmrc");
  SandboxPlan with_program;
  with_program.programs = {(folder / "app/node_modules").string()};
  auto nested =
      scopes_of({{folder / "a/b/c", FileMode::ro, false}, {folder.path(), FileMode::rw, false}});
  auto held = Mounts::make(with_program, nested);
  REQUIRE(held);
  for (const Mount& mount : held->all()) {
    CAPTURE(mount.path);
    CHECK(mount.path.find("/a/b/c/") == std::string::npos);
    CHECK(mount.path.find("node_modules/") == std::string::npos);
  }

  SandboxPlan shows_home;
  shows_home.programs = {(folder / "app").string()};
  shows_home.forbidden = {(folder / "app/home").string()};
  std::vector<ScopeTree> nothing;
  CHECK_FALSE(Mounts::make(shows_home, nothing));
  shows_home.forbidden.clear();
  shows_home.home = (folder / "app/me").string();
  CHECK_FALSE(Mounts::make(shows_home, nothing));

  auto contradiction = scopes_of(
      {{folder.path(), FileMode::rw, false}, {folder / "a", FileMode::rw_no_delete, false}});
  CHECK_FALSE(Mounts::make(SandboxPlan(), contradiction));
  auto twice =
      scopes_of({{folder / "a", FileMode::ro, false}, {folder / "a", FileMode::rw, false}});
  CHECK_FALSE(Mounts::make(SandboxPlan(), twice));
  SandboxPlan absent;
  absent.programs = {(folder / "no-program").string()};
  std::vector<ScopeTree> none;
  CHECK_FALSE(Mounts::make(absent, none));
}

}  // namespace
}  // namespace toolgate

#include "gateway/broker/local_program.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace toolgate {
namespace {

namespace fs = std::filesystem;

class Tree {
 public:
  Tree() {
    std::string path = (fs::temp_directory_path() / "toolgate-program-XXXXXX").string();
    root_ = fs::canonical(::mkdtemp(path.data()));
    file("node", "", fs::perms::owner_all);
    file("app/node_modules/server/dist/index.js", "");
    file("app/node_modules/server/package.json", "{}");
    file("app/node_modules/.bin/placeholder", "");
    fs::create_symlink("../server/cli.js", root_ / "app/node_modules/.bin/server");
    file("app/node_modules/server/cli.js", "#!/usr/bin/env node\n", fs::perms::owner_all);
    file("project/package.json", "{}");
    file("project/src/main.py", "");
    file("lonely/deep/script.py", "");
    file("bin/tool",
         "\x7f"
         "ELF",
         fs::perms::owner_all);
    file("venv/pyvenv.cfg", "");
    file("venv/bin/placeholder", "");
    fs::create_symlink("/bin/sh", root_ / "venv/bin/python");
  }
  Tree(const Tree&) = delete;
  ~Tree() { fs::remove_all(root_); }

  std::string at(const std::string& name) const { return (root_ / name).string(); }
  const fs::path& root() const { return root_; }

 private:
  void file(const char* name, const char* text, fs::perms perms = fs::perms::owner_read) const {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text;
    fs::permissions(root_ / name, perms, fs::perm_options::add);
  }
  fs::path root_;
};

TEST_CASE("programs: what a command consists of, and no more") {
  const Tree tree;
  struct Row {
    const char* name;
    std::vector<std::string> argv;
    std::vector<std::string> paths;
  };
  const Row rows[] = {
      {"a program of the system needs nothing", {"/bin/sh", "-c", tree.at("bin/tool")}, {}},
      {"a script among packages: all of them",
       {"/bin/sh", tree.at("app/node_modules/server/dist/index.js")},
       {tree.at("app/node_modules")}},
      {"a script of a project: the project",
       {"/bin/sh", tree.at("project/src/main.py"), "argument"},
       {tree.at("project")}},
      {"a lonely script: itself",
       {"/bin/sh", tree.at("lonely/deep/script.py")},
       {tree.at("lonely/deep/script.py")}},
      {"options before the script",
       {"/bin/sh", "-x", tree.at("lonely/deep/script.py")},
       {tree.at("lonely/deep/script.py")}},
      {"a program of its own: the file alone",
       {tree.at("bin/tool"), tree.at("project")},
       {tree.at("bin/tool")}},
      {"an argument of what is no interpreter is no program",
       {tree.at("bin/tool"), tree.at("node")},
       {tree.at("bin/tool")}},
      {"a link to a script: its packages and its interpreter",
       {tree.at("app/node_modules/.bin/server")},
       {tree.at("app/node_modules"), tree.at("node")}},
      {"a virtual environment", {tree.at("venv/bin/python")}, {tree.at("venv")}},
      {"a script that is not there", {"/bin/sh", tree.at("nothing.js")}, {}},
      {"a relative script",
       {"/bin/sh", "lonely/deep/script.py"},
       {tree.at("lonely/deep/script.py")}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    auto program = find_program(row.argv, tree.root(), tree.root().string() + ":/usr/bin:/bin");
    REQUIRE(program);
    CHECK(program->paths == row.paths);
  }
}

TEST_CASE(
    "programs: a command is named by its own path, and found as execvp would, in no relative "
    "entry") {
  const Tree tree;
  auto found = find_program({"tool"}, tree.root(), "bin::" + tree.at("bin"));
  REQUIRE(found);
  CHECK(found->argv == std::vector<std::string>{tree.at("bin/tool")});
  CHECK(found->search_path == tree.at("bin") + ":/usr/local/bin:/usr/bin:/bin");
  CHECK_FALSE(find_program({"tool"}, tree.root(), "bin:."));
  CHECK_FALSE(find_program({"no-such-program"}, tree.root(), "/usr/bin"));
  CHECK_FALSE(find_program({"/no/such/program"}, tree.root(), "/usr/bin"));
  auto environment = find_program({tree.at("venv/bin/python")}, tree.root(), "");
  REQUIRE(environment);
  CHECK(environment->argv.front() == tree.at("venv/bin/python"));
}

}  // namespace
}  // namespace toolgate

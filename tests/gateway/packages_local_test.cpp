// Folders, scripts and programs of this machine, frozen.

#include <doctest/doctest.h>

#include "gateway/packages/local_command.hpp"
#include "tests/gateway/packages_support.hpp"

namespace toolgate::test {
namespace {

// A project with a script, a library and a link, and a program beside it.
class Project {
 public:
  Project() {
    fs::create_directories(folder() / "lib");
    write_file(folder() / "package.json", "{}");
    write_file(folder() / "server.js", "main()");
    write_file(folder() / "lib/library.js", "library");
    fs::create_symlink("lib/library.js", folder() / "link.js");
    write_file(home.folder() / "alone.js", "#!/usr/bin/env node\nmain()\n");
    fs::permissions(home.folder() / "alone.js", fs::perms::owner_all);
    fs::copy_file("/bin/true", home.folder() / "program");
  }
  fs::path folder() const { return home.folder() / "project"; }
  std::string file(const std::string& name) const { return (home.folder() / name).string(); }
  ServerEntry entry(std::vector<std::string> argv) const { return npx_entry(std::move(argv)); }

  PackageHome home;
};

TEST_CASE("a script is frozen with the folder that it belongs to, alone, or as a program") {
  const Project project;
  struct Row {
    const char* name;
    std::vector<std::string> argv;
    ManifestOrigin origin;
    const char* entry;
    bool has_interpreter;
    std::size_t files;
  };
  const auto kind = [](ManifestOrigin::Kind of, const char* name) {
    return ManifestOrigin{of, name, "", ""};
  };
  const Row rows[] = {
      {"a folder",
       {"node", "--no-warnings", project.file("project/server.js"), "a"},
       kind(ManifestOrigin::Kind::directory, "project"),
       "server.js",
       true,
       3},
      {"a script alone",
       {"node", project.file("alone.js"), "a"},
       kind(ManifestOrigin::Kind::file, "alone.js"),
       "alone.js",
       true,
       1},
      {"a script that names its interpreter",
       {project.file("alone.js"), "a"},
       kind(ManifestOrigin::Kind::file, "alone.js"),
       "alone.js",
       true,
       1},
      {"a program",
       {project.file("program"), "a"},
       kind(ManifestOrigin::Kind::file, "program"),
       "program",
       false,
       1},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const ServerEntry entry = project.entry(row.argv);
    const auto frozen = project.home.freeze(entry);
    if (!frozen) FAIL(frozen.refusal().detail);
    CHECK(frozen->head.origin == row.origin);
    CHECK(frozen->head.entry == row.entry);
    CHECK(frozen->head.interpreter.has_value() == row.has_interpreter);
    CHECK(frozen->files == row.files);
    const auto program = verified_program(project.home.loaded(entry));
    if (!program) FAIL(program.refusal().detail);
    const auto argv = program->argv("/at");
    CHECK(argv.back() == "a");
    CHECK(argv[argv.size() - 2] == std::string("/at/") + row.entry);
    CHECK(argv.front() == (row.has_interpreter ? project.home.node() : argv[argv.size() - 2]));

    // Another argument is the same frozen thing, another script or option is not.
    ServerEntry other = entry;
    other.argv.back() = "b";
    CHECK(project.home.loaded(other).artefact);
    other.argv.insert(other.argv.begin() + 1, "--enable-source-maps");
    CHECK(project.home.loaded(other).artefact.has_value() == !row.argv[0].starts_with("node"));
  }
}

TEST_CASE("what the folder of the project becomes later changes nothing of what is frozen") {
  const Project project;
  const ServerEntry entry = project.entry({"node", project.file("project/server.js")});
  const auto frozen = project.home.freeze(entry);
  REQUIRE(frozen);
  const Digest before = project.home.loaded(entry).identity();
  write_file(project.folder() / "server.js", "evil()");
  CHECK(verified_program(project.home.loaded(entry)));
  CHECK(project.home.loaded(entry).identity() == before);
  CHECK(read_file(frozen->folder / "tree/server.js") == "main()");
  REQUIRE(project.home.freeze(entry));
  CHECK(project.home.loaded(entry).identity() != before);
}

TEST_CASE("a package in a node_modules is frozen with those beside it") {
  const Project project;
  const fs::path package = project.home.folder() / "app/node_modules/server";
  fs::create_directories(package);
  fs::create_directories(package / "../library");
  write_file(package / "index.js", "require('library')");
  write_file(package / "package.json", "{}");
  write_file(package / "../library/index.js", "library");
  const auto frozen = project.home.freeze(project.entry({"node", (package / "index.js").string()}));
  if (!frozen) FAIL(frozen.refusal().detail);
  CHECK(frozen->head.entry == "node_modules/server/index.js");
  CHECK(frozen->head.origin.name == "app/node_modules");
  CHECK(fs::exists(frozen->folder / "tree/node_modules/library/index.js"));
}

TEST_CASE("what of this machine cannot be frozen is refused, and nothing of it stays") {
  struct Row {
    const char* name;
    std::function<void(const Project&)> change;
    const char* why;
  };
  const Row rows[] = {
      {"a link out of the folder",
       [](const Project& on) { fs::create_symlink("/etc/passwd", on.folder() / "passwd"); },
       "passwd"},
      {"a link that climbs out",
       [](const Project& on) { fs::create_symlink("../alone.js", on.folder() / "up.js"); },
       "up.js"},
      {"a folder that is a link out of it",
       [](const Project& on) { fs::create_symlink("/usr/lib", on.folder() / "more"); }, "more"},
      {"a pipe",
       [](const Project& on) { REQUIRE(::mkfifo((on.folder() / "pipe").c_str(), 0600) == 0); },
       "a pipe"},
      {"a setuid program",
       [](const Project& on) { fs::permissions(on.folder() / "server.js", fs::perms(04755)); },
       "another user's rights"},
      {"no script", [](const Project& on) { fs::remove(on.folder() / "server.js"); },
       "there is no such file"},
      {"an interpreter that is a script",
       [](const Project& on) { write_file(on.home.node(), "#!/bin/sh\nexec node\n"); },
       "a script that chooses one"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Project project;
    const ServerEntry entry = project.entry({"node", project.file("project/server.js")});
    row.change(project);
    const auto frozen = project.home.freeze(entry);
    REQUIRE_FALSE(frozen);
    CAPTURE(frozen.refusal().detail);
    CHECK(frozen.refusal().detail.find(row.why) != std::string::npos);
    CHECK(project.home.folders() == 0);
  }
}

TEST_CASE("an interpreter that was swapped or updated is not the one that was frozen") {
  struct Row {
    const char* name;
    std::function<void(const fs::path&)> change;
  };
  const Row rows[] = {
      {"another program",
       [](const fs::path& node) {
         fs::copy_file("/bin/false", node, fs::copy_options::overwrite_existing);
       }},
      {"one byte more", [](const fs::path& node) { std::ofstream(node, std::ios::app) << 'x'; }},
      {"a link to another",
       [](const fs::path& node) {
         fs::remove(node);
         fs::create_symlink("/bin/true", node);
       }},
      {"gone", [](const fs::path& node) { fs::remove(node); }},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Project project;
    const ServerEntry entry = project.entry({"node", project.file("project/server.js")});
    REQUIRE(project.home.freeze(entry));
    row.change(project.home.node());
    const auto refused = verified_program(project.home.loaded(entry));
    REQUIRE_FALSE(refused);
    CHECK(refused.refusal().reason == Reason::bad_signature);
    CHECK(refused.refusal().detail.find("its interpreter ") != std::string::npos);
    CHECK(refused.refusal().detail.find("run `toolgate freeze demo` again") != std::string::npos);
  }
}

TEST_CASE("a frozen Python loads no packages of the user's, whatever its options say") {
  struct Row {
    const char* interpreter;
    std::vector<std::string> options;
    std::vector<std::string> argv;
  };
  const Row rows[] = {
      {"/usr/bin/python3.11", {}, {"/usr/bin/python3.11", "-s", "/at/server"}},
      {"/usr/bin/python3.11",
       {"-E", "-u"},
       {"/usr/bin/python3.11", "-s", "-E", "-u", "/at/server"}},
      {"/usr/bin/python3.11", {"-s"}, {"/usr/bin/python3.11", "-s", "/at/server"}},
      {"/usr/bin/node", {}, {"/usr/bin/node", "/at/server"}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.interpreter);
    FrozenProgram program;
    program.head.interpreter.emplace().path = row.interpreter;
    program.head.options = row.options;
    program.head.entry = "server";
    CHECK(program.argv("/at") == row.argv);
  }
}

TEST_CASE("a command that names more than a script is refused, and told what to do instead") {
  struct Row {
    std::vector<std::string> argv;
    const char* why;  // nullptr: it can be frozen
  };
  const Row rows[] = {
      {{"node", "server.js"}, nullptr},
      {{"/opt/node/bin/node", "--no-warnings", "server.js", "-e"}, nullptr},
      {{"python3", "-u", "server.py"}, nullptr},
      {{"/usr/bin/python3.11", "server.py"}, nullptr},
      {{"./server"}, nullptr},
      {{"node", "-e", "1"}, "may load or run other code"},
      {{"node", "--eval=1"}, "may load or run other code"},
      {{"node", "-p", "1"}, "may load or run other code"},
      {{"node", "--require", "./x.js", "server.js"}, "may load or run other code"},
      {{"node", "--import=./x.js", "server.js"}, "may load or run other code"},
      {{"node", "--loader", "./x.mjs", "server.js"}, "may load or run other code"},
      {{"node", "--env-file=.env", "server.js"}, "may load or run other code"},
      {{"node", "-"}, "may load or run other code"},
      {{"node"}, "names no script"},
      {{"python3", "-c", "1"}, "may load or run other code"},
      {{"python3", "-m", "server"}, "may load or run other code"},
      {{"uvx", "server"}, "name the script"},
      {{"uv", "run", "server"}, "name the script"},
      {{"pipx", "run", "server"}, "name the script"},
      {{"pip", "run"}, "name the script"},
      {{"docker", "run", "image"}, "IMAGE@sha256"},
      {{"/usr/bin/podman", "run", "image"}, "IMAGE@sha256"},
      {{"bunx", "server"}, "npx -y PACKAGE@VERSION"},
      {{"sh", "-c", "server"}, "name the program itself"},
      {{"/bin/bash", "server.sh"}, "name the program itself"},
      {{"env", "A=b", "server"}, "name the program itself"},
      {{"deno", "run", "server.ts"}, "only node and python3"},
      {{"node22", "server.js"}, nullptr},
      {{"node22", "-e", "1"}, "may load or run other code"},
      {{"nice", "node", "server.js"}, "only starts another program"},
      {{"/usr/bin/timeout", "0", "node", "server.js"}, "only starts another program"},
      {{"nohup", "node", "server.js"}, "only starts another program"},
      {{"setsid", "node", "server.js"}, "only starts another program"},
      {{"stdbuf", "-oL", "node", "server.js"}, "only starts another program"},
      {{"xargs", "node", "server.js"}, "only starts another program"},
      {{"op", "run", "--", "node", "server.js"}, "only starts another program"},
      {{"/lib64/ld-linux-x86-64.so.2", "./server"}, "only starts another program"},
      {{"pypy3", "server.py"}, "only node and python3"},
      {{"python3.13t", "server.py"}, "only node and python3"},
      {{"lua", "server.lua"}, "only node and python3"},
      {{"lua5.4", "server.lua"}, "only node and python3"},
      {{"/usr/bin/perl5.36.0", "server.pl"}, "only node and python3"},
      {{"Rscript", "server.R"}, "only node and python3"},
      {{"tclsh8.6", "server.tcl"}, "only node and python3"},
      {{"awk", "-f", "server.awk"}, "only node and python3"},
      {{"ash", "server.sh"}, "name the program itself"},
      {{"csh", "server.sh"}, "name the program itself"},
      {{"bash-5.2", "server.sh"}, "name the program itself"},
      {{"ksh93", "server.sh"}, "name the program itself"},
      {{"pip3.12", "run"}, "name the script"},
      {{"./nice-server", "node"}, nullptr},
  };
  for (const Row& row : rows) {
    CAPTURE(row.argv[0]);
    CAPTURE(row.argv.back());
    const auto command = parse_local_command(row.argv);
    CHECK(static_cast<bool>(command) == (row.why == nullptr));
    if (command || row.why == nullptr) continue;
    CHECK(command.refusal().detail.find(row.why) != std::string::npos);
  }
}

TEST_CASE("a program of the system that is given a file or an interpreter is not frozen alone") {
  const Project project;
  const std::string script = project.file("project/server.js");
  fs::create_symlink("/bin/true", project.home.folder() / "link");
  fs::create_symlink(project.home.node(), project.home.folder() / "runner");
  struct Row {
    const char* name;
    std::vector<std::string> argv;
    bool is_frozen;
  };
  const Row rows[] = {
      {"no argument", {"/bin/true"}, true},
      {"a folder and a word", {"/bin/true", project.folder().string(), "--stdio"}, true},
      {"a file", {"/bin/true", script}, false},
      {"a file, looked up in the PATH", {"true", script}, false},
      {"a file in an option", {"/bin/true", "--script=" + script}, false},
      {"a file in a short option", {"/bin/true", "-f" + script}, false},
      {"an interpreter", {"/bin/true", "node", "-e", "1"}, false},
      {"an interpreter by its path", {"/bin/true", "/usr/bin/python3.11"}, false},
      {"a tool that fetches", {"/bin/true", "npx", "server"}, false},
      {"a link to a program of the system", {project.file("link"), script}, false},
      {"a link to an interpreter of the user's", {project.file("runner"), script}, false},
      {"a program of the user's", {project.file("program"), script}, true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto frozen = project.home.freeze(project.entry(row.argv));
    CHECK(static_cast<bool>(frozen) == row.is_frozen);
    if (frozen || row.is_frozen) continue;
    CAPTURE(frozen.refusal().detail);
    CHECK(frozen.refusal().reason == Reason::unsupported);
    CHECK(frozen.refusal().detail.find("as the command") != std::string::npos);
  }
}

}  // namespace
}  // namespace toolgate::test

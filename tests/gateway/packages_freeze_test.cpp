#include <doctest/doctest.h>

#include <algorithm>
#include <thread>

#include "gateway/packages/npm.hpp"
#include "tests/gateway/packages_support.hpp"

namespace toolgate::test {
namespace {

TEST_CASE("a frozen package runs from its read-only copy, by node, without npx") {
  const PackageHome home;
  const auto frozen = home.freeze(npx_entry());
  if (!frozen) FAIL(frozen.refusal().detail);
  CHECK(frozen->head.origin ==
        ManifestOrigin{ManifestOrigin::Kind::npm, "server", "1.2.3", integrity_of_server});
  CHECK(frozen->head.entry == "node_modules/server/index.js");
  REQUIRE(frozen->head.interpreter);
  CHECK(frozen->head.interpreter->path == home.node());
  CHECK(frozen->files == 4);  // the two of the package, package.json and package-lock.json
  CHECK(frozen->packages == 1);
  CHECK(frozen->folder.filename().string() == frozen->digest.text().substr(7));
  CHECK(home.folders() == 1);

  const ServerEntry entry = home.loaded(npx_entry());
  REQUIRE(entry.artefact);
  CHECK(entry.artefact->digest == frozen->digest);
  const auto program = verified_program(entry);
  if (!program) FAIL(program.refusal().detail);
  CHECK(program->argv("/srv/pkg") ==
        std::vector<std::string>{home.node(), "/srv/pkg/node_modules/server/index.js", "a b"});
  CHECK(program->tree() == frozen->folder / "tree");
  CHECK(program->digest == frozen->digest);
  for (const auto& one : fs::recursive_directory_iterator(frozen->folder)) {
    if (one.is_symlink()) continue;
    CHECK((one.status().permissions() & (fs::perms::owner_write | fs::perms::group_write |
                                         fs::perms::others_write)) == fs::perms::none);
  }
}

TEST_CASE("what is not frozen keeps its identity") {
  const PackageHome home;
  const ServerEntry entry = home.loaded(npx_entry());
  CHECK_FALSE(entry.artefact);
  CHECK(entry.identity() == npx_entry().identity());
}

TEST_CASE("a freeze makes another identity, the same freeze again the same one") {
  const PackageHome home;
  REQUIRE(home.freeze(npx_entry()));
  const Digest first = home.loaded(npx_entry()).identity();
  CHECK(first != npx_entry().identity());
  REQUIRE(home.freeze(npx_entry()));
  CHECK(home.loaded(npx_entry()).identity() == first);
  CHECK(home.folders() == 1);

  home.npm(std::string(install_server) + "printf more > node_modules/server/more.js\n");
  REQUIRE(home.freeze(npx_entry()));
  CHECK(home.loaded(npx_entry()).identity() != first);
  CHECK(home.folders() == 2);
}

TEST_CASE("another version, program or name needs a freeze of its own, another argument does not") {
  const PackageHome home;
  REQUIRE(home.freeze(npx_entry()));
  struct Row {
    const char* name;
    std::vector<std::string> argv;
    bool frozen;
  };
  const Row rows[] = {
      {"the same", {"npx", "-y", "server@1.2.3", "a b"}, true},
      {"another argument", {"npx", "-y", "server@1.2.3", "c"}, true},
      {"another way to say it", {"npm", "exec", "--", "server@1.2.3"}, true},
      {"another version", {"npx", "-y", "server@1.2.4"}, false},
      {"a tag", {"npx", "-y", "server"}, false},
      {"another package", {"npx", "-y", "servers@1.2.3"}, false},
      {"a named program", {"npx", "-y", "-p", "server@1.2.3", "server"}, false},
      {"no npx", {"node", "server.js"}, false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(home.loaded(npx_entry(row.argv)).artefact.has_value() == row.frozen);
  }
  ServerEntry other = npx_entry();
  other.name = ServerName("other");
  CHECK_FALSE(home.loaded(other).artefact);
}

TEST_CASE("npm runs no script, asks only registries, and gets nothing that it need not have") {
  PackageHome home(std::string(install_server) +
                   "printf '%s\\n' \"$@\" > node_modules/server/words\n"
                   "env > node_modules/server/environment\n"
                   "(echo x > \"$here/written\") 2> /dev/null && exit 1\n"
                   "cat ../npmrc > node_modules/server/npmrc\n");
  fs::create_directories(home.folder() / "user");
  write_file(home.folder() / "user/.npmrc",
             "registry=http://registry.example/\n//registry.example/:_authToken=abc\n"
             "@own:registry = https://own.example/\n@bad:registry=https://me:pw@own.example/\n"
             "ignore-scripts=false\nproxy=${PROXY}\n");
  home.variables = {{"HOME", (home.folder() / "user").string()},
                    {"npm_config_registry", "http://registry.example"},
                    {"NODE_OPTIONS", "--import=/evil.js"},
                    {"TOKEN", "secret"},
                    {"HTTPS_PROXY", "http://proxy.example"}};
  ServerEntry entry = npx_entry();
  entry.env = {{"npm_config_registry", "http://registry.example"}, {"TOKEN", "secret"}};
  const auto frozen = home.freeze(entry);
  if (!frozen) FAIL(frozen.refusal().detail);
  const fs::path told = frozen->folder / "tree/node_modules/server";
  const std::string words = read_file(told / "words");
  for (const char* word :
       {"install\n", "--ignore-scripts\n", "--package-lock\n", "--allow-git=none\n",
        "--omit-lockfile-registry-resolved\n", "--no-global\n", "--\nserver@1.2.3\n"}) {
    CAPTURE(word);
    CHECK(words.find(word) != std::string::npos);
  }
  CHECK(read_file(told / "npmrc") ==
        "registry=http://registry.example/\n@own:registry=https://own.example/\n");
  CHECK_FALSE(fs::exists(home.programs() / "written"));
  CHECK_FALSE(fs::exists(frozen->folder / "npmrc"));
  CHECK_FALSE(fs::exists(frozen->folder / "cache"));
  const std::string environment = read_file(told / "environment");
  CHECK(environment.find("HOME=/tmp/home") != std::string::npos);
  CHECK(environment.find("HTTPS_PROXY=") != std::string::npos);
  CHECK(environment.find("npm_config_git=/bin/false") != std::string::npos);
  CHECK(environment.find("npm_config_ignore_scripts=true") != std::string::npos);
  for (const char* name : {"npm_config_registry", "NODE_OPTIONS", "TOKEN", "_authToken"}) {
    CAPTURE(name);
    CHECK(environment.find(name) == std::string::npos);
  }
}

TEST_CASE("npm and node may be links to elsewhere, in the user's home too") {
  PackageHome home;
  const fs::path user = home.folder() / "user";
  const fs::path links = user / "bin";
  fs::create_directories(user / "programs/bin");
  fs::create_directories(links);
  write_file(user / "secret", "secret");
  for (const char* name : {"npm", "node"}) {
    fs::rename(home.programs() / name, user / "programs/bin" / name);
    fs::create_symlink(fs::path("../programs/bin") / name, links / name);
  }
  write_file(user / "programs/bin/npm", "#!/bin/sh\nset -e\ntest -x " + (links / "node").string() +
                                            "\ncat " + (user / "secret").string() +
                                            " 2> /dev/null && exit 1\n" + install_server);
  home.variables = {{"HOME", user.string()}};
  const Environment environment = [&](const std::string& name) {
    return name == "PATH" ? std::optional(links.string() + ":/usr/bin:/bin")
                          : home.environment()(name);
  };
  const auto frozen =
      freeze_server(npx_entry(), home.folder(), environment, [](std::string_view) {});
  if (!frozen) FAIL(frozen.refusal().detail);
  CHECK(frozen->head.interpreter->path == fs::canonical(user / "programs/bin/node").string());
}

TEST_CASE("npm sees no secret of a proxy's address or of the system's configuration") {
  for (const char* name : {"HTTPS_PROXY", "http_proxy", "ALL_PROXY"}) {
    CAPTURE(name);
    PackageHome home;
    home.variables = {{name, "http://me:password@proxy.example:8080"}};
    const auto frozen = home.freeze(npx_entry());
    REQUIRE_FALSE(frozen);
    CHECK(frozen.refusal().detail.starts_with(std::string(name) + " holds a name or a password"));
    CHECK(frozen.refusal().detail.find("password@") == std::string::npos);
  }
  PackageHome home(std::string(install_server) +
                   "cat ../npmrc-of-system > node_modules/server/system\n"
                   "cat \"$here/../etc/npmrc\" > node_modules/server/beside\n"
                   "env > node_modules/server/environment\n");
  // As an installation of node lies in a folder of its own.
  const fs::path place = home.folder() / "place";
  fs::create_directories(place / "etc");
  fs::rename(home.programs(), place / "bin");
  write_file(place / "etc/npmrc",
             "registry=http://registry.example/\n//registry.example/:_authToken=abc\n"
             "proxy=me:password@proxy.example:80\n");
  const Environment environment = [&](const std::string& name) {
    return name == "PATH" ? std::optional((place / "bin").string() + ":/usr/bin:/bin")
                          : home.environment()(name);
  };
  const auto frozen =
      freeze_server(npx_entry(), home.folder(), environment, [](std::string_view) {});
  if (!frozen) FAIL(frozen.refusal().detail);
  const fs::path told = frozen->folder / "tree/node_modules/server";
  const std::string settings = read_file(told / "system");
  CHECK(settings.ends_with("registry=http://registry.example/\n"));
  CHECK(settings.find("abc") == std::string::npos);
  CHECK(settings.find("password") == std::string::npos);
  CHECK(read_file(told / "beside") == settings);
  CHECK(read_file(told / "environment").find("npm_config_globalconfig=") != std::string::npos);
}

TEST_CASE("what npm leaves that cannot be frozen is refused, and nothing of it stays") {
  struct Row {
    const char* name;
    std::string also;
    const char* why;
  };
  const Row rows[] = {
      {"npm fails", "echo 'npm error code E404' >&2; exit 1", "check the package's name"},
      {"npm cannot reach its registry", "echo 'npm error code ENOTFOUND' >&2; exit 1",
       "check the network"},
      {"the disk is full", "echo 'npm error code ENOSPC' >&2; exit 228", "the disk is full"},
      {"a tarball that is not what the digest names",
       "printf other > \"$kept/$(echo \"$sum\" | cut -c5-)\"",
       "is not what the registry's digest names"},
      {"no tarball to compare", "rm -r ../cache", "npm kept no tarball of node_modules/server"},
      {"npm is killed", "kill -9 $$", "check the network"},
      {"no package-lock.json", "rm package-lock.json", "package-lock.json"},
      {"a pipe", "mkfifo node_modules/server/pipe", "node_modules/server/pipe is a device"},
      {"setuid", "chmod 4755 node_modules/server/lib/library.js", "another user's rights"},
      {"setgid", "chmod 2755 node_modules/server/lib", "another user's rights"},
      {"a link out of the tree", "ln -s /etc/passwd node_modules/server/passwd",
       "node_modules/server/passwd"},
      {"a link that climbs out", "ln -s ../../../x node_modules/server/up",
       "node_modules/server/up"},
      {"a link to nothing", "ln -s gone node_modules/server/gone", "node_modules/server/gone"},
      {"no program", "rm node_modules/.bin/server node_modules/server/index.js",
       "its file is missing"},
      {"a program that is a link",
       "cd node_modules/server; mv index.js real.js; ln -s real.js index.js; rm ../.bin/server",
       "its file is missing, or is a link"},
      {"a program that is no script", "printf 'main()' > node_modules/server/index.js",
       "#!/usr/bin/env node"},
      {"a program for the machine that cannot be executed",
       "printf '\\177ELF\\n' > node_modules/server/index.js; chmod 644 "
       "node_modules/server/index.js",
       "chmod +x"},
      {"a file with a second name", "ln node_modules/server/index.js node_modules/server/twin.js",
       "a second name (a hard link)"},
      {"a script for a shell", "printf '#!/bin/sh\\n' > node_modules/server/index.js",
       "another program than node"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const PackageHome home(std::string(install_server) + row.also + "\n");
    const auto frozen = home.freeze(npx_entry());
    REQUIRE_FALSE(frozen);
    CAPTURE(frozen.refusal().detail);
    CHECK(frozen.refusal().detail.find(row.why) != std::string::npos);
    CHECK(home.folders() == 0);
    CHECK_FALSE(home.loaded(npx_entry()).artefact);
  }
}

TEST_CASE("an npm that is missing is said to be") {
  const PackageHome home;
  fs::remove(home.programs() / "npm");
  const Environment nothing = [](const std::string&) { return std::nullopt; };
  const auto frozen = freeze_server(npx_entry(), home.folder(), nothing, [](std::string_view) {});
  REQUIRE_FALSE(frozen);
  CHECK(frozen.refusal().detail.find("no npm in PATH") != std::string::npos);
}

TEST_CASE("npm's last lines are told, without the place of its log") {
  const PackageHome home(
      "for i in 1 2 3 4 5 6 7 8 9; do echo \"line $i\" >&2; done\n"
      "echo 'A complete log of this run can be found in: /x' >&2; exit 1\n");
  const auto frozen = home.freeze(npx_entry());
  REQUIRE_FALSE(frozen);
  const std::string& why = frozen.refusal().detail;
  CHECK(why.find("line 9") != std::string::npos);
  CHECK(why.find("line 1\n") == std::string::npos);
  CHECK(why.find("complete log") == std::string::npos);
}

TEST_CASE(
    "what a freeze that was killed left behind is swept by the next, a running one's is not") {
  const PackageHome home;
  const fs::path left = packages_folder(home.folder()) / ".staging-left";
  fs::create_directories(left / "tree/node_modules");
  fs::permissions(packages_folder(home.folder()), fs::perms::owner_all);
  fs::permissions(left / "tree/node_modules", fs::perms::owner_read);
  const auto frozen = home.freeze(npx_entry());
  if (!frozen) FAIL(frozen.refusal().detail);
  CHECK(home.folders() == 1);
}

TEST_CASE("two freezes at once leave one package, whole") {
  const PackageHome home;
  Result<Frozen> results[2];
  {
    std::vector<std::jthread> both;
    for (auto& result : results) both.emplace_back([&] { result = home.freeze(npx_entry()); });
  }
  REQUIRE(results[0]);
  REQUIRE(results[1]);
  CHECK(results[0]->digest == results[1]->digest);
  CHECK(home.folders() == 1);
  CHECK(verified_program(home.loaded(npx_entry())));
}

TEST_CASE("a folder for packages that others can write to is refused") {
  const PackageHome home;
  fs::create_directories(packages_folder(home.folder()));
  fs::permissions(packages_folder(home.folder()), fs::perms::all);
  const auto frozen = home.freeze(npx_entry());
  REQUIRE_FALSE(frozen);
  CHECK(frozen.refusal().detail.find("this user alone") != std::string::npos);
}

TEST_CASE("the first line of a script says what runs it") {
  struct Row {
    const char* line;
    const char* words;  // nullptr: refused
  };
  const Row rows[] = {
      {"#!/usr/bin/env node", "node"},
      {"#!/usr/bin/env node\r", "node"},
      {"#! /usr/bin/env node", "node"},
      {"#!/usr/bin/node", "/usr/bin/node"},
      {"#!/usr/bin/env -S node --no-warnings", "node --no-warnings"},
      {"#!/usr/bin/env -S node --max-old-space-size=4096", "node --max-old-space-size=4096"},
      {"#!/usr/bin/env -S node --import=./x.js", nullptr},
      {"#!/usr/bin/env -S node -r ./x.js", nullptr},
      {"#!/usr/bin/env -S NODE_OPTIONS=--import=x node", nullptr},
      {"#!/usr/bin/env -S node script.js", nullptr},
      {"#!/usr/bin/env python3", "python3"},
      {"#!/usr/bin/python3.11 -I", "/usr/bin/python3.11 -I"},
      {"#!/usr/bin/python3 -m", nullptr},
      {"#!/usr/bin/pythonx", nullptr},
      {"#!/usr/bin/env bun", nullptr},
      {"#!/usr/bin/env nodejs-like", nullptr},
      {"#!/bin/sh", nullptr},
      {"#!", nullptr},
      {"", nullptr},
      {"import x from 'y'", nullptr},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    const auto interpreter = interpreter_of(row.line);
    CHECK(static_cast<bool>(interpreter) == (row.words != nullptr));
    if (!interpreter || !row.words) continue;
    std::string words;
    for (const std::string& word : *interpreter) words += (words.empty() ? "" : " ") + word;
    CHECK(words == row.words);
  }
}

}  // namespace
}  // namespace toolgate::test

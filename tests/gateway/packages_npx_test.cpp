#include <doctest/doctest.h>

#include "gateway/packages/npx_command.hpp"

namespace toolgate {
namespace {

using Words = std::vector<std::string>;

TEST_CASE("what a command asks of npm") {
  struct Row {
    const char* name;
    Words argv;
    const char* spec;
    const char* program;
    Words arguments;
  };
  const Row rows[] = {
      {"a name", {"npx", "server"}, "server", "", {}},
      {"yes", {"npx", "-y", "server"}, "server", "", {}},
      {"yes, in full", {"npx", "--yes", "server"}, "server", "", {}},
      {"by its path", {"/usr/bin/npx", "-y", "server"}, "server", "", {}},
      {"a version", {"npx", "-y", "server@1.2.3"}, "server@1.2.3", "", {}},
      {"a scope", {"npx", "-y", "@a/server"}, "@a/server", "", {}},
      {"a scope and a version",
       {"npx", "-y", "@a/server@1.2.3-rc.1+b"},
       "@a/server@1.2.3-rc.1+b",
       "",
       {}},
      {"a range", {"npx", "-y", "server@^1.2"}, "server@^1.2", "", {}},
      {"a range of two ends",
       {"npx", "-y", "server@>=1 <2 || 3.x"},
       "server@>=1 <2 || 3.x",
       "",
       {}},
      {"a tilde", {"npx", "-y", "server@~1.2"}, "server@~1.2", "", {}},
      {"a tag", {"npx", "-y", "server@latest"}, "server@latest", "", {}},
      {"arguments", {"npx", "-y", "server", "a", "b c"}, "server", "", {"a", "b c"}},
      {"options of the program",
       {"npx", "-y", "server", "--port", "1", "-y"},
       "server",
       "",
       {"--port", "1", "-y"}},
      {"dashes of the program", {"npx", "-y", "server", "--", "-x"}, "server", "", {"--", "-x"}},
      {"dashes before the package", {"npx", "-y", "--", "server", "-x"}, "server", "", {"-x"}},
      {"an empty argument", {"npx", "server", ""}, "server", "", {""}},
      {"a package and its program",
       {"npx", "-y", "-p", "@a/b@1", "tool", "-x"},
       "@a/b@1",
       "tool",
       {"-x"}},
      {"the package in full", {"npx", "--package", "b@1", "tool"}, "b@1", "tool", {}},
      {"the package in one word", {"npx", "--package=b@1", "-y", "tool"}, "b@1", "tool", {}},
      {"the program after dashes",
       {"npx", "-p", "b", "--", "tool", "--", "x"},
       "b",
       "tool",
       {"--", "x"}},
      {"quietly", {"npx", "-y", "-q", "--silent", "server"}, "server", "", {}},
      {"from npm's cache", {"npx", "--prefer-offline", "server"}, "server", "", {}},
      {"without an installation", {"npx", "--no-install", "server"}, "server", "", {}},
      {"npm exec", {"npm", "exec", "-y", "--", "server@1", "-x"}, "server@1", "", {"-x"}},
      {"npm x", {"npm", "x", "server"}, "server", "", {}},
      {"npm exec, plain arguments", {"npm", "exec", "server", "a", "b"}, "server", "", {"a", "b"}},
      {"npm takes its dashes away",
       {"npm", "exec", "server", "a", "--", "--b", "--"},
       "server",
       "",
       {"a", "--b", "--"}},
      {"npm exec with a program",
       {"npm", "exec", "--package=b", "--", "tool", "-x"},
       "b",
       "tool",
       {"-x"}},
      {"capitals of old packages", {"npx", "JSONStream"}, "JSONStream", "", {}},
      {"dots and underscores inside", {"npx", "a.b_c-d~e"}, "a.b_c-d~e", "", {}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(is_npx(row.argv));
    const auto command = parse_npx(row.argv);
    if (!command) FAIL(command.refusal().detail);
    CHECK(command->spec() == row.spec);
    CHECK(command->program == row.program);
    CHECK(command->arguments == row.arguments);
  }
}

TEST_CASE("what cannot be frozen, and why") {
  struct Row {
    const char* name;
    Words argv;
    const char* why;
  };
  const Row rows[] = {
      {"node", {"node", "server.js"}, "only packages that `npx`"},
      {"python", {"python3", "server.py"}, "only packages that `npx`"},
      {"a program", {"/opt/server"}, "only packages that `npx`"},
      {"another runner", {"bunx", "server"}, "only packages that `npx`"},
      {"npm run", {"npm", "run", "server"}, "only packages that `npx`"},
      {"npm alone", {"npm"}, "only packages that `npx`"},
      {"a shell around it", {"sh", "-c", "npx server"}, "only packages that `npx`"},
      {"npx alone", {"npx"}, "names no package"},
      {"no package after the option", {"npx", "-y"}, "names no package"},
      {"no package after dashes", {"npx", "-y", "--"}, "names no package"},
      {"git over https", {"npx", "git+https://example.com/a.git"}, "comes from git"},
      {"git over ssh", {"npx", "git+ssh://git@example.com/a.git"}, "comes from git"},
      {"git without a scheme", {"npx", "git@example.com:a/b.git"}, "comes from git"},
      {"GitHub, in short", {"npx", "-y", "owner/repository"}, "comes from git"},
      {"GitHub, named", {"npx", "github:owner/repository"}, "comes from git"},
      {"a name from git", {"npx", "a@git+https://example.com/a.git"}, "it is an address"},
      {"a name from GitHub", {"npx", "@s/a@github:owner/a"}, "it is an address"},
      {"a name from a path of GitHub", {"npx", "@s/a@owner/a"}, "no version, range or tag"},
      {"a tarball's address", {"npx", "https://example.com/a.tgz"}, "tarball's address"},
      {"a name from an address", {"npx", "a@https://example.com/a"}, "it is an address"},
      {"a file", {"npx", "file:../a"}, "a file or a folder"},
      {"a name from a file", {"npx", "@s/a@file:../a"}, "it is an address"},
      {"a folder", {"npx", "./a"}, "a file or a folder"},
      {"an absolute path", {"npx", "/srv/a"}, "a file or a folder"},
      {"a home", {"npx", "~/a"}, "a file or a folder"},
      {"a tarball", {"npx", "a.tgz"}, "it is a file"},
      {"a tarball in capitals", {"npx", "a.TAR.GZ"}, "it is a file"},
      {"a version that is a folder", {"npx", "@s/a@../a"}, "no version"},
      {"a version that is a dot", {"npx", "a@."}, "no version"},
      {"an alias", {"npx", "a@npm:b@1"}, "an alias"},
      {"an empty version", {"npx", "a@"}, "no version"},
      {"two versions", {"npx", "a@1@2"}, "no version"},
      {"a version with a line end", {"npx", "a@1\n2"}, "no version"},
      {"a scope without a name", {"npx", "@a"}, "no package of a registry"},
      {"a scope and nothing", {"npx", "@a/"}, "no package of a registry"},
      {"a name that begins with a dash", {"npx", "--", "-a"}, "no package of a registry"},
      {"a name that is empty", {"npx", ""}, "no package of a registry"},
      {"a name with a space", {"npx", "a b"}, "no package of a registry"},
      {"a name that is too long", {"npx", std::string(215, 'a')}, "no package of a registry"},
      {"a scope that climbs", {"npx", "@../a"}, "no package of a registry"},
      {"a line for a shell", {"npx", "-c", "server"}, "a line for a shell"},
      {"a line for a shell, in full", {"npx", "--call=server"}, "a line for a shell"},
      {"two packages", {"npx", "-p", "a", "-p", "b", "tool"}, "more than one package"},
      {"a package without a name", {"npx", "-p"}, "no package follows"},
      {"a program that is a path", {"npx", "-p", "a", "../tool"}, "no program of a package"},
      {"another registry", {"npx", "--registry=http://example.com", "a"}, "option of npm's"},
      {"another configuration", {"npx", "--userconfig", "x", "a"}, "option of npm's"},
      {"options for node", {"npx", "--node-options=--import=x", "a"}, "option of npm's"},
      {"a workspace", {"npx", "-w", "b", "a"}, "option of npm's"},
      {"options in one word", {"npx", "-yq", "a"}, "option of npm's"},
      {"npm would take the option", {"npm", "exec", "a", "--registry=x"}, "write \"--\" before"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto command = parse_npx(row.argv);
    REQUIRE_FALSE(command);
    CHECK(command.refusal().reason == Reason::unsupported);
    CAPTURE(command.refusal().detail);
    CHECK(command.refusal().detail.find(row.why) != std::string::npos);
  }
}

}  // namespace
}  // namespace toolgate

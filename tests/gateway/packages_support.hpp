#pragma once
// A home, and an npm that is a script of the test: what freezing does of its own, without a
// network.

#include <sys/stat.h>

#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <utility>

#include "gateway/packages/freeze.hpp"
#include "gateway/packages/frozen.hpp"
#include "gateway/packages/tree.hpp"
#include "tests/gateway/store_home.hpp"

namespace toolgate::test {

namespace fs = std::filesystem;

inline void write_file(const fs::path& file, const std::string& text) {
  std::ofstream(file, std::ios::binary) << text;
}

inline std::string read_file(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

// The SHA-512 of "tarball".
inline const std::string integrity_of_server =
    "sha512-WBQM9fuLkpBn60cFcU9GUnOBEyhwVxbOpyle0gD/abK/"
    "W01QtcFtEsDGj3RZYWrpP2UxasHjQ2plCE6FrzLYdg==";

// A package `server` 1.2.3 with a program, a second file and a link, as npm would leave it, and its
// tarball in npm's cache.
inline constexpr const char* install_server = R"sh(
mkdir -p node_modules/server/lib node_modules/.bin
sum=$(printf tarball | sha512sum | cut -c1-128)
kept=../cache/_cacache/content-v2/sha512/$(echo "$sum" | cut -c1-2)/$(echo "$sum" | cut -c3-4)
mkdir -p "$kept"
printf tarball > "$kept/$(echo "$sum" | cut -c5-)"
printf '#!/usr/bin/env node\nmain()\n' > node_modules/server/index.js
chmod 755 node_modules/server/index.js
printf 'library' > node_modules/server/lib/library.js
ln -s ../server/index.js node_modules/.bin/server
printf '%s' '{"lockfileVersion":3,"packages":{"":{},"node_modules/server":{"version":"1.2.3",
"integrity":"sha512-WBQM9fuLkpBn60cFcU9GUnOBEyhwVxbOpyle0gD/abK/W01QtcFtEsDGj3RZYWrpP2UxasHjQ2plCE6FrzLYdg==","bin":{"server":"index.js"}}}}' > package-lock.json
)sh";

class PackageHome {
 public:
  explicit PackageHome(const std::string& installs = install_server) { npm(installs); }
  ~PackageHome() { remove_tree(home.path()); }

  // From now on npm does this, with a shell, in the folder that it installs into.
  void npm(const std::string& installs) const {
    fs::create_directories(programs());
    fs::copy_file("/bin/true", programs() / "node", fs::copy_options::overwrite_existing);
    write_file(programs() / "installs", installs);
    write_file(programs() / "npm", "#!/bin/sh\nhere=${0%/*}\nset -e\n. \"$here/installs\"\n");
    fs::permissions(programs() / "npm", fs::perms::owner_all);
  }
  // What runs the package: a program of the machine, which reads nothing.
  std::string node() const { return (programs() / "node").string(); }
  fs::path programs() const { return home.path() / "programs"; }
  fs::path folder() const { return home.path(); }

  Result<Frozen> freeze(const ServerEntry& entry) const {
    return freeze_server(entry, folder(), environment(), [](std::string_view) {});
  }
  Environment environment() const {
    return [this](const std::string& name) -> std::optional<std::string> {
      if (name == "PATH") return programs().string() + ":/usr/bin:/bin";
      const auto found = variables.find(name);
      return found == variables.end() ? std::nullopt : std::optional(found->second);
    };
  }
  // The entry as a gateway would load it now.
  ServerEntry loaded(ServerEntry entry) const {
    Configuration configuration;
    configuration.servers.push_back(std::move(entry));
    attach_artefacts(configuration, folder());
    return configuration.servers.front();
  }
  // The names beneath packages/, but for what is always there.
  std::size_t folders() const {
    std::size_t count = 0;
    for (const auto& one : fs::directory_iterator(packages_folder(folder()))) {
      count += one.path().filename() == ".lock" || one.path().filename() == "commands" ? 0 : 1;
    }
    return count;
  }

  TemporaryHome home;
  std::map<std::string, std::string> variables;
};

inline ServerEntry npx_entry(std::vector<std::string> argv = {"npx", "-y", "server@1.2.3", "a b"}) {
  ServerEntry entry;
  entry.name = ServerName("demo");
  entry.argv = std::move(argv);
  entry.isolation = Isolation::none;
  entry.isolation_written_out = true;
  return entry;
}

}  // namespace toolgate::test

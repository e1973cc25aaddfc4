#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include "tests/gateway/packages_support.hpp"

namespace toolgate::test {
namespace {

// Somebody with this user's rights changes what lies on the disk.
class Attack {
 public:
  explicit Attack(const fs::path& package) : package_(package), tree_(package / "tree") {
    open_all(package_);
  }
  const fs::path& tree() const { return tree_; }
  const fs::path& package() const { return package_; }
  void write(const fs::path& file, const std::string& text) const {
    fs::permissions(file, fs::perms::owner_write, fs::perm_options::add);
    write_file(file, text);
  }
  // Puts the modes back, so that only the content differs.
  void close() const { REQUIRE(seal_tree(tree_)); }

 private:
  static void open_all(const fs::path& folder) {
    fs::permissions(folder, fs::perms::owner_all, fs::perm_options::add);
    for (const auto& one : fs::directory_iterator(folder)) {
      if (fs::is_directory(one.symlink_status())) open_all(one.path());
    }
  }
  fs::path package_;
  fs::path tree_;
};

constexpr const char* program = "node_modules/server/index.js";
constexpr const char* library = "node_modules/server/lib/library.js";

TEST_CASE("whatever differs from what was frozen, a start is refused and names it") {
  struct Row {
    const char* name;
    std::function<void(const Attack&)> change;
    const char* why;
  };
  const Row rows[] = {
      {"a file changed, its length kept",
       [](const Attack& on) { on.write(on.tree() / library, "LIBRARY"), on.close(); },
       "library.js was changed"},
      {"a file made longer",
       [](const Attack& on) { on.write(on.tree() / library, "library and more"), on.close(); },
       "library.js was changed"},
      {"a file emptied", [](const Attack& on) { on.write(on.tree() / library, ""), on.close(); },
       "library.js was changed"},
      {"the program changed, its time put back",
       [](const Attack& on) {
         const auto time = fs::last_write_time(on.tree() / program);
         on.write(on.tree() / program, "#!/usr/bin/env node\nevil()\n");
         on.close();
         fs::last_write_time(on.tree() / program, time);
       },
       "index.js was changed"},
      {"a file added",
       [](const Attack& on) {
         write_file(on.tree() / "node_modules/server/lib/added.js", "");
         on.close();
       },
       "added.js was added"},
      {"a file added at the end",
       [](const Attack& on) { write_file(on.tree() / "zzz", ""), on.close(); }, "zzz was added"},
      {"a directory added",
       [](const Attack& on) { fs::create_directory(on.tree() / "node_modules/a"), on.close(); },
       "node_modules/a was added"},
      {"a name that would forge a message",
       [](const Attack& on) { write_file(on.tree() / "a\nok \x1b[2J", ""), on.close(); },
       "a%0Aok%20%1B[2J was added"},
      {"a file removed", [](const Attack& on) { fs::remove(on.tree() / library), on.close(); },
       "library.js is missing"},
      {"the last file removed",
       [](const Attack& on) { fs::remove(on.tree() / "package.json"), on.close(); },
       "package.json is missing"},
      {"a file made a link to an equal one",
       [](const Attack& on) {
         fs::rename(on.tree() / library, on.package() / "library.js");
         fs::create_symlink("../../../../library.js", on.tree() / library);
         on.close();
       },
       "library.js was made a symbolic link"},
      {"a directory made a link to an equal one",
       [](const Attack& on) {
         fs::rename(on.tree() / "node_modules/server/lib", on.package() / "lib");
         fs::create_symlink("../../../lib", on.tree() / "node_modules/server/lib");
         on.close();
       },
       "lib was made a symbolic link"},
      {"a link that leads elsewhere",
       [](const Attack& on) {
         fs::remove(on.tree() / "node_modules/.bin/server");
         fs::create_symlink("../server/lib", on.tree() / "node_modules/.bin/server");
         on.close();
       },
       ".bin/server leads elsewhere"},
      {"a link made the file it led to",
       [](const Attack& on) {
         fs::remove(on.tree() / "node_modules/.bin/server");
         fs::copy_file(on.tree() / program, on.tree() / "node_modules/.bin/server");
         on.close();
       },
       ".bin/server was replaced"},
      {"a file made a directory",
       [](const Attack& on) {
         fs::remove(on.tree() / library);
         fs::create_directory(on.tree() / library);
         on.close();
       },
       "library.js was replaced"},
      {"a file made executable",
       [](const Attack& on) {
         on.close();
         fs::permissions(on.tree() / library, fs::perms(0555));
       },
       "library.js has another mode"},
      {"a file made writable",
       [](const Attack& on) {
         on.close();
         fs::permissions(on.tree() / library, fs::perms(0644));
       },
       "library.js has another mode"},
      {"a directory made writable",
       [](const Attack& on) {
         on.close();
         fs::permissions(on.tree() / "node_modules", fs::perms(0755));
       },
       "node_modules has another mode"},
      {"the tree made writable",
       [](const Attack& on) {
         on.close();
         fs::permissions(on.tree(), fs::perms(0755));
       },
       ". has another mode"},
      {"a hard link into the tree",
       [](const Attack& on) {
         on.close();
         fs::create_hard_link(on.tree() / library, on.package() / "other.js");
       },
       "library.js has a second name (a hard link)"},
      {"a file replaced by a hard link to an equal one",
       [](const Attack& on) {
         on.close();
         fs::copy_file(on.tree() / library, on.package() / "other.js");
         fs::permissions(on.tree() / "node_modules/server/lib", fs::perms::owner_all);
         fs::remove(on.tree() / library);
         fs::create_hard_link(on.package() / "other.js", on.tree() / library);
         fs::permissions(on.tree() / "node_modules/server/lib", fs::perms(0555));
       },
       "library.js has a second name (a hard link)"},
      {"a setuid bit",
       [](const Attack& on) {
         on.close();
         fs::permissions(on.tree() / program, fs::perms(04555));
       },
       "another user's rights"},
      {"a pipe in the place of a file, which nobody waits on",
       [](const Attack& on) {
         on.close();
         fs::permissions(on.tree() / "node_modules/server/lib", fs::perms::owner_all);
         fs::remove(on.tree() / library);
         REQUIRE(::mkfifo((on.tree() / library).c_str(), 0444) == 0);
         fs::permissions(on.tree() / "node_modules/server/lib", fs::perms(0555));
       },
       "library.js is a device, a socket or a pipe"},
      {"the tree made a link",
       [](const Attack& on) {
         on.close();
         fs::rename(on.tree(), on.package() / "other");
         fs::create_symlink("other", on.tree());
       },
       "cannot open the frozen tree"},
      {"the tree removed", [](const Attack& on) { remove_tree(on.tree()); },
       "cannot open the frozen tree"},
      {"the package removed", [](const Attack& on) { remove_tree(on.package()); },
       "its frozen package is missing"},
      {"the manifest changed",
       [](const Attack& on) {
         on.write(on.package() / "manifest", read_file(on.package() / "manifest") + "d zzz\n");
         on.close();
       },
       "was changed"},
      {"the manifest changed together with a file",
       [](const Attack& on) {
         std::string text = read_file(on.package() / "manifest");
         const auto at = text.find("/node\n");
         text.replace(at, 5, "/edon");
         on.write(on.package() / "manifest", text);
         on.close();
       },
       "was changed"},
      {"the manifest removed",
       [](const Attack& on) { fs::remove(on.package() / "manifest"), on.close(); },
       "its frozen package is missing"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const PackageHome home;
    const auto frozen = home.freeze(npx_entry());
    REQUIRE(frozen);
    const ServerEntry entry = home.loaded(npx_entry());
    REQUIRE(verified_program(entry));
    row.change(Attack(frozen->folder));
    const auto refused = verified_program(entry);
    REQUIRE_FALSE(refused);
    CHECK(refused.refusal().reason == Reason::bad_signature);
    CAPTURE(refused.refusal().detail);
    CHECK(refused.refusal().detail.find(row.why) != std::string::npos);
    CHECK(refused.refusal().detail.find("run `toolgate freeze demo` again") != std::string::npos);

    // The remedy mends it: the same package again, under the same digest.
    const auto again = home.freeze(npx_entry());
    if (!again) FAIL(again.refusal().detail);
    CHECK(again->digest == frozen->digest);
    CHECK(verified_program(entry));
    CHECK(home.folders() == 1);
  }
}

TEST_CASE("an edited record starts nothing that was approved") {
  struct Row {
    const char* name;
    std::function<std::string(std::string)> edit;
    const char* why;
  };
  const auto replaced = [](std::string text, const std::string& from, const std::string& to) {
    const auto at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
  };
  const Row rows[] = {
      {"another digest",
       [&](std::string text) {
         return replaced(std::move(text),
                         "sha256:", "sha256:" + std::string(64, '0') + "\",\"was\":\"sha256:");
       },
       "its frozen package is missing"},
      {"another version of records",
       [&](std::string text) { return replaced(std::move(text), R"("v":1)", R"("v":2)"); },
       "the record"},
      {"a record of another command",
       [&](std::string text) { return replaced(std::move(text), "1.2.3", "1.2.2"); }, "the record"},
      {"a digest that climbs",
       [&](std::string text) { return replaced(std::move(text), "sha256:", "../sha256:"); },
       "the record"},
      {"emptied", [](std::string) { return std::string(); }, "the record"},
      {"too long", [](std::string) { return std::string(100'000, ' '); }, "sensible size"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const PackageHome home;
    REQUIRE(home.freeze(npx_entry()));
    const Digest approved = home.loaded(npx_entry()).identity();
    const auto record = fs::directory_iterator(commands_folder(home.folder()))->path();
    write_file(record, row.edit(read_file(record)));
    const ServerEntry entry = home.loaded(npx_entry());
    REQUIRE(entry.artefact);
    CHECK(entry.identity() != approved);
    CHECK(entry.identity() != npx_entry().identity());
    const auto refused = verified_program(entry);
    REQUIRE_FALSE(refused);
    CAPTURE(refused.refusal().detail);
    CHECK(refused.refusal().detail.find(row.why) != std::string::npos);
  }
}

}  // namespace
}  // namespace toolgate::test

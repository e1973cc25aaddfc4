// Whose signature the manifest of a frozen server must carry.
#include <doctest/doctest.h>
#include <fcntl.h>

#include "connectors/descriptor.hpp"
#include "gateway/broker/local_server.hpp"
#include "gateway/packages/manifest_signature.hpp"
#include "signing/minisign_file.hpp"
#include "tests/gateway/packages_support.hpp"

namespace toolgate::test {
namespace {

FileSignature signature_of(const SecretKey& key, const fs::path& file) {
  const Descriptor open(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(open);
  const ReadableFile readable{.descriptor = open.number(), .name = file.string()};
  auto made = sign_file(key, readable, "a test");
  REQUIRE(made);
  return *made;
}

// A server that 'acme' must have signed, frozen.
struct Stage {
  explicit Stage(ServerEntry asked = npx_entry()) : wanted(std::move(asked)) {
    wanted.publisher = Publisher{.name = "acme", .key = acme.public_key()};
    const auto frozen = home.freeze(wanted);
    REQUIRE(frozen);
    folder = frozen->folder;
  }
  fs::path manifest() const { return folder / manifest_file; }
  fs::path kept() const { return folder / signature_file; }
  Result<Frozen> freeze(const FileSignature& signature) const {
    return freeze_server(
        wanted, home.folder(), home.environment(), [](std::string_view) {}, signature);
  }
  void open() const { fs::permissions(folder, fs::perms::owner_write, fs::perm_options::add); }
  void put(const std::string& text) const {
    open();
    fs::remove(kept());
    write_file(kept(), text);
  }
  void sign() const { put(signature_of(acme, manifest()).text()); }

  PackageHome home;
  SecretKey acme = SecretKey::generate();
  SecretKey other = SecretKey::generate();
  ServerEntry wanted;
  fs::path folder;
};

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("a server whose package its publisher has not signed is not started") {
  struct Row {
    const char* name;
    std::function<void(Stage&)> attack;
    const char* why;
  };
  const Row rows[] = {
      {"no signature", [](Stage& on) { on.open(), fs::remove(on.kept()); },
       "the signature is missing"},
      {"another key's signature",
       [](Stage& on) { on.put(signature_of(on.other, on.manifest()).text()); },
       "the signature is by key"},
      {"a signature of another manifest",
       [](Stage& on) {
         const fs::path file = on.home.folder() / "other";
         write_file(file, read_file(on.manifest()) + "x\n");
         on.put(signature_of(on.acme, file).text());
       },
       "belongs to another file"},
      {"its comment changed",
       [](Stage& on) {
         std::string text = read_file(on.kept());
         on.put(text.replace(text.find("a test"), 6, "a best"));
       },
       "it was changed"},
      {"no signature at all in its place", [](Stage& on) { on.put("trust me\n"); },
       "this is no minisign signature"},
      {"a link to a signature that holds",
       [](Stage& on) {
         on.open();
         fs::rename(on.kept(), on.home.folder() / "moved");
         fs::create_symlink(on.home.folder() / "moved", on.kept());
       },
       "the signature is missing"},
      {"the key revoked in the configuration, another in its place",
       [](Stage& on) { on.wanted.publisher->key = on.other.public_key(); },
       "the signature is by key"},
      {"a manifest that was altered",
       [](Stage& on) {
         on.open();
         const std::string text = read_file(on.manifest());
         fs::remove(on.manifest());
         write_file(on.manifest(), text + "f 0 x y\n");
       },
       "manifest was changed"},
      {"an altered manifest that its publisher did sign",
       [](Stage& on) {
         on.open();
         const std::string text = read_file(on.manifest());
         fs::remove(on.manifest());
         write_file(on.manifest(), text + "f 0 x y\n");
         on.sign();
       },
       "manifest was changed"},
      {"another command, which is not frozen",
       [](Stage& on) { on.wanted.argv = {"npx", "-y", "server@1.2.4"}; }, "it is not frozen"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Stage stage;
    stage.sign();
    REQUIRE(verified_program(stage.home.loaded(stage.wanted)));
    row.attack(stage);
    const ServerEntry entry = stage.home.loaded(stage.wanted);
    const Status refusals[] = {check_signed(entry),
                               frozen_program(entry) ? done() : frozen_program(entry).refusal(),
                               verified_program(entry) ? done() : verified_program(entry).refusal(),
                               local_server(entry) ? done() : local_server(entry).refusal()};
    for (const Status& refused : refusals) {
      REQUIRE_FALSE(refused);
      CHECK(refused.refusal().reason == Reason::bad_signature);
      CAPTURE(refused.refusal().detail);
      std::string detail = refused.refusal().detail;
      const auto path = detail.find(stage.folder.string() + "/manifest was");
      if (path != std::string::npos) detail.erase(path, stage.folder.string().size() + 1);
      CHECK(has(detail, row.why));
      CHECK(has(detail, "'demo' does not start"));
      CHECK(has(detail, "`toolgate freeze demo"));
    }
  }
}

TEST_CASE("freeze checks a signature, keeps it with the manifest, and nothing where it is wrong") {
  const Stage stage;
  const auto state = [&] { return check_signed(stage.home.loaded(stage.wanted)); };
  CHECK_FALSE(state());

  const auto wrong = stage.freeze(signature_of(stage.other, stage.manifest()));
  REQUIRE_FALSE(wrong);
  CHECK(wrong.refusal().reason == Reason::bad_signature);
  CHECK(has(wrong.refusal().detail, "'demo' is not frozen anew"));
  CHECK_FALSE(fs::exists(stage.kept()));
  CHECK(stage.home.folders() == 1);

  const FileSignature good = signature_of(stage.acme, stage.manifest());
  REQUIRE(stage.freeze(good));
  CHECK(state());
  CHECK(read_file(stage.kept()) == good.text());
  CHECK((fs::status(stage.folder).permissions() & fs::perms::all) == fs::perms(0555));
  CHECK(stage.home.folders() == 1);

  // The same package again, without a word about the signature, damaged or not.
  REQUIRE(stage.home.freeze(stage.wanted));
  CHECK(state());
  const fs::path file = stage.folder / tree_folder / "node_modules/server/lib/library.js";
  fs::permissions(file, fs::perms::owner_write, fs::perm_options::add);
  write_file(file, "LIBRARY");
  REQUIRE_FALSE(verified_program(stage.home.loaded(stage.wanted)));
  REQUIRE(stage.home.freeze(stage.wanted));
  CHECK(verified_program(stage.home.loaded(stage.wanted)));

  // Another package is not signed by the signature of this one, kept or given.
  stage.home.npm(std::string(install_server) + "printf more > node_modules/server/more.js\n");
  const auto stale = stage.freeze(good);
  REQUIRE_FALSE(stale);
  CHECK(has(stale.refusal().detail, "belongs to another file"));
  CHECK(state());  // nothing has changed
  const auto more = stage.home.freeze(stage.wanted);
  REQUIRE(more);
  CHECK(more->folder != stage.folder);
  CHECK_FALSE(state());
}

TEST_CASE("a first freeze takes a signature that was made elsewhere") {
  const Stage stage;
  const FileSignature good = signature_of(stage.acme, stage.manifest());
  remove_tree(packages_folder(stage.home.folder()));
  REQUIRE(stage.freeze(good));
  CHECK(verified_program(stage.home.loaded(stage.wanted)));
}

}  // namespace
}  // namespace toolgate::test

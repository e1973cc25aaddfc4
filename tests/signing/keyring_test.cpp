#include "signing/keyring.hpp"

#include <doctest/doctest.h>

#include <functional>

#include "signing/statement.hpp"

namespace toolgate {
namespace {

constexpr std::int64_t noon = 1'790'000'000'000'000'000;

Keyring begun(const SecretKey& root) {
  auto keyring = Keyring::begin(root, "admin", noon);
  REQUIRE(keyring);
  return *keyring;
}

Keyring::NewKey named(const SecretKey& key, const std::string& name) {
  return Keyring::NewKey{.key = key.public_key(), .name = name};
}

Result<Keyring> parse(const std::string& text) {
  return Keyring::parse(Untrusted<std::string>(text));
}

std::string edited(std::string text, std::string_view from, std::string_view to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

// Line 1 is the header.
std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

std::string text_of(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

TEST_CASE("a keyring comes back as it was written") {
  const auto root = SecretKey::generate();
  const auto bob = SecretKey::generate();
  const auto vault = SecretKey::generate();
  Keyring keyring = begun(root);
  auto second = named(bob, "bob");
  second.expires_ns = noon + 1'000;
  REQUIRE(keyring.add(second, root, noon + 1));
  auto third = named(vault, "vault");
  third.role = KeyRole::recovery;
  REQUIRE(keyring.add(third, bob, noon + 2));
  REQUIRE(keyring.retire(root.public_key().id(), bob, noon + 3));

  auto read = parse(keyring.text());
  REQUIRE(read);
  CHECK(read->text() == keyring.text());
  CHECK(read->home() == keyring.home());
  CHECK(read->digest() == keyring.digest());
  REQUIRE(read->keys().size() == 3);
  const TrustedKey& first = read->keys()[0];
  CHECK(first.key == root.public_key());
  CHECK(first.name == "admin");
  REQUIRE(first.ended);
  CHECK(first.ended->since_ns == noon + 3);
  CHECK(first.is_in_force(noon + 2));
  CHECK_FALSE(first.is_in_force(noon + 3));
  const TrustedKey* found = read->named("bob");
  REQUIRE(found);
  CHECK(found->added_by == root.public_key().id());
  CHECK(found->is_in_force(noon + 999));
  CHECK_FALSE(found->is_in_force(noon + 1'000));
  CHECK(read->named(vault.public_key().id())->role == KeyRole::recovery);
  CHECK(read->named("nobody") == nullptr);
}

TEST_CASE("two homes of one key are two") {
  const auto root = SecretKey::generate();
  CHECK(begun(root).home() != begun(root).home());
}

TEST_CASE("a keyring that was changed is refused, with the line") {
  const auto root = SecretKey::generate();
  const auto bob = SecretKey::generate();
  const auto stranger = SecretKey::generate();
  Keyring keyring = begun(root);
  REQUIRE(keyring.add(named(bob, "bob"), root, noon + 1));
  REQUIRE(keyring.revoke(bob.public_key().id(), 0, root, noon + 2));
  const auto lines = lines_of(keyring.text());
  REQUIRE(lines.size() == 4);
  Keyring other = begun(stranger);
  REQUIRE(other.add(named(bob, "bob"), stranger, noon + 1));
  const auto other_lines = lines_of(other.text());

  struct Row {
    const char* name;
    std::string text;
    const char* says;
  };
  const Row rows[] = {
      {"nothing", "", "line 1 is not"},
      {"another version", edited(keyring.text(), " v1\n", " v2\n"), "line 1 is not"},
      {"no root", lines[0] + "\n", "it has no root"},
      {"cut off in a line", keyring.text().substr(0, keyring.text().size() - 1),
       "line 4: it is cut off"},
      {"a line less in the middle", text_of({lines[0], lines[1], lines[3]}),
       "line 3: it does not follow the line before it"},
      {"lines in another order", text_of({lines[0], lines[1], lines[3], lines[2]}),
       "line 3: it does not follow the line before it"},
      {"a line twice", text_of({lines[0], lines[1], lines[2], lines[2]}),
       "line 4: it does not follow the line before it"},
      {"another name", edited(keyring.text(), "\"bob\"", "\"rob\""),
       "line 3: its signature is not by the key"},
      {"a root of another home before them",
       text_of({lines[0], other_lines[1], lines[2], lines[3]}), "line 3: it does not follow"},
      {"a line of a stranger", text_of({lines[0], lines[1], other_lines[2]}),
       "line 3: it does not follow"},
      {"an empty line", keyring.text() + "\n", "line 5: it is no STATEMENT"},
      {"white space in a statement",
       edited(keyring.text(), "{\"act\":\"add\"", "{ \"act\":\"add\""),
       "line 3: it has unknown, missing or malformed members"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    auto parsed = parse(row.text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.refusal().reason == Reason::bad_signature);
    INFO(parsed.refusal().detail);
    CHECK(parsed.refusal().detail.find(row.says) != std::string::npos);
  }
  CHECK(parse(text_of({lines[0], lines[1], lines[2]})));  // that is for the home's head to tell
}

TEST_CASE("who may change a keyring, and how") {
  const auto root = SecretKey::generate();
  const auto bob = SecretKey::generate();
  const auto vault = SecretKey::generate();
  const auto stranger = SecretKey::generate();
  const std::string root_id = root.public_key().id();
  const std::string bob_id = bob.public_key().id();
  Keyring keyring = begun(root);
  auto dated = named(bob, "bob");
  dated.expires_ns = noon + 100;
  REQUIRE(keyring.add(dated, root, noon + 1));
  auto recovery = named(vault, "vault");
  recovery.role = KeyRole::recovery;
  REQUIRE(keyring.add(recovery, root, noon + 2));

  using Change = std::function<Status(Keyring&)>;
  struct Row {
    const char* name;
    Change change;
    const char* says;  // empty: it is taken
  };
  const Row rows[] = {
      {"a stranger", [&](Keyring& k) { return k.add(named(stranger, "x"), stranger, noon + 3); },
       "is unknown"},
      {"an expired key", [&](Keyring& k) { return k.add(named(stranger, "x"), bob, noon + 100); },
       "was not in force then"},
      {"a key that is not expired yet",
       [&](Keyring& k) { return k.add(named(stranger, "x"), bob, noon + 99); }, ""},
      {"a recovery key", [&](Keyring& k) { return k.add(named(stranger, "x"), vault, noon + 3); },
       ""},
      {"a key that is there", [&](Keyring& k) { return k.add(named(bob, "x"), root, noon + 3); },
       "is in the list already"},
      {"a name that is there",
       [&](Keyring& k) { return k.add(named(stranger, "bob"), root, noon + 3); },
       "a key named 'bob' already"},
      {"an id for a name",
       [&](Keyring& k) { return k.add(named(stranger, bob_id), root, noon + 3); }, "already"},
      {"a name with a space",
       [&](Keyring& k) { return k.add(named(stranger, "a b"), root, noon + 3); }, "1 to 64 bytes"},
      {"a name with a control",
       [&](Keyring& k) { return k.add(named(stranger, "a\x1b"), root, noon + 3); },
       "1 to 64 bytes"},
      {"no name", [&](Keyring& k) { return k.add(named(stranger, ""), root, noon + 3); },
       "1 to 64 bytes"},
      {"an end of nobody",
       [&](Keyring& k) { return k.revoke(stranger.public_key().id(), 0, root, noon + 3); },
       "there is no key"},
      {"the end of the last approver, by recovery",
       [&](Keyring& k) { return k.revoke(root_id, 0, vault, noon + 200); },
       "nobody could approve any more"},
      {"an end in the future",
       [&](Keyring& k) { return k.revoke(bob_id, noon + 50, root, noon + 3); },
       "from a later time on"},
      {"an end twice",
       [&](Keyring& k) {
         REQUIRE(k.revoke(bob_id, 0, root, noon + 3));
         return k.revoke(bob_id, 0, root, noon + 4);
       },
       "has ended already"},
      {"an end that is taken back a little",
       [&](Keyring& k) {
         REQUIRE(k.revoke(bob_id, noon, root, noon + 3));
         return k.revoke(bob_id, noon + 2, root, noon + 4);
       },
       "has ended already"},
      {"a retired key that is revoked",
       [&](Keyring& k) {
         REQUIRE(k.retire(bob_id, root, noon + 3));
         return k.revoke(bob_id, 0, root, noon + 4);
       },
       ""},
      {"a key that was revoked",
       [&](Keyring& k) {
         REQUIRE(k.revoke(bob_id, 0, root, noon + 3));
         return k.add(named(stranger, "x"), bob, noon + 4);
       },
       "was not in force then"},
      {"a clock that was set back",
       [&](Keyring& k) { return k.add(named(stranger, "x"), root, noon - 5); }, ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Keyring copy = keyring;
    const Status changed = row.change(copy);
    const std::string says = changed ? "" : changed.refusal().detail;
    INFO(says);
    CHECK(static_cast<bool>(changed) == std::string_view(row.says).empty());
    if (!changed) CHECK(says.find(row.says) != std::string::npos);
    auto read = parse(copy.text());  // whatever happened, the text is sound
    REQUIRE(read);
    CHECK(read->keys().size() == copy.keys().size());
  }
}

TEST_CASE("a public key is 56 characters, in one form") {
  const auto key = SecretKey::generate().public_key();
  const std::string text = public_key_text(key);
  CHECK(text.size() == 56);
  auto parsed = parse_public_key_text(text);
  REQUIRE(parsed);
  CHECK(*parsed == key);
  CHECK_FALSE(parse_public_key_text(text + "\n"));
  CHECK_FALSE(parse_public_key_text(text.substr(1)));
  CHECK_FALSE(parse_public_key_text(""));
}

}  // namespace
}  // namespace toolgate

#include "signing/pins.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace toolgate {
namespace {

const ServerIdentity files = digest("server", "files");
const ServerIdentity mail = digest("server", "mail");
constexpr std::int64_t noon = 1'790'000'000'000'000'000;

Definition tool(std::string json, std::string key = "read") {
  return Definition{.kind = ItemKind::tool, .key = std::move(key), .json = std::move(json)};
}

Pinned pinned(const ServerIdentity& server, Definition definition) {
  auto out = pin(server, std::move(definition));
  REQUIRE(out);
  return *out;
}

Approval approval_of(const Pinned& item) {
  return Approval{.server = "files",
                  .identity = files,
                  .kind = item.definition.kind,
                  .key = item.definition.key,
                  .pin = item.pin,
                  .scopes = digest("scopes", "{}"),
                  .findings = R"([ {"span":[1,2], "id":"x"} ])",
                  .who = "ann",
                  .time_ns = noon,
                  .expires_ns = 0};
}

TEST_CASE("a pin covers what a definition means, and nothing else") {
  auto base = pinned(files, tool(R"({"name":"read","description":"Reads"})")).pin;
  struct Row {
    const char* name;
    bool same;
    const char* json;
  };
  constexpr Row rows[] = {
      {"order", true, R"({"description":"Reads","name":"read"})"},
      {"white space", true, R"( { "name" : "read", "description" : "Reads" } )"},
      {"escapes", true, R"({"n\u0061me":"read","description":"\u0052eads"})"},
      {"the description", false, R"({"name":"read","description":"reads"})"},
      {"an unknown field", false, R"({"name":"read","description":"Reads","x":null})"},
      {"an annotation", false,
       R"({"name":"read","description":"Reads","annotations":{"readOnlyHint":true}})"},
      {"an invisible character", false, R"({"name":"read","description":"Reads\u200b"})"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    CHECK((pinned(files, tool(row.json)).pin == base) == row.same);
  }
}

TEST_CASE("a pin covers the server, the kind and the key") {
  constexpr const char* json = R"({"name":"x","uri":"x","uriTemplate":"x"})";
  std::vector<Digest> pins;
  for (const auto& server : {files, mail}) {
    for (auto kind :
         {ItemKind::tool, ItemKind::prompt, ItemKind::resource, ItemKind::resource_template}) {
      pins.push_back(pinned(server, Definition{.kind = kind, .key = "x", .json = json}).pin);
    }
  }
  std::ranges::sort(pins);
  CHECK(std::ranges::adjacent_find(pins) == pins.end());
}

TEST_CASE("the digest of a pin is written down") {
  auto item = pinned(files, tool(R"({"name":"read"})"));
  auto covered = R"({"definition":{"name":"read"},"key":"read","kind":"tool","server":")" +
                 files.text() + "\"}";
  CHECK(item.pin == digest("definition", covered));
}

TEST_CASE("what cannot be pinned is refused") {
  struct Row {
    const char* name;
    Definition definition;
  };
  const Row rows[] = {
      {"no JSON", tool("{")},
      {"no object", tool(R"("read")")},
      {"another name", tool(R"({"name":"write"})")},
      {"no name", tool(R"({"description":"read"})")},
      {"a name that is no string", tool(R"({"name":1})", "1")},
      {"a duplicate member", tool(R"({"name":"read","name":"read"})")},
      {"a number beyond doubles", tool(R"({"name":"read","x":9007199254740993})")},
      {"a resource without its uri",
       Definition{.kind = ItemKind::resource, .key = "a:b", .json = R"({"name":"a:b"})"}},
      {"instructions that are an object",
       Definition{.kind = ItemKind::instructions, .key = "", .json = "{}"}},
      {"instructions with a key",
       Definition{.kind = ItemKind::instructions, .key = "x", .json = R"("x")"}},
      {"capabilities that are no object",
       Definition{.kind = ItemKind::capabilities, .key = "", .json = R"("x")"}},
      {"capabilities with a key",
       Definition{.kind = ItemKind::capabilities, .key = "x", .json = "{}"}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    auto out = pin(files, row.definition);
    REQUIRE_FALSE(out);
    CHECK(out.refusal().reason == Reason::bad_answer);
  }
  CHECK(pin(files, Definition{.kind = ItemKind::instructions, .key = "", .json = R"("Be kind")"}));
}

Keyring keyring_of(const SecretKey& root) {
  auto keyring = Keyring::begin(root, "admin", noon);
  REQUIRE(keyring);
  return *keyring;
}

void add(Keyring& keyring, const SecretKey& key, const SecretKey& by,
         KeyRole role = KeyRole::approver) {
  REQUIRE(keyring.add({.key = key.public_key(), .name = "other", .role = role}, by, noon + 1));
}

TEST_CASE("an approval comes back as it was signed") {
  auto key = SecretKey::generate();
  auto item = pinned(files, tool(R"({"name":"read"})"));
  auto approval = approval_of(item);
  approval.expires_ns = noon + 1;
  auto keyring = keyring_of(key);
  approval.home = keyring.home();
  approval.change_class = "new";
  auto record = sign_approval(approval, key);
  REQUIRE(record);
  CHECK(record->key_id == key.public_key().id());
  CHECK(record->text.find(R"("type":"toolgate.approval","v":2,)") != std::string::npos);

  add(keyring, SecretKey::generate(), key);
  auto opened = open_approval(*record, keyring);
  REQUIRE(opened);
  CHECK(opened->server == "files");
  CHECK(opened->identity == files);
  CHECK(opened->kind == ItemKind::tool);
  CHECK(opened->key == "read");
  CHECK(opened->pin == item.pin);
  CHECK(opened->scopes == approval.scopes);
  CHECK(opened->findings == R"([{"id":"x","span":[1,2]}])");
  CHECK(opened->who == "ann");
  CHECK(opened->time_ns == noon);
  CHECK(opened->expires_ns == noon + 1);
  CHECK(opened->home == keyring.home());
  CHECK(opened->change_class == "new");
  CHECK(opened->key_id == key.public_key().id());
}

TEST_CASE("an approval that no trusted key signed is none") {
  auto key = SecretKey::generate();
  auto stranger = SecretKey::generate();
  auto item = pinned(files, tool(R"({"name":"read"})"));
  auto keyring = keyring_of(key);
  auto both = keyring;
  add(both, stranger, key);
  auto approval = approval_of(item);
  approval.home = keyring.home();
  auto record = *sign_approval(approval, key);
  REQUIRE(open_approval(record, keyring));
  auto expect_refused = [&](const SignedApproval& forged, const Keyring& trusted) {
    auto opened = open_approval(forged, trusted);
    REQUIRE_FALSE(opened);
    CHECK(opened.refusal().reason == Reason::bad_signature);
  };
  expect_refused(record, keyring_of(stranger));
  expect_refused(record, keyring_of(key));  // another home, though the key is the same

  auto renamed = record;
  renamed.key_id = stranger.public_key().id();
  expect_refused(renamed, both);
  auto edited = record;
  edited.text.replace(edited.text.find("\"ann\""), 5, "\"bob\"");
  expect_refused(edited, keyring);
  auto other_domain = record;
  other_domain.signature = key.sign("checkpoint", record.text);
  expect_refused(other_domain, keyring);
}

TEST_CASE("an approval of a key that was retired, revoked or is for recovery") {
  auto root = SecretKey::generate();
  auto key = SecretKey::generate();
  auto keyring = keyring_of(root);
  auto signed_at = [&](std::int64_t time_ns) {
    auto approval = approval_of(pinned(files, tool(R"({"name":"read"})")));
    approval.home = keyring.home();
    approval.time_ns = time_ns;
    return *sign_approval(approval, key);
  };
  const std::int64_t before = noon + 10;
  const std::int64_t after = noon + 30;
  SUBCASE("retired: what it signed before stays valid") {
    add(keyring, key, root);
    REQUIRE(keyring.retire(key.public_key().id(), root, noon + 20));
    CHECK(open_approval(signed_at(before), keyring));
    CHECK_FALSE(open_approval(signed_at(noon + 20), keyring));
    CHECK_FALSE(open_approval(signed_at(after), keyring));
  }
  SUBCASE("revoked: nothing counts") {
    add(keyring, key, root);
    REQUIRE(keyring.revoke(key.public_key().id(), 0, root, noon + 20));
    CHECK_FALSE(open_approval(signed_at(before), keyring));
    CHECK_FALSE(open_approval(signed_at(after), keyring));
  }
  SUBCASE("revoked since a time: what it signed before that counts") {
    add(keyring, key, root);
    REQUIRE(keyring.revoke(key.public_key().id(), noon + 20, root, noon + 40));
    CHECK(open_approval(signed_at(before), keyring));
    CHECK_FALSE(open_approval(signed_at(after), keyring));
  }
  SUBCASE("for recovery: it approves nothing") {
    add(keyring, key, root, KeyRole::recovery);
    CHECK_FALSE(open_approval(signed_at(before), keyring));
  }
}

TEST_CASE("an approval of another form is refused, though it is signed") {
  auto key = SecretKey::generate();
  auto item = pinned(files, tool(R"({"name":"read"})"));
  const auto keyring = keyring_of(key);
  auto approval = approval_of(item);
  approval.home = keyring.home();
  auto text = sign_approval(approval, key)->text;
  auto edited = [&text](std::string_view from, std::string_view to) {
    auto copy = text;
    REQUIRE(copy.find(from) != std::string::npos);
    return copy.replace(copy.find(from), from.size(), to);
  };
  struct Row {
    const char* name;
    std::string text;
  };
  const Row rows[] = {
      {"a newer version", edited(R"("v":2)", R"("v":3)")},
      {"the version before, which named no home", edited(R"("v":2)", R"("v":1)")},
      {"a version in another form", edited(R"("v":2)", R"("v":2.0)")},
      {"another type", edited("toolgate.approval", "toolgate.rule")},
      {"an unknown member", edited(R"("v":2)", R"("v":2,"vv":1)")},
      {"a missing member", edited(R"(,"who":"ann")", "")},
      {"an unknown kind", edited(R"("kind":"tool")", R"("kind":"toll")")},
      {"a time that is a number", edited("\"1790000000000000000\"", "1790000000000000000")},
      {"a time with zeros before it", edited("\"1790", "\"01790")},
      {"a negative time", edited("\"1790", "\"-1790")},
      {"a time out of range", edited("\"1790", "\"91790")},
      {"a digest of another kind", edited("sha256:", "sha512:")},
      {"findings that are no array", edited(R"([{"id":"x","span":[1,2]}])", "{}")},
      {"white space", " " + text},
      {"bytes after it", text + "{}"},
      {"no JSON", "approved"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    SignedApproval record{.text = row.text,
                          .key_id = key.public_key().id(),
                          .signature = key.sign("approval", row.text)};
    auto opened = open_approval(record, keyring);
    REQUIRE_FALSE(opened);
    CHECK(opened.refusal().reason == Reason::malformed);
  }
}

TEST_CASE("what has no canonical form is not signed") {
  auto key = SecretKey::generate();
  auto good = approval_of(pinned(files, tool(R"({"name":"read"})")));
  CHECK(sign_approval(good, key));
  auto findings = good;
  findings.findings = "{}";
  CHECK_FALSE(sign_approval(findings, key));
  auto who = good;
  who.who = "\xFF";
  CHECK_FALSE(sign_approval(who, key));
  auto time = good;
  time.time_ns = -1;
  CHECK_FALSE(sign_approval(time, key));
}

TEST_CASE("a pin book proves exactly what was approved") {
  auto item = pinned(files, tool(R"({"name":"read","description":"Reads"})"));
  PinBook book;
  book.add(approval_of(item));
  auto verified = book.verify(item, files, noon);
  REQUIRE(verified);
  CHECK((*verified)->json == item.definition.json);
  CHECK(verified->pin() == item.pin);
  CHECK(book.size() == 1);
  CHECK(book.approved_pin(files, ItemKind::tool, "read") == item.pin);
  CHECK_FALSE(book.approved_pin(mail, ItemKind::tool, "read"));
  REQUIRE(book.approval(files, ItemKind::tool, "read") != nullptr);
  CHECK(book.approval(files, ItemKind::tool, "read")->who == "ann");

  struct Row {
    const char* says;
    Pinned item;
    ServerIdentity server;
  };
  const Row rows[] = {
      {"changed", pinned(files, tool(R"({"name":"read","description":"Deletes"})")), files},
      {"new", pinned(files, tool(R"({"name":"write"})", "write")), files},
      {"new", pinned(mail, tool(R"({"name":"read","description":"Reads"})")), mail},
      {"another server", item, mail},
      {"new",
       pinned(files, Definition{.kind = ItemKind::prompt,
                                .key = "read",
                                .json = R"({"name":"read","description":"Reads"})"}),
       files},
  };
  for (const auto& row : rows) {
    CAPTURE(row.says);
    auto held = book.verify(row.item, row.server, noon);
    REQUIRE_FALSE(held);
    CHECK(held.refusal().reason == Reason::held);
    CHECK(held.refusal().detail.find(row.says) != std::string::npos);
  }
}

TEST_CASE("an approval ends at its expiry") {
  auto item = pinned(files, tool(R"({"name":"read"})"));
  auto approval = approval_of(item);
  approval.expires_ns = noon + 10;
  PinBook book;
  book.add(approval);
  CHECK(book.verify(item, files, noon + 9));
  auto held = book.verify(item, files, noon + 10);
  REQUIRE_FALSE(held);
  CHECK(held.refusal().detail.find("expired") != std::string::npos);
}

TEST_CASE("of two approvals the newer counts, in whatever order they come") {
  auto old_item = pinned(files, tool(R"({"name":"read"})"));
  auto new_item = pinned(files, tool(R"({"name":"read","title":"Read"})"));
  auto older = approval_of(old_item);
  auto newer = approval_of(new_item);
  newer.time_ns += 1;
  for (bool newer_first : {false, true}) {
    CAPTURE(newer_first);
    PinBook book;
    book.add(newer_first ? newer : older);
    book.add(newer_first ? older : newer);
    CHECK(book.size() == 1);
    CHECK(book.verify(new_item, files, noon));
    CHECK_FALSE(book.verify(old_item, files, noon));
  }
}

}  // namespace
}  // namespace toolgate

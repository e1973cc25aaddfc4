#include "signing/decision.hpp"

#include <doctest/doctest.h>

namespace toolgate {
namespace {

constexpr std::int64_t noon = 1'790'000'000'000'000'000;

Decision decision_of(const Keyring& keyring) {
  return Decision{.home = keyring.home(),
                  .sequence = 7,
                  .chain = digest("test", "chain"),
                  .approvals = digest("test", "approvals"),
                  .keys = keyring.digest(),
                  .act = "revoke",
                  .server = "files",
                  .items = {"tool:read", "ünï"},
                  .who = "ann",
                  .time_ns = noon + 5};
}

struct Fixture {
  SecretKey key = SecretKey::generate();
  Keyring keyring = *Keyring::begin(key, "admin", noon);
};

TEST_CASE_FIXTURE(Fixture, "a decision comes back as it was signed") {
  auto record = sign_decision(decision_of(keyring), key);
  REQUIRE(record);
  auto opened = open_decision(*record, keyring);
  REQUIRE(opened);
  CHECK(opened->home == keyring.home());
  CHECK(opened->sequence == 7);
  CHECK(opened->chain == digest("test", "chain"));
  CHECK(opened->approvals == digest("test", "approvals"));
  CHECK(opened->keys == keyring.digest());
  CHECK(opened->act == "revoke");
  CHECK(opened->server == "files");
  CHECK(opened->items == std::vector<std::string>{"tool:read", "ünï"});
  CHECK(opened->who == "ann");
  CHECK(opened->time_ns == noon + 5);
}

TEST_CASE_FIXTURE(Fixture, "a decision of nobody who may decide is none") {
  const SecretKey other = SecretKey::generate();
  const auto by_other = *sign_decision(decision_of(keyring), other);
  const auto by_key = *sign_decision(decision_of(keyring), key);
  CHECK_FALSE(open_decision(by_other, keyring));
  SUBCASE("edited") {
    auto edited = by_key;
    edited.text.replace(edited.text.find("\"sequence\":7"), 12, "\"sequence\":8");
    CHECK_FALSE(open_decision(edited, keyring));
  }
  SUBCASE("of another domain") {
    auto moved = by_key;
    moved.signature = key.sign("approval", moved.text);
    CHECK_FALSE(open_decision(moved, keyring));
  }
  SUBCASE("by a recovery key") {
    REQUIRE(keyring.add({.key = other.public_key(), .name = "vault", .role = KeyRole::recovery},
                        key, noon + 1));
    CHECK_FALSE(open_decision(by_other, keyring));
  }
  SUBCASE("by a key after its end") {
    REQUIRE(keyring.add({.key = other.public_key(), .name = "bob"}, key, noon + 1));
    CHECK(open_decision(by_other, keyring));
    REQUIRE(keyring.retire(other.public_key().id(), key, noon + 5));
    CHECK_FALSE(open_decision(by_other, keyring));
  }
  SUBCASE("dated back to before the keyring") {
    REQUIRE(keyring.add({.key = other.public_key(), .name = "bob"}, key, noon + 6));
    CHECK_FALSE(open_decision(by_key, keyring));
  }
  SUBCASE("by a key that had expired then") {
    REQUIRE(keyring.add({.key = other.public_key(), .name = "bob", .expires_ns = noon + 5}, key,
                        noon + 1));
    CHECK_FALSE(open_decision(by_other, keyring));
  }
}

TEST_CASE_FIXTURE(Fixture, "a decision of another form is refused, though it is signed") {
  const std::string text = sign_decision(decision_of(keyring), key)->text;
  auto edited = [&](std::string_view from, std::string_view to) {
    auto copy = text;
    REQUIRE(copy.find(from) != std::string::npos);
    return copy.replace(copy.find(from), from.size(), to);
  };
  const std::string rows[] = {
      edited(R"("v":1)", R"("v":2)"),
      edited("toolgate.decision", "toolgate.approval"),
      edited(R"("v":1)", R"("v":1,"vv":1)"),
      edited(R"(,"who":"ann")", ""),
      edited("\"sequence\":7", "\"sequence\":7.0"),
      edited("\"sequence\":7", "\"sequence\":-7"),
      edited("[\"tool:read\"", "[7"),
      " " + text,
      "decided",
  };
  for (const std::string& row : rows) {
    CAPTURE(row);
    const SignedDecision record{
        .text = row, .key_id = key.public_key().id(), .signature = key.sign("decision", row)};
    auto opened = open_decision(record, keyring);
    REQUIRE_FALSE(opened);
    CHECK(opened.refusal().reason == Reason::malformed);
  }
}

TEST_CASE_FIXTURE(Fixture, "a chain tells decisions apart by every byte and their order") {
  const auto one = *sign_decision(decision_of(keyring), key);
  auto two = one;
  two.signature = key.sign("decision", one.text + " ");
  auto digest_of = [](std::initializer_list<SignedDecision> decisions) {
    Chain chain;
    for (const SignedDecision& decision : decisions) chain.add(decision);
    return chain.digest();
  };
  CHECK(digest_of({one, two}) == digest_of({one, two}));
  CHECK(digest_of({one, two}) != digest_of({two, one}));
  CHECK(digest_of({one}) != digest_of({two}));
  CHECK(digest_of({one}) != digest_of({one, one}));
}

TEST_CASE_FIXTURE(Fixture, "the head's file has one form") {
  const auto record = *sign_decision(decision_of(keyring), key);
  const std::string text = head_text(record);
  auto parsed = parse_head(Untrusted<std::string>(text));
  REQUIRE(parsed);
  CHECK(*parsed == record);
  for (const std::string& other : {std::string(), text.substr(0, text.size() - 1), text + "\n",
                                   "x" + text, text.substr(text.find('\n') + 1)}) {
    CAPTURE(other);
    auto refused = parse_head(Untrusted<std::string>(other));
    // What is read of a longer text is no decision that anybody signed.
    CHECK((!refused || !open_decision(*refused, keyring)));
  }
}

}  // namespace
}  // namespace toolgate

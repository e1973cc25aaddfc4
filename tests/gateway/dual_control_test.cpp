// Which approvals count where the configuration asks for two keys, or lets a key approve some
// classes of changes alone.

#include <doctest/doctest.h>

#include "gateway/broker/approved.hpp"
#include "gateway/config/approval_rules.hpp"
#include "tests/gateway/trusted_home.hpp"

namespace toolgate {
namespace {

using test::TrustedHome;

constexpr std::int64_t hour_ns = 3'600'000'000'000;

struct TwoKeys : TrustedHome {
  TwoKeys() {
    REQUIRE(change([&](Keyring& keys, std::int64_t time_ns) {
      return keys.add({.key = bob.public_key(), .name = "bob"}, key, time_ns);
    }));
  }
  // Of files' tool "read".
  void approve(const SecretKey& by_key, const std::string& note, const std::string& change_class,
               std::int64_t expires_ns = 0) const {
    auto put = put_approvals(
        *store, by(by_key), dual, {},
        {approval("files", "read", note, by_key, ItemKind::tool, change_class, expires_ns)}, {});
    if (!put) FAIL(put.refusal().detail);
  }
  std::shared_ptr<const Approved> approved(const ApprovalRules& rules) const {
    auto loaded = load_approved(home.path(), *store, rules);
    if (!loaded) FAIL(loaded.refusal().detail);
    return *loaded;
  }
  const Approval* counts(const Approved& all) const {
    return all.book.approval(identity, ItemKind::tool, "read");
  }
  const Approval* waits(const Approved& all) const {
    return all.book.waiting(identity, ItemKind::tool, "read");
  }
  SecretKey bob = SecretKey::generate();
  ServerIdentity identity = digest("test", "files");
  ApprovalRules dual{.dual = {"new", "widened"}, .key_classes = {}};
};

TEST_CASE_FIXTURE(TwoKeys, "dual: one key is not enough, two different ones are") {
  approve(key, "1", "new");
  auto first = approved(dual);
  CHECK_FALSE(counts(*first));
  REQUIRE(waits(*first));
  CHECK(waits(*first)->key_id == key.public_key().id());
  auto pinned = pin(identity, approval("files", "read", "1").definition);
  REQUIRE(pinned);
  auto verified = first->book.verify(*pinned, identity, now_utc_ns());
  REQUIRE_FALSE(verified);
  CHECK(verified.refusal().detail.find("waits for a second key") != std::string::npos);

  SUBCASE("the same key again") {
    approve(key, "1", "new");
    CHECK_FALSE(counts(*approved(dual)));
  }
  SUBCASE("another key over the same") {
    approve(bob, "1", "new");
    CHECK(counts(*approved(dual)));
    CHECK_FALSE(waits(*approved(dual)));
    CHECK(approved(dual)->items.size() == 1);
  }
  SUBCASE("another key over something else: then that waits") {
    approve(bob, "2", "new");
    auto second = approved(dual);
    CHECK_FALSE(counts(*second));
    REQUIRE(waits(*second));
    CHECK(waits(*second)->key_id == bob.public_key().id());
    CHECK(items().size() == 1);
  }
  SUBCASE("one key alone where the class needs no second") {
    CHECK(counts(*approved({})));
    approve(key, "1", "widened");
    CHECK(counts(*approved({.dual = {"instruction-bearing"}, .key_classes = {}})));
  }
  SUBCASE("what is riskier needs it, too") {
    CHECK_FALSE(counts(*approved({.dual = {"cosmetic"}, .key_classes = {}})));
    CHECK_FALSE(counts(*approved({.dual = {"instruction-bearing"}, .key_classes = {}})));
  }
}

TEST_CASE_FIXTURE(TwoKeys, "dual: what is of no class, and \"*\"") {
  approve(key, "1", "");
  CHECK_FALSE(counts(*approved(dual)));
  approve(key, "1", "cosmetic");
  CHECK(counts(*approved(dual)));
  CHECK_FALSE(counts(*approved({.dual = {"*"}, .key_classes = {}})));
  approve(key, "1", "cosmetic,widened");
  CHECK_FALSE(counts(*approved(dual)));
}

TEST_CASE_FIXTURE(TwoKeys, "dual: the class is the strictest that any of the two says") {
  dual.dual = {"new", "cosmetic"};  // so that both are kept
  approve(key, "1", "new");
  approve(bob, "1", "cosmetic");
  dual.dual = {"new"};
  CHECK(counts(*approved(dual)));
  REQUIRE(change([&](Keyring& keys, std::int64_t time_ns) {
    return keys.revoke(bob.public_key().id(), 0, key, time_ns);
  }));
  CHECK_FALSE(counts(*approved(dual)));
  CHECK(waits(*approved(dual)));
}

TEST_CASE_FIXTURE(TwoKeys, "where one key is enough, another key's approval takes its place") {
  approve(key, "1", "cosmetic");
  approve(bob, "1", "cosmetic", now_utc_ns() + hour_ns);
  CHECK(items().size() == 1);
  CHECK(counts(*approved(dual))->key_id == bob.public_key().id());
}

TEST_CASE_FIXTURE(TwoKeys, "dual: it ends with the first of the two that ends") {
  const auto now = now_utc_ns();
  approve(key, "1", "new", now + 2 * hour_ns);
  SUBCASE("the second ends sooner") {
    approve(bob, "1", "new", now + hour_ns);
    CHECK(counts(*approved(dual))->expires_ns == now + hour_ns);
  }
  SUBCASE("the second never ends") {
    approve(bob, "1", "new");
    CHECK(counts(*approved(dual))->expires_ns == now + 2 * hour_ns);
  }
}

TEST_CASE_FIXTURE(TwoKeys, "key_classes: what a key may not approve does not count") {
  approve(bob, "1", "new");
  const std::string bob_id = bob.public_key().id();
  auto with = [](const std::string& who, std::vector<std::string> classes) {
    return ApprovalRules{.dual = {}, .key_classes = {{who, std::move(classes)}}};
  };
  CHECK(counts(*approved(with("bob", {"new"}))));
  CHECK(counts(*approved(with("bob", {"*"}))));
  CHECK(counts(*approved(with("admin", {}))));
  CHECK_FALSE(counts(*approved(with("bob", {"cosmetic"}))));
  CHECK_FALSE(counts(*approved(with(bob_id, {"cosmetic"}))));
  CHECK_FALSE(counts(*approved(with("bob", {}))));
  const auto refused = approved(with("bop", {"new"}));
  CHECK(refused->refused.find("restricts the key 'bop', which is not in trust.keys") !=
        std::string::npos);
  approve(bob, "1", "");
  CHECK_FALSE(counts(*approved(with("bob", {"new"}))));
  CHECK(counts(*approved(with("bob", {"*"}))));
}

}  // namespace
}  // namespace toolgate

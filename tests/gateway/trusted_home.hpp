#pragma once
// A home with a root of trust, and approvals in it that are signed.

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "gateway/core/clock.hpp"
#include "gateway/store/decisions.hpp"
#include "gateway/store/sqlite.hpp"
#include "gateway/store/trust.hpp"
#include "signing/digest.hpp"
#include "tests/gateway/store_home.hpp"

namespace toolgate::test {

inline std::vector<Record> no_records(std::size_t) { return {}; }

class TrustedHome {
 public:
  TrustedHome() {
    auto begun = begin_trust(*store, by(key), keyring, no_records);
    if (!begun) FAIL(begun.refusal().detail);
  }

  Decider by(const SecretKey& who) const { return Decider{home.path(), who, ann}; }

  // Of a definition whose description is `note`.
  StoredApproval approval(const std::string& server, const std::string& item,
                          const std::string& note, const SecretKey& signer,
                          ItemKind kind = ItemKind::tool, const std::string& change_class = "new",
                          std::int64_t expires_ns = 0) const {
    StoredApproval one;
    one.definition.kind = kind;
    one.definition.key = item;
    one.definition.json = kind == ItemKind::instructions
                              ? "\"" + note + "\""
                              : R"({"name":")" + item + R"(","description":")" + note + "\"}";
    const ServerIdentity identity = digest("test", server);
    auto pinned = pin(identity, one.definition);
    REQUIRE(pinned);
    Approval approval{.server = server,
                      .identity = identity,
                      .kind = kind,
                      .key = item,
                      .pin = pinned->pin,
                      .scopes = digest("test", "scopes"),
                      .findings = "[]",
                      .who = ann,
                      .time_ns = now_utc_ns(),
                      .expires_ns = expires_ns,
                      .home = keyring.home(),
                      .change_class = change_class};
    auto record = sign_approval(approval, signer);
    REQUIRE(record);
    one.record = std::move(*record);
    return one;
  }
  StoredApproval approval(const std::string& server, const std::string& item,
                          const std::string& note, ItemKind kind = ItemKind::tool) const {
    return approval(server, item, note, key, kind);
  }
  Status put(const std::vector<StoredApproval>& approvals) const {
    return put_approvals(*store, by(key), {}, {}, approvals, {});
  }
  Result<std::size_t> revoke_items(const std::string& server,
                                   const std::vector<ItemName>& items) const {
    return revoke_approvals(*store, by(key), server, items, now_utc_ns(), no_records);
  }
  Result<std::size_t> revoke(const std::string& server,
                             const std::vector<std::string>& tools) const {
    std::vector<ItemName> items;
    for (const std::string& tool : tools) items.push_back(ItemName{ItemKind::tool, tool});
    return revoke_items(server, items);
  }
  Result<std::size_t> change(const KeyringChange& change) const {
    return change_keyring(*store, by(key), change, {}, no_records);
  }
  // The keys of the items that are stored and not revoked.
  std::vector<std::string> items() const {
    auto all = store->approvals();
    REQUIRE(all);
    std::vector<std::string> found;
    for (const StoredApproval& one : *all) found.push_back(one.definition.key);
    return found;
  }
  void sql(const std::string& statement) const {
    REQUIRE(store->database().run(statement.c_str()));
  }
  std::filesystem::path file(const char* name) const { return home.path() / name; }

  TemporaryHome home;
  std::unique_ptr<Store> store = home.open();
  SecretKey key = SecretKey::generate();
  Keyring keyring = *Keyring::begin(key, "admin", now_utc_ns());
  std::string ann = "ann";
};

}  // namespace toolgate::test

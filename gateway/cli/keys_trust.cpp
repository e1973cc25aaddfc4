// `toolgate keys add|rotate|revoke|reset`: who is trusted from now on.

#include <algorithm>
#include <utility>

#include "gateway/cli/commands.hpp"
#include "gateway/cli/home.hpp"
#include "gateway/cli/signing_key.hpp"
#include "gateway/cli/time_text.hpp"
#include "gateway/core/clock.hpp"
#include "gateway/core/document.hpp"
#include "gateway/store/decisions.hpp"
#include "gateway/store/trust.hpp"

namespace toolgate {
namespace {

// What a change of the keyring starts from.
struct Place {
  std::unique_ptr<Store> store;
  Keyring keyring;
};

Result<Place> trusted_place(const Invocation& call) {
  auto store = open_store(call);
  if (!store) return store.refusal();
  auto approved = approved_here(call, **store, ApprovalRules());
  if (!approved) return approved.refusal();
  return Place{std::move(*store), *(*approved)->keyring};
}

Record keys_record(std::string reason) {
  Record record;
  record.kind = "keys";
  record.decision = "allow";
  record.reason = std::move(reason);
  return by_administrator(std::move(record));
}

std::string with_withdrawn(const std::string& what, std::size_t withdrawn) {
  if (withdrawn == 0) return what;
  return what + "; " + std::to_string(withdrawn) + " approvals were withdrawn with it";
}

// Decides, records, and tells what was decided.
Status decide(const Invocation& call, Place& place, const SecretKey& by, const std::string& what,
              const KeyringChange& change) {
  const auto records = [&](std::size_t withdrawn) {
    return std::vector{keys_record(with_withdrawn(what, withdrawn))};
  };
  const std::string who = user_name();
  auto changed = change_keyring(*place.store, Decider{call.home, by, who}, change, {what}, records);
  if (!changed) return changed.refusal();
  call.console.out << visible(with_withdrawn(what, *changed)) << std::endl;
  return done();
}

Result<std::int64_t> end_option(const Invocation& call) {
  const auto text = call.option("expires");
  return text ? parse_end(*text, now_utc_ns()) : Result<std::int64_t>(0);
}

std::string described(const std::string& id, const std::string& name) {
  return "the key " + id + " ('" + name + "')";
}

Status add(const Invocation& call) {
  auto name = call.option("name");
  if (!name) return Refusal(Reason::usage, "say what it is called: --name NAME");
  const std::string role = call.option_or("role", "approver");
  const bool recovery = role == key_role_name(KeyRole::recovery);
  if (!recovery && role != key_role_name(KeyRole::approver)) {
    return Refusal(Reason::usage, "--role is approver or recovery");
  }
  auto expires_ns = end_option(call);
  if (!expires_ns) return expires_ns.refusal();
  auto key = public_key_given(call.arguments[0]);
  if (!key) return key.refusal();
  auto place = trusted_place(call);
  if (!place) return place.refusal();
  auto by = load_signing_key(call);
  if (!by) return by.refusal();
  const Keyring::NewKey added{.key = *key,
                              .name = *name,
                              .role = recovery ? KeyRole::recovery : KeyRole::approver,
                              .expires_ns = *expires_ns};
  return decide(
      call, *place, *by, described(key->id(), *name) + " was added as " + role,
      [&](Keyring& keyring, std::int64_t time_ns) { return keyring.add(added, *by, time_ns); });
}

Result<const TrustedKey*> known_key(const Keyring& keyring, const std::string& given) {
  const TrustedKey* key = keyring.named(given);
  if (key != nullptr) return key;
  std::vector<std::string> known;
  for (const TrustedKey& one : keyring.keys()) {
    known.push_back(one.key.id());
    known.push_back(one.name);
  }
  const std::string near = suggestion(given, known);
  return Refusal(Reason::not_found,
                 "there is no key " + visible(given) + " in trust.keys" +
                     (near.empty() ? ": `toolgate keys list` shows those that there are"
                                   : ": did you mean " + visible(near) + "?"));
}

// A time, or how long ago; nothing: all that it ever signed.
Result<std::int64_t> since_option(const Invocation& call) {
  const auto text = call.option("since");
  if (!text) return 0;
  auto age = parse_duration(*text);
  return age ? Result<std::int64_t>(now_utc_ns() - *age) : parse_time(*text);
}

// Keys that a key added while it is not trusted any more may be somebody else's.
void warn_of_added(const Invocation& call, const Keyring& keyring, const TrustedKey& revoked,
                   std::int64_t since_ns) {
  for (const TrustedKey& one : keyring.keys()) {
    if (one.added_by != revoked.key.id() || one.added_ns < since_ns || one.ended) continue;
    if (one.key.id() == revoked.key.id()) continue;
    call.console.error << styled(call.console, Style::warning, "toolgate:") << ' '
                       << visible(described(one.key.id(), one.name))
                       << " was added by that key and stays trusted: if you do not know it, "
                          "`toolgate keys revoke "
                       << one.key.id() << "`" << std::endl;
  }
}

Status revoke(const Invocation& call) {
  auto since_ns = since_option(call);
  if (!since_ns) return since_ns.refusal();
  auto place = trusted_place(call);
  if (!place) return place.refusal();
  auto found = known_key(place->keyring, call.arguments[0]);
  if (!found) return found.refusal();
  const TrustedKey& key = **found;
  auto by = load_signing_key(call);
  if (!by) return by.refusal();
  if (by->public_key() == key.key) {
    return Refusal(Reason::usage,
                   "a key does not revoke itself: `toolgate keys rotate --distrust` puts another "
                   "in its place, or sign with another one (--key)");
  }
  const std::string id = key.key.id();
  std::string what = described(id, key.name) + " was revoked";
  if (*since_ns > 0) what += " for what it signed since " + utc_text(*since_ns);
  auto decided = decide(call, *place, *by, what, [&](Keyring& keyring, std::int64_t time_ns) {
    return keyring.revoke(id, *since_ns, *by, time_ns);
  });
  if (decided) warn_of_added(call, place->keyring, key, *since_ns);
  return decided;
}

// "admin-2" after "admin", and so on.
std::string next_name(const Invocation& call, const Keyring& keyring) {
  if (const auto given = call.option("name")) return *given;
  int count = 2;
  while (keyring.named("admin-" + std::to_string(count)) != nullptr) ++count;
  return "admin-" + std::to_string(count);
}

// A new key of the administrator's, in a file beside the present one until it is trusted.
Result<SecretKey> next_admin_key(const Invocation& call) {
  auto passphrase = next_passphrase(call);
  if (!passphrase) return passphrase.refusal();
  SecretKey key = SecretKey::generate();
  auto saved = save_next_admin_key(call.home, key, *passphrase ? &**passphrase : nullptr);
  if (!saved) return saved.refusal();
  return key;
}

// The present keyring and the new key in it, with which a change is signed from then on.
Status replace_key(const Invocation& call, Place& place, const SecretKey& by,
                   const std::string& former_id, const std::string& verb) {
  const TrustedKey* former = place.keyring.find(former_id);
  const std::string former_text = described(former_id, former->name);
  auto expires_ns = end_option(call);
  if (!expires_ns) return expires_ns.refusal();
  auto next = next_admin_key(call);
  if (!next) return next.refusal();
  const Keyring::NewKey added{
      .key = next->public_key(), .name = next_name(call, place.keyring), .expires_ns = *expires_ns};
  const bool distrust = call.has("distrust");
  const std::string what = described(added.key.id(), added.name) + " " + verb + " " + former_text +
                           (distrust ? ", of which nothing counts any more"
                                     : ", of which what it signed before stays valid");
  auto change = [&](Keyring& keyring, std::int64_t time_ns) -> Status {
    auto taken = keyring.add(added, by, time_ns);
    if (!taken) return taken;
    return distrust ? keyring.revoke(former_id, 0, *next, time_ns)
                    : keyring.retire(former_id, *next, time_ns);
  };
  auto decided = decide(call, place, *next, what, change);
  if (!decided) return decided;
  auto after = read_decided(call.home, *place.store);
  if (!after) return after.refusal();
  return settle_admin_key(call.home, (*after)->trust.keyring);
}

Status rotate(const Invocation& call) {
  auto place = trusted_place(call);
  if (!place) return place.refusal();
  auto by = load_key(call);
  if (!by) return by.refusal();
  const TrustedKey* former = place->keyring.find(by->public_key());
  if (former == nullptr || !former->is_in_force(now_utc_ns())) {
    return Refusal(Reason::bad_signature,
                   "the key " + by->public_key().id() +
                       " is not in force in this home: `toolgate keys list` shows those that are");
  }
  return replace_key(call, *place, *by, by->public_key().id(), "takes the place of");
}

// Which key is lost: the one that is named, else that of admin.key.pub, else the only approver.
Result<std::string> lost_key(const Invocation& call, const Keyring& keyring) {
  if (const auto given = call.option("key")) {
    auto known = known_key(keyring, *given);
    return known ? Result<std::string>((*known)->key.id()) : known.refusal();
  }
  auto own = PublicKey::load(key_file(call).string() + ".pub");
  if (own && keyring.find(*own) != nullptr) return own->id();
  std::vector<std::string> approvers;
  for (const TrustedKey& one : keyring.keys()) {
    if (one.role == KeyRole::approver && !one.ended) approvers.push_back(one.key.id());
  }
  if (approvers.size() == 1) return approvers.front();
  return Refusal(Reason::usage,
                 "say which key is lost: --key KEYID; `toolgate keys list` shows "
                 "those that there are");
}

// A recovery key that somebody still has to bring, or nothing.
const TrustedKey* recovery_key(const Keyring& keyring) {
  const std::int64_t now_ns = now_utc_ns();
  const auto found = std::ranges::find_if(keyring.keys(), [&](const TrustedKey& one) {
    return one.role == KeyRole::recovery && one.is_in_force(now_ns);
  });
  return found == keyring.keys().end() ? nullptr : &*found;
}

Status recover(const Invocation& call, Place& place, const std::string& file) {
  auto lost = lost_key(call, place.keyring);
  if (!lost) return lost.refusal();
  auto by = load_signing_key(call, std::filesystem::absolute(file));
  if (!by) return by.refusal();
  const TrustedKey* recovery = place.keyring.find(by->public_key());
  if (recovery == nullptr || recovery->role != KeyRole::recovery ||
      !recovery->is_in_force(now_utc_ns())) {
    return Refusal(Reason::bad_signature,
                   "the key " + by->public_key().id() + " is no recovery key of this home");
  }
  return replace_key(
      call, place, *by, *lost,
      "was brought in by recovery key " + by->public_key().id() + " in the place of");
}

// Nothing that was decided before counts any more.
Status new_root(const Invocation& call, Store& store, const SecretKey& key,
                const std::string& why) {
  auto withdrawn = begin_root(call, store, key, why);
  if (!withdrawn) return withdrawn.refusal();
  auto after = read_decided(call.home, store);
  if (!after) return after.refusal();
  auto settled = settle_admin_key(call.home, (*after)->trust.keyring);
  if (!settled) return settled;
  call.console.out << styled(call.console, Style::warning, "every approval was withdrawn") << " ("
                   << *withdrawn << " of them): the key " << key.public_key().id()
                   << " is the new root of trust, alone. Review and approve each server again; "
                      "add other keys with `toolgate keys add`."
                   << std::endl;
  return done();
}

Status reset(const Invocation& call) {
  auto store = open_store(call);
  if (!store) return store.refusal();
  if (!call.has("lost")) {
    auto key = load_signing_key(call);
    if (!key) return key.refusal();
    return new_root(call, **store, *key, "began the trust of this home anew");
  }
  auto decided = read_decided(call.home, **store);
  const Keyring* keyring = decided && *decided ? &(*decided)->trust.keyring : nullptr;
  const TrustedKey* recovery = keyring ? recovery_key(*keyring) : nullptr;
  const auto file = call.option("recovery-key");
  if (file && keyring == nullptr) {
    return decided ? no_root(0) : decided.refusal();
  }
  if (file) {
    Place place{std::move(*store), *keyring};
    return recover(call, place, *file);
  }
  if (recovery != nullptr && !call.has("no-recovery")) {
    return Refusal(Reason::usage,
                   "this home has the recovery key " + recovery->key.id() + " ('" +
                       visible(recovery->name) +
                       "'), with which approvals stay: name its file with --recovery-key FILE; "
                       "without it (--no-recovery) every approval is withdrawn");
  }
  auto key = next_admin_key(call);
  if (!key) return key.refusal();
  return new_root(call, **store, *key, "is a new root of trust, since the former key was lost");
}

int run(const Invocation& call, Status (*command)(const Invocation&)) {
  const Status status = command(call);
  return status ? exit_status::done : fail(call.console, status.refusal());
}

}  // namespace

int keys_add_command(const Invocation& call) { return run(call, add); }
int keys_rotate_command(const Invocation& call) { return run(call, rotate); }
int keys_revoke_command(const Invocation& call) { return run(call, revoke); }
int keys_reset_command(const Invocation& call) { return run(call, reset); }

}  // namespace toolgate

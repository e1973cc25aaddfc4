#pragma once
// What commands share around the home: its files, the administrator's key, the record of what was
// done.
//
//   toolgate.json        configuration        store.db        records, approvals, agents
//   admin.key            administrator's key  admin.key.pub   the same, public
//   trust.keys           whose signatures count                trust.head      the last decision
//   (gateway/store/trust_files.hpp)
//   review.key, reviews/ seal what `review` showed until `approve` signs it (last_review.hpp)
//   run/*.json           what running gateways say of themselves (status_source.hpp)
//   packages/            frozen packages (gateway/packages/frozen.hpp)

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/broker/approved.hpp"
#include "gateway/cli/commands.hpp"
#include "gateway/config/configuration.hpp"
#include "gateway/core/result.hpp"
#include "gateway/store/audit.hpp"
#include "gateway/store/store.hpp"
#include "signing/keys.hpp"
#include "signing/pins.hpp"
#include "signing/review_seal.hpp"

namespace toolgate {

// The configuration, with the artefacts of its frozen servers.
Result<Configuration> load_configuration(const Invocation& call);
// Refuses with `not_found` a name that the configuration does not have, and offers the nearest.
Result<ServerEntry> find_server(const Invocation& call, const Configuration& configuration,
                                const std::string& name);
Result<std::unique_ptr<Store>> open_store(const Invocation& call);

std::filesystem::path key_file(const Invocation& call);  // admin.key
// A new passphrase: from TOOLGATE_PASSPHRASE_FILE, or asked twice on the terminal (empty: none), or
// none.
Result<std::optional<SecretBytes>> new_passphrase(const Invocation& call);
// The same for a key that takes the place of another, or is to have another passphrase: from
// TOOLGATE_NEW_PASSPHRASE_FILE, else as above.
Result<std::optional<SecretBytes>> next_passphrase(const Invocation& call);
// The administrator's key, opened; asks for its passphrase where it needs one.
Result<SecretKey> load_key(const Invocation& call);
// The same for a key in another file of toolgate's own form (signing_key.hpp takes minisign's,
// too).
Result<SecretKey> load_key(const Invocation& call, const std::filesystem::path& file);
// The passphrase of a key that needs one: from TOOLGATE_PASSPHRASE_FILE, or asked on the terminal.
Result<SecretBytes> known_passphrase(const Invocation& call, const std::filesystem::path& file);
// What counts as approved in this home, and whose signatures do; `keyring` is there. Where the
// store is not what was decided here, or nobody is trusted yet, that is recorded and refused with
// `bad_signature`. Finishes a rotation of the administrator's key that was cut off.
Result<std::shared_ptr<const Approved>> approved_here(const Invocation& call, Store& store,
                                                      const ApprovalRules& rules);

// A new root of trust with this key, named "admin", and its record; every approval that was there
// is withdrawn (returns how many). `why` follows the key's id in the record.
Result<std::size_t> begin_root(const Invocation& call, Store& store, const SecretKey& key,
                               const std::string& why);

// The seal of this home's reviews; makes its key where there is none.
Result<ReviewSeal> review_seal(const Invocation& call);

// The record with who did it.
Record by_administrator(Record record);
// Records what an administrator did, on disk (fsync) before it returns.
Status record_act(const Invocation& call, Record record);
// The same for many records, in their order.
Status record_acts(const Invocation& call, std::vector<Record> records);
// This process's user, for people: "alice", or "uid 1000".
std::string user_name();

// "instructions", a name or URI alone, or "prompt:NAME": as approve and revoke take it, and as they
// print it.
std::string item_text(const Definition& definition);
bool names_item(const std::string& text, const Definition& definition);

// A time for people, to the second: "2026-11-21 03:40:17".
std::string short_time(std::int64_t utc_ns);

}  // namespace toolgate

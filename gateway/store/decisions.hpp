#pragma once
// What an administrator decides about approvals and keys, with the records of it: each decision is
// one transaction, in which it also becomes the head of the home's chain of decisions (trust.hpp);
// so however a command ends, all of it is there or nothing is, and no approval counts that the log
// does not have. Each is refused, with nothing changed, where what is there is not what was decided
// before: a decision on top would make it so. On disk when they return.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "gateway/core/result.hpp"
#include "gateway/store/audit.hpp"
#include "gateway/store/store.hpp"
#include "signing/keyring.hpp"

namespace toolgate {

// Who decides. All of it outlives the decision.
struct Decider {
  const std::filesystem::path& home;
  const SecretKey& key;
  const std::string& who;  // the user's name, for people
};

// An approval takes the place of the server's earlier ones for the same kind and key; where the
// rules ask for two keys, those of other keys over the same content stay. `basis` is what the
// approvals were signed over, of one server: refuses with `held` when the store does not hold just
// that any more, or when a gateway saw one of them otherwise and the review did not show it
// (sightings.hpp); what it showed of them is settled.
Status put_approvals(Store& store, const Decider& by, const ApprovalRules& rules,
                     const std::vector<Shown>& basis, const std::vector<StoredApproval>& approvals,
                     std::vector<Record> records);

// Of a revocation of that many approvals; where it names none, nothing is decided or recorded.
using RecordsOf = std::function<std::vector<Record>(std::size_t count)>;

// How many approvals of the server are in force: all, or those of the named items.
Result<std::size_t> count_approvals(Store& store, const std::string& server,
                                    const std::vector<ItemName>& items);
// Revokes them, and forgets what was seen of them; returns how many.
Result<std::size_t> revoke_approvals(Store& store, const Decider& by, const std::string& server,
                                     const std::vector<ItemName>& items, std::int64_t time_ns,
                                     const RecordsOf& records);

// Changes the keyring. Approvals that do not count under it any more are withdrawn; returns how
// many. `change` gets the keyring as it is and a time for its lines; the decider's key is one of
// those that it leaves in force.
using KeyringChange = std::function<Status(Keyring& keyring, std::int64_t time_ns)>;
Result<std::size_t> change_keyring(Store& store, const Decider& by, const KeyringChange& change,
                                   std::vector<std::string> items, const RecordsOf& records);

// A new root of trust, in a home without one or in the place of the one that was: every approval is
// withdrawn (returns how many), and every decision before it forgotten. `keyring` was begun with
// the decider's key.
Result<std::size_t> begin_trust(Store& store, const Decider& by, const Keyring& keyring,
                                const RecordsOf& records);

}  // namespace toolgate

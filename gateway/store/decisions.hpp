#pragma once
// What an administrator decides about approvals, with the records of it: each decision is one
// transaction, so that however a command ends, all of it is there or nothing is, and no approval
// counts that the log does not have. On disk when they return.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "gateway/core/result.hpp"
#include "gateway/store/audit.hpp"
#include "gateway/store/store.hpp"

namespace toolgate {

// An approval takes the place of the server's earlier one for the same kind and key. `basis` is
// what the approvals were signed over, of one server: refuses with `held` when the store does not
// hold just that any more, or when a gateway saw one of them otherwise and the review did not show
// it (sightings.hpp); what it showed of them is settled.
Status put_approvals(Store& store, const std::vector<Shown>& basis,
                     const std::vector<StoredApproval>& approvals, std::vector<Record> records);

// Of a revocation of that many approvals; where it names none, nothing is recorded.
using RecordsOf = std::function<std::vector<Record>(std::size_t count)>;

// Revokes the server's approvals (all, or the named keys of any kind); returns how many.
Result<std::size_t> revoke_approvals(Store& store, const std::string& server,
                                     const std::vector<std::string>& keys, std::int64_t time_ns,
                                     const RecordsOf& records);

}  // namespace toolgate

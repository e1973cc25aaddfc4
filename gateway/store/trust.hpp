#pragma once
// Whether what the store says of approvals is what administrators decided in this home, all of it
// and nothing later undone.
//
// The store has every decision, as a chain, and the approvals that are in force. The last decision
// (the head) is signed, and says the digest of the chain before it, of the approvals and of the
// keyring after it; the home keeps a copy of it, and the keyring, beside the store
// (trust_files.hpp). What the two say must agree. The store may be ahead of the files, by whole
// decisions: a process was killed between the two, and the files are brought up. Anything else was
// done by somebody who is no administrator, and then nothing is approved:
//   an approval or a decision edited, removed or put back; an older store, or another home's;
//   trust.keys edited, cut off, older, another home's or a stranger's; trust.head removed or older
//   than the files beside it let it be.
//
// It does not protect against somebody who brings the whole home back to an earlier state, store
// and files together; nor, between a kill and the next command, against one who takes away just the
// decision during which the process was killed.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "gateway/core/result.hpp"
#include "gateway/store/audit.hpp"
#include "gateway/store/store.hpp"
#include "gateway/store/trust_files.hpp"
#include "signing/decision.hpp"
#include "signing/keyring.hpp"

namespace toolgate {

struct Trust {
  Keyring keyring;
  SignedDecision head;
  Decision decision;  // the head's
  Digest chain;       // over all decisions, the head included
  enum class Files { current, behind } files = Files::current;
};

// Nothing for a home that has no root of trust yet: nothing counts in it. `files` were read before,
// and the store is read in one transaction of the caller's. Refuses with `bad_signature`, the thing
// and the remedy what is not as it was decided.
Result<std::optional<Trust>> check_trust(const TrustFiles& files, Store& store,
                                         std::int64_t now_ns);

// What was decided, and the approvals that are in force after it.
struct Decided {
  Trust trust;
  std::vector<StoredApproval> approvals;
};
// The same, with its own transaction, and with files that are behind brought up.
Result<std::optional<Decided>> read_decided(const std::filesystem::path& home, Store& store);

// That a home has no root of trust yet, and what to do.
Refusal no_root(std::size_t outdated_approvals);

// The approvals that are not withdrawn: by their rows, a digest over each column.
Result<std::map<std::int64_t, Digest>> approvals_in_force(Store& store);
Digest approval_row_digest(const std::string& server, const Definition& definition,
                           const SignedApproval& record);
// Over all of them, whatever their rows' numbers: what a decision says.
Digest approvals_digest(const std::multiset<Digest>& approvals);
Result<Digest> approvals_digest(Store& store);

// Approvals of a version that named no home: they do not count any more.
Result<std::size_t> count_outdated_approvals(Store& store);

// Of a refusal of all approvals, for the log.
Record refused_approvals(const Refusal& why);

}  // namespace toolgate

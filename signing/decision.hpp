#pragma once
// Decisions: what administrators did about approvals and keys, each signed and each a link of one
// chain. The last of them is the head: it says how many there were, which approvals are in force
// after it, and which keyring; so whoever takes a revocation away, puts an approval back or brings
// an older copy of the store has to forge a signature.
//
//   Chain chain;
//   chain.add(first);                              // one after the other
//   next.chain = chain.digest();                   // what the next one follows
//   auto record = sign_decision(next, key);

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/core/result.hpp"
#include "gateway/core/untrusted.hpp"
#include "signing/digest.hpp"
#include "signing/keyring.hpp"
#include "signing/keys.hpp"
#include "signing/statement.hpp"

namespace toolgate {

// Its text is canonical JSON (statement.hpp) with "type":"toolgate.decision" and "v":1.
struct Decision {
  Digest home;                     // Keyring::home()
  std::int64_t sequence = 1;       // of the first one: 1
  Digest chain;                    // over all before it
  Digest approvals;                // over all that are in force after it
  Digest keys;                     // Keyring::digest() after it
  std::string act;                 // "begin", "approve", "revoke", "keys"
  std::string server;              // of approve and revoke
  std::vector<std::string> items;  // what it names; of a revocation of all: nothing
  std::string who;                 // the administrator's user name, for people
  std::int64_t time_ns = 0;        // not before that of the decision before it
};

using SignedDecision = SignedText;

// Refuses with `malformed` names that are no UTF-8.
Result<SignedDecision> sign_decision(const Decision& decision, const SecretKey& key);

// Refuses with `bad_signature` what no approver of the keyring signed who was in force at its time,
// or that is older than the keyring; with `malformed` a version, member or form that this program
// does not know.
Result<Decision> open_decision(const SignedDecision& record, const Keyring& keyring);

// As it says; nobody has looked at who signed it. The refusal is `malformed`.
Result<Decision> read_decision(const SignedDecision& record);

// The digest over decisions in their order, signatures included.
class Chain {
 public:
  void add(const SignedDecision& decision);
  const Digest& digest() const { return digest_; }

 private:
  Digest digest_;
};

// The file `trust.head`: a line that says what it is, and the last decision.
std::string head_text(const SignedDecision& decision);
// Refuses with `bad_signature`.
Result<SignedDecision> parse_head(Untrusted<std::string> text);

}  // namespace toolgate

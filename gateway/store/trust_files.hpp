#pragma once
// What the home keeps outside of the store, so that who can write the store alone can neither bring
// an older copy of it nor one of another home:
//
//   trust.keys   the keyring (signing/keyring.hpp)
//   trust.head   the last decision (signing/decision.hpp)
//   trust.next   the keyring of a new root, from before the store has it until the two above do
//   trust.lock   empty; who decides holds it, from before the decision until the files are written
//
// A decision is written into the store, then to trust.keys, then to trust.head; so whoever reads
// takes trust.head first, then trust.keys, then the store, and never sees one that is older than
// what it already read.

#include <filesystem>
#include <optional>
#include <string>

#include "gateway/core/result.hpp"
#include "signing/decision.hpp"
#include "signing/keyring.hpp"

namespace toolgate {

struct TrustFiles {
  std::optional<std::string> head;
  std::optional<std::string> keys;
  std::optional<std::string> next;
};

// In that order; what is not there is nothing. Refuses with `storage` what is no plain file of this
// user's that nobody else can write.
Result<TrustFiles> read_trust_files(const std::filesystem::path& home);

// Both files, as far as they differ, each replaced as a whole and on disk; then there is no next.
Status write_trust_files(const std::filesystem::path& home, const Keyring& keyring,
                         const SignedDecision& head);
Status write_next_keys(const std::filesystem::path& home, const Keyring& keyring);

// Held until it goes, however its process ends.
class TrustLock {
 public:
  enum class Wait { yes, no };
  // Nothing: somebody else has it (and no wait was wanted).
  static Result<std::optional<TrustLock>> take(const std::filesystem::path& home, Wait wait);
  TrustLock(TrustLock&& other) noexcept;
  TrustLock& operator=(TrustLock&&) = delete;
  ~TrustLock();

 private:
  explicit TrustLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace toolgate

#pragma once
// The keyring: whose signatures count in one home. It is a text of lines, the file `trust.keys`:
//
//   toolgate trusted keys v1
//   STATEMENT KEYID SIGNATURE          the root: the first key, signed by itself
//   STATEMENT KEYID SIGNATURE          "add", "retire" or "revoke" of one key
//
// Each line carries the digest of the one before it, and is signed by a key that the lines before
// it trust at its time. So a text that parses was made by holders of its keys alone, from its root
// on; it may lack lines at its end, which the home's decisions tell (gateway/store/trust.hpp).
// Whatever version, member or order this program does not know is refused, and so is a line that
// leaves nobody to approve.
//
// Approvers sign approvals, revocations and changes of the keyring; recovery keys, which are kept
// elsewhere, sign changes of the keyring alone. Lines are never taken away: a key that was retired
// or revoked stays in the list, with the time from when on its signatures do not count.
//
// The digest of the root's line is the home's id: approvals and decisions carry it, so that those
// of another home are none here.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/core/result.hpp"
#include "gateway/core/untrusted.hpp"
#include "signing/digest.hpp"
#include "signing/keys.hpp"
#include "signing/statement.hpp"

namespace toolgate {

enum class KeyRole { approver, recovery };
std::string_view key_role_name(KeyRole role);  // "approver", "recovery"

struct TrustedKey {
  PublicKey key;
  std::string name;
  KeyRole role = KeyRole::approver;
  std::int64_t added_ns = 0;
  std::int64_t expires_ns = 0;  // 0: never; what it signed ends with it
  std::string added_by;         // the id of a key; its own of the root

  struct End {
    std::int64_t since_ns = 0;  // what it signed then or later does not count
    std::int64_t time_ns = 0;   // when that was decided
    enum class Why { retired, revoked } why = Why::retired;
  };
  std::optional<End> ended;

  // May it sign at that time, as far as is known now?
  bool is_in_force(std::int64_t time_ns) const;
  // Does an approval that it signed at that time count, unless one of the two has expired? The
  // refusal is `bad_signature` and says why not.
  Status counts(std::int64_t signed_ns) const;
};

class Keyring {
 public:
  static constexpr std::size_t text_bytes_most = std::size_t{1} << 20;
  static constexpr std::size_t lines_most = 1'000;
  static constexpr std::size_t name_bytes_most = 64;

  // A new root of trust, and so a new home.
  static Result<Keyring> begin(const SecretKey& root, const std::string& name,
                               std::int64_t time_ns);
  // Refuses with `bad_signature`, naming the line and what is wrong with it.
  static Result<Keyring> parse(Untrusted<std::string> text);

  const std::string& text() const { return text_; }
  Digest digest() const;  // of the text
  const Digest& home() const { return home_; }
  std::int64_t time_ns() const { return time_ns_; }  // of the last line
  const std::vector<TrustedKey>& keys() const { return keys_; }
  // Valid until the keyring changes.
  const TrustedKey* find(std::string_view id) const;
  const TrustedKey* find(const PublicKey& key) const;
  const TrustedKey* named(std::string_view id_or_name) const;

  // Each adds one line, signed by `by`, and refuses with `usage` or `bad_signature` what parse()
  // would refuse of it; then nothing has changed.
  struct NewKey {
    PublicKey key;
    std::string name;  // its own: no other key has it
    KeyRole role = KeyRole::approver;
    std::int64_t expires_ns = 0;
  };
  Status add(const NewKey& key, const SecretKey& by, std::int64_t time_ns);
  // What it signed before now stays valid.
  Status retire(const std::string& id, const SecretKey& by, std::int64_t time_ns);
  // Nothing that it signed at `since_ns` or later counts; 0: nothing at all.
  Status revoke(const std::string& id, std::int64_t since_ns, const SecretKey& by,
                std::int64_t time_ns);

 private:
  struct Line;
  Keyring() = default;
  Line next_line(std::int64_t time_ns) const;
  Status append(const Line& line, const SecretKey& by);
  Status take(std::string_view text);
  Status check_signer(const SignedText& line, std::int64_t time_ns) const;
  Status apply(const Line& line, const std::string& signer);
  Status apply_add(const Line& line, const std::string& signer);
  Status apply_end(const Line& line);

  std::string text_;
  Digest last_;  // of the last line
  std::size_t lines_ = 0;
  Digest home_;
  std::int64_t time_ns_ = 0;
  std::vector<TrustedKey> keys_;
};

// The 56 characters of base64 that a public key is in a keyring, as in the second line of a .pub
// file.
std::string public_key_text(const PublicKey& key);
Result<PublicKey> parse_public_key_text(std::string_view text);

}  // namespace toolgate

#pragma once
// The `requestState` that the broker hands to an agent with an `input_required` result and gets
// back with the next attempt (MCP 2026-07-28, "Multi Round-Trip Requests"). It passes through hands
// that want to change it, so it is sealed: only a process with the key can make one, nobody else
// can read it, and it opens for nothing but what it was bound to.
//
//   auto seal = StateSeal::load_or_make(home / "state.key");
//   auto state = seal->seal(plain, "agent alice tools/call files__read");
//   auto plain = seal->open(*state, "agent alice tools/call files__read");
//
// Two requests must not be bound to the same text unless they may use each other's states: whoever
// joins several words to one text keeps them apart (by a digest, or a sign that none can have).
//
// It does not protect against an agent that sends the same state twice, or much later: who needs
// that puts a time and a number into the plain text, and looks at them.
//
// A sealed state is base64url without padding over
//   version (1 byte: 1) | nonce (24) | ciphertext | tag (16)
// by XChaCha20-Poly1305 under a random nonce; the associated data is a word of this program's for
// version 1 and what the state is bound to.

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "gateway/core/result.hpp"
#include "signing/keys.hpp"

namespace toolgate {

class StateSeal {
 public:
  static constexpr std::size_t sealed_bytes_most = std::size_t{64} << 10;  // as text
  static constexpr std::size_t plain_bytes_most = sealed_bytes_most / 4 * 3 - 41;

  // The key in this file (mode 0600), which is made where there is none: of several processes that
  // do so at once, all get the same key. Refuses with `storage` what is no such file of this user's
  // alone.
  static Result<StateSeal> load_or_make(const std::filesystem::path& path);
  // A key that ends with this object.
  static StateSeal generate();

  // Refuses with `too_large` more than plain_bytes_most: some of it may be a server's own state.
  Result<std::string> seal(std::string_view plain, std::string_view bound_to) const;
  // Refuses with `invalid_params`, and says nothing of why.
  Result<std::string> open(std::string_view sealed, std::string_view bound_to) const;

 private:
  explicit StateSeal(SecretBytes key);
  SecretBytes key_;
};

}  // namespace toolgate

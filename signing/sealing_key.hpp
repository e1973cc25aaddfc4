#pragma once
// The random key behind a seal, in a file of its own: one line that says what it is for, and the
// key in base64 on the next.

#include <cstddef>
#include <filesystem>
#include <string_view>

#include "gateway/core/result.hpp"
#include "signing/keys.hpp"

namespace toolgate {

inline constexpr std::size_t sealing_key_bytes = 32;

// What a key file is for, so that none is taken for another.
struct SealingKeyKind {
  std::string_view file_line;  // the first line, with its end
  std::string_view purpose;    // "the state of requests"
  std::string_view maker;      // "the gateway": who makes a new one where there is none
};

// The key in this file (mode 0600), which is made where there is none: of several processes that
// do so at once, all get the same key. Refuses with `storage` what is no such file of this user's
// alone.
Result<SecretBytes> load_or_make_sealing_key(const std::filesystem::path& path,
                                             const SealingKeyKind& kind);
SecretBytes random_sealing_key();

}  // namespace toolgate

#pragma once
// Signing and verifying what an open file holds (minisign.hpp has the format).
//
// A file is read once, by its descriptor and in pieces: its hash takes no more memory for 2 GB than
// for a line. A legacy signature is over the bytes themselves, which have to be in memory at once
// then: that has a bound.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "gateway/core/result.hpp"
#include "signing/keys.hpp"
#include "signing/minisign.hpp"

namespace toolgate {

constexpr std::uint64_t legacy_bytes_most = std::uint64_t{256} << 20;

// A file that is open for reading, at its beginning. The descriptor stays the caller's.
struct ReadableFile {
  int descriptor = -1;
  std::string name;  // for refusals
  // Called now and then while it is read; may be empty.
  std::function<void(std::uint64_t done, std::uint64_t size)> progress = {};
};

// Both refuse with `storage` what is no regular file, cannot be read, or is changed meanwhile.
// Refuses with `usage` a comment that cannot stand in a signature.
Result<FileSignature> sign_file(const SecretKey& key, const ReadableFile& file,
                                std::string_view trusted_comment);
// The trusted comment. Refuses with `bad_signature` a file that is not what the key signed, with
// `too_large` one that is too long for a legacy signature.
Result<std::string> verify_file(const PublicKey& key, const ReadableFile& file,
                                const FileSignature& signature);

}  // namespace toolgate

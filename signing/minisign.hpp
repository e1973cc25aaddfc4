#pragma once
// Detached signatures of files in minisign's format: what a publisher makes with `minisign -S` or
// `toolgate sign`, and what anybody checks who knows the publisher's key. Source: the format as
// minisign documents it (https://jedisct1.github.io/minisign/, "Signature format").
//
//   untrusted comment: TEXT
//   BASE64( algorithm (2) | key id (8) | Ed25519 signature (64) )
//   trusted comment: TEXT
//   BASE64( Ed25519 signature over the 64 bytes of the one above and the trusted TEXT (64) )
//
// "ED" signs the file's BLAKE2b-512, "Ed" (legacy) its bytes. Both are verified; only "ED" is made.
// So what a key signs here is 64 bytes or more, and never the 32 of a digest (digest.hpp): no
// signature of a file is one over an approval.
//
// Lines end as minisign takes them, with LF or CR LF, the last one also with nothing. All else has
// one form only: lengths, base64, no bytes after the fourth line. The text of the untrusted comment
// is signed by nobody and shown to nobody.
//
//   auto signature = FileSignature::parse(text);
//   auto comment = signature->verify(key, bytes);    // the trusted comment, or why not

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "gateway/core/result.hpp"
#include "signing/keys.hpp"

namespace toolgate {

using FileHash = std::array<std::uint8_t, 64>;  // BLAKE2b-512, without a key

class FileSignature {
 public:
  enum class Algorithm { whole, hashed };  // "Ed", "ED"
  static constexpr std::size_t text_bytes_most = 16'384;

  // The refusal is `bad_signature` and says which line is wrong in which way. What was parsed
  // proves nothing yet.
  static Result<FileSignature> parse(std::string_view text);
  // Refuses with `usage` a comment that cannot stand there.
  static Result<FileSignature> make(const SecretKey& key, const FileHash& hash,
                                    std::string_view trusted_comment);
  std::string text() const;

  Algorithm algorithm() const { return algorithm_; }
  std::string key_id() const;
  // What can be said without the file: it claims to be by this key, and the key signed its comment.
  Status check_claim(const PublicKey& key) const;
  // All of it; only then the trusted comment may be seen. `bytes` is what the algorithm signs: the
  // file's FileHash, or the whole file. Whole files of 64 bytes are refused, since no signature
  // says whether such bytes are a file or the hash of another one. The refusal is `bad_signature`.
  Result<std::string> verify(const PublicKey& key, std::string_view bytes) const;
  // The same of the whole content, for either algorithm.
  Result<std::string> verify_content(const PublicKey& key, std::string_view content) const;

 private:
  using Signature = std::array<std::uint8_t, 64>;
  FileSignature() = default;
  std::string commented() const;  // what the second signature is over

  std::string untrusted_comment_;
  Algorithm algorithm_ = Algorithm::hashed;
  std::array<std::uint8_t, 8> key_id_{};
  Signature signature_{};
  std::string trusted_comment_;
  Signature comment_signature_{};
};

// May this stand in a trusted comment? UTF-8 without control characters other than the tab, in a
// line that minisign still reads. Refuses with `usage`.
Status check_trusted_comment(std::string_view comment);

}  // namespace toolgate

#pragma once
// SHA-256 with domain separation: the digest of a definition can never equal the digest of, say, an
// approval over the same bytes. digest(domain, bytes) = SHA-256("toolgate\0" domain "\0"
// len64be(bytes) bytes). Computed by OpenSSL, which uses the processor's SHA instructions. Throws
// when OpenSSL fails.
//
//   digest("approval", text).text()      // "sha256:9f86d0…"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "gateway/core/result.hpp"

namespace toolgate {

class Digest {
 public:
  Digest() = default;
  explicit Digest(std::array<std::uint8_t, 32> bytes) : bytes_(bytes) {}
  const std::array<std::uint8_t, 32>& bytes() const { return bytes_; }
  std::string text() const;  // "sha256:" and 64 lower-case hex digits
  // Exactly what text() writes, or a refusal with `malformed`.
  static Result<Digest> parse(std::string_view text);
  friend auto operator<=>(const Digest&, const Digest&) = default;

 private:
  std::array<std::uint8_t, 32> bytes_{};
};

// Plain SHA-256 in pieces, for the content of files: what sha256sum(1) prints. One may be used for
// many files; throws when OpenSSL fails.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  void add(std::string_view bytes);
  std::array<std::uint8_t, 32> finish();  // and begin anew

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// `domain` is a word of the program, without NUL; never text from outside.
Digest digest(std::string_view domain, std::string_view bytes);

// SHA-256 of the bytes alone: for comparing with a digest that somebody else made. Nothing of ours
// is known by it.
Digest plain_sha256(std::string_view bytes);

}  // namespace toolgate

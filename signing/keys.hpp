#pragma once
// Ed25519 keys (RFC 8032, libsodium). Secret bytes live in sodium_malloc memory and are never in a
// std::string, an exception or a log.
//
// A signature is over digest(domain, message), so that one over an approval is never one over
// anything else; those of files (minisign.hpp) are over longer bytes than a digest.
//
// Files: the public key in minisign's format; the secret key in one of the same kind of file,
// encrypted with a passphrase (Argon2id, XChaCha20-Poly1305) or, where there was no terminal to ask
// on, in the clear with mode 0600 (key_file.cpp describes the bytes). Loading refuses what is no
// regular file of this user's, or what others can read or write: a key that somebody else could
// have placed or copied is no key.
//
//   start_cryptography();
//   auto key = SecretKey::generate();
//   auto signature = key.sign("approval", text);
//   auto status = key.public_key().verify("approval", text, signature);

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/core/result.hpp"

namespace toolgate {

// Bytes that are wiped when they go: passphrases, key material. They start as zeros, stand between
// guard pages, and are kept out of swap and core files where the kernel lets us. Move-only; what
// was moved from is empty. Throws std::bad_alloc.
class SecretBytes {
 public:
  explicit SecretBytes(std::size_t size);
  SecretBytes(SecretBytes&& other) noexcept;
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  ~SecretBytes();
  std::uint8_t* data() { return data_; }
  const std::uint8_t* data() const { return data_; }
  std::size_t size() const { return size_; }
  // Valid as long as the bytes are. Never copy it into a std::string.
  std::string_view view() const;

 private:
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

// A key's id as minisign prints it: 16 upper-case hex digits.
std::string key_id_text(const std::array<std::uint8_t, 8>& id);

class PublicKey {
 public:
  std::string id() const;             // key_id_text()
  std::string minisign_text() const;  // the two lines of a minisign .pub file
  // Exactly such a text; the refusal is `bad_signature`. Points of small order are no keys.
  static Result<PublicKey> parse(std::string_view minisign_text);
  // From a file of this user's or root's that nobody else can write. Refuses with `storage` what is
  // no such file, with `bad_signature` what is no key.
  static Result<PublicKey> load(const std::filesystem::path& path);
  // Signature: 64 bytes, base64. `domain` is a word of the program and keeps signatures over
  // different kinds of things apart. The refusal is `bad_signature`.
  Status verify(std::string_view domain, std::string_view message,
                std::string_view signature_base64) const;
  friend bool operator==(const PublicKey&, const PublicKey&) = default;

 private:
  friend class SecretKey;
  friend class FileSignature;    // minisign.hpp
  friend class MinisignKeyFile;  // minisign_key.hpp
  std::array<std::uint8_t, 8> id_{};
  std::array<std::uint8_t, 32> key_{};
};

class SecretKey {
 public:
  static SecretKey generate();
  const PublicKey& public_key() const { return public_; }
  std::string sign(std::string_view domain, std::string_view message) const;  // base64

  // Writes `path` (mode 0600) and `path`.pub: new files only, each whole and on disk or not there
  // at all. Refuses with `storage`.
  Status save(const std::filesystem::path& path, const SecretBytes* passphrase) const;
  // Writes `path` anew, under another passphrase or none: the old file or the new one is there.
  // `path`.pub stays as it is. Refuses with `storage`.
  Status reseal(const std::filesystem::path& path, const SecretBytes* passphrase) const;
  // Refuses with `storage` when the file cannot be read or is not private, with `bad_signature`
  // when it is no key or the passphrase is wrong or missing. A passphrase for a file in the clear
  // is not looked at. Deriving the key from a passphrase takes 256 MiB and about a second.
  static Result<SecretKey> load(const std::filesystem::path& path, const SecretBytes* passphrase);
  // False, too, for what load() would refuse in any case.
  static bool needs_passphrase(const std::filesystem::path& path);

 private:
  friend class FileSignature;    // signs hashes of files
  friend class MinisignKeyFile;  // keeps the id that such a file gives its key
  explicit SecretKey(SecretBytes seed_and_key);
  SecretBytes clear_payload() const;  // of a key file (key_file.cpp)
  PublicKey public_;
  SecretBytes secret_;
};

// Once per process, before any of the above; throws when libsodium cannot start. More often does no
// harm.
void start_cryptography();

// 256 bits from the kernel, base64url without padding: session ids, bearer tokens.
std::string random_token();
// For storing a bearer token: BLAKE2b-256 under a fixed domain, hex. Tokens have 256 bits of
// entropy, so no slow hash is needed.
std::string token_hash(std::string_view token);
// Equal, in time that does not depend on where they differ?
bool constant_time_equal(std::string_view a, std::string_view b);

}  // namespace toolgate

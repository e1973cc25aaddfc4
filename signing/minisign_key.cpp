#include "signing/minisign_key.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "signing/private_file.hpp"
#include "signing/strict_base64.hpp"

namespace toolgate {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view comment_prefix = "untrusted comment: ";
constexpr std::size_t derivation_at = 2;
constexpr std::size_t salt_at = 6;
constexpr std::size_t operations_at = salt_at + crypto_pwhash_scryptsalsa208sha256_SALTBYTES;
constexpr std::size_t memory_at = operations_at + 8;
constexpr std::size_t secret_at = memory_at + 8;

// Within the secret part.
constexpr std::size_t id_bytes = 8;
constexpr std::size_t public_at = id_bytes + crypto_sign_SEEDBYTES;
constexpr std::size_t sum_at = id_bytes + crypto_sign_SECRETKEYBYTES;
constexpr std::size_t sum_bytes = 32;
constexpr std::size_t secret_bytes = sum_at + sum_bytes;
constexpr std::size_t payload_bytes = secret_at + secret_bytes;

// What minisign writes, and halves where there is not enough memory.
constexpr std::uint64_t operations_most = crypto_pwhash_scryptsalsa208sha256_OPSLIMIT_SENSITIVE;
constexpr std::uint64_t memory_most = crypto_pwhash_scryptsalsa208sha256_MEMLIMIT_SENSITIVE;

std::uint64_t read_u64(const std::uint8_t* at) {
  std::uint64_t number = 0;
  for (unsigned i = 8; i-- > 0;) number = number << 8 | at[i];
  return number;
}

// The second of two lines, which minisign takes with LF or CR LF at their ends.
std::optional<std::string_view> key_line(std::string_view text) {
  const std::size_t first = text.find('\n');
  if (first == text.npos || !text.starts_with(comment_prefix)) return std::nullopt;
  text.remove_prefix(first + 1);
  if (text.ends_with('\n')) {
    text.remove_suffix(1);
    if (text.ends_with('\r')) text.remove_suffix(1);
  }
  return text;
}

bool sum_fits(const SecretBytes& secret, const std::uint8_t* algorithm) {
  std::array<std::uint8_t, sum_bytes> sum;
  crypto_generichash_state state;
  crypto_generichash_init(&state, nullptr, 0, sum.size());
  crypto_generichash_update(&state, algorithm, 2);
  crypto_generichash_update(&state, secret.data(), sum_at);
  crypto_generichash_final(&state, sum.data(), sum.size());
  return sodium_memcmp(sum.data(), secret.data() + sum_at, sum.size()) == 0;
}

}  // namespace

MinisignKeyFile::MinisignKeyFile(fs::path path, SecretBytes payload)
    : path_(std::move(path)), payload_(std::move(payload)) {}

Result<std::optional<MinisignKeyFile>> MinisignKeyFile::read(const fs::path& path) {
  using Found = std::optional<MinisignKeyFile>;
  start_cryptography();
  FileRules rules;
  rules.remedy =
      " is open to other users; run chmod 600 on it, and consider the key as known to them";
  rules.wrong_size =
      Refusal(Reason::bad_signature, path.string() + " is no secret key: it is empty or too long");
  auto text = read_own_file(path, rules);
  if (!text) return text.refusal();
  const auto line = key_line(text->view());
  SecretBytes payload(payload_bytes);
  if (!line || read_base64(*line, {payload.data(), payload.size()},
                           sodium_base64_VARIANT_ORIGINAL) != payload.size()) {
    return Found();
  }
  const std::uint8_t* const bytes = payload.data();
  const bool encrypted = bytes[derivation_at] == 'S' && bytes[derivation_at + 1] == 'c';
  const bool clear = bytes[derivation_at] == 0 && bytes[derivation_at + 1] == 0;
  if (bytes[0] != 'E' || bytes[1] != 'd' || bytes[4] != 'B' || bytes[5] != '2' ||
      (!encrypted && !clear)) {
    return Found();
  }
  return Found(MinisignKeyFile(path, std::move(payload)));
}

bool MinisignKeyFile::is_encrypted() const { return payload_.data()[derivation_at] == 'S'; }

Refusal MinisignKeyFile::damaged() const {
  return Refusal(Reason::bad_signature,
                 "the minisign key " + path_.string() + " is damaged: restore it from a backup");
}

Status MinisignKeyFile::decrypt(SecretBytes& secret, const SecretBytes& passphrase) const {
  const std::uint64_t operations = read_u64(payload_.data() + operations_at);
  const std::uint64_t memory = read_u64(payload_.data() + memory_at);
  if (operations > operations_most || memory > memory_most) return damaged();
  SecretBytes stream(secret.size());
  const auto text = passphrase.view();
  if (crypto_pwhash_scryptsalsa208sha256(stream.data(), stream.size(), text.data(), text.size(),
                                         payload_.data() + salt_at, operations,
                                         static_cast<std::size_t>(memory)) != 0) {
    return Refusal(Reason::unsupported,
                   "there is not enough memory to derive a key from the passphrase: scrypt needs " +
                       std::to_string(memory >> 20) + " MiB");
  }
  for (std::size_t i = 0; i < secret.size(); ++i) secret.data()[i] ^= stream.data()[i];
  if (sum_fits(secret, payload_.data())) return done();
  return Refusal(Reason::bad_signature, "the passphrase of the minisign key " + path_.string() +
                                            " is wrong, or the file was changed");
}

Result<SecretKey> MinisignKeyFile::open(const SecretBytes* passphrase) const {
  SecretBytes secret(secret_bytes);
  std::copy_n(payload_.data() + secret_at, secret.size(), secret.data());
  if (is_encrypted()) {
    if (passphrase == nullptr) {
      return Refusal(Reason::bad_signature,
                     "the minisign key " + path_.string() + " needs its passphrase");
    }
    auto decrypted = decrypt(secret, *passphrase);
    if (!decrypted) return decrypted.refusal();
  } else {
    const bool never_summed = sodium_is_zero(secret.data() + sum_at, sum_bytes) == 1;
    if (!never_summed && !sum_fits(secret, payload_.data())) return damaged();
  }
  SecretBytes pair(crypto_sign_SECRETKEYBYTES);
  std::array<std::uint8_t, crypto_sign_PUBLICKEYBYTES> public_bytes;
  crypto_sign_seed_keypair(public_bytes.data(), pair.data(), secret.data() + id_bytes);
  if (!std::equal(public_bytes.begin(), public_bytes.end(), secret.data() + public_at)) {
    return damaged();
  }
  SecretKey key(std::move(pair));
  std::copy_n(secret.data(), key.public_.id_.size(), key.public_.id_.begin());
  return key;
}

}  // namespace toolgate

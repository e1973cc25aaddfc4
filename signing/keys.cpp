#include "signing/keys.hpp"

#include <sodium.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <new>
#include <stdexcept>
#include <utility>

#include "signing/digest.hpp"
#include "signing/strict_base64.hpp"

namespace toolgate {
namespace {

constexpr std::string_view comment_prefix = "untrusted comment: ";
constexpr std::array<std::uint8_t, 2> minisign_algorithm{'E', 'd'};
constexpr std::size_t comment_bytes_most = 1024;

using Signature = std::array<std::uint8_t, crypto_sign_BYTES>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string base64(const std::uint8_t* bytes, std::size_t size, int variant) {
  std::string out(sodium_base64_encoded_len(size, variant), '\0');
  sodium_bin2base64(out.data(), out.size(), bytes, size, variant);
  out.pop_back();  // the NUL
  return out;
}

// Exactly N bytes in padded base64, and nothing beside them.
template <std::size_t N>
bool fills(std::string_view text, std::array<std::uint8_t, N>& out) {
  return read_base64(text, out, sodium_base64_VARIANT_ORIGINAL) == out.size();
}

// A key's id is derived from it: whoever swaps the key under an id has to change the id too.
std::array<std::uint8_t, 8> id_of(const std::array<std::uint8_t, 32>& key) {
  std::string_view bytes(reinterpret_cast<const char*>(key.data()), key.size());
  std::array<std::uint8_t, 8> id;
  std::copy_n(digest("key-id", bytes).bytes().begin(), id.size(), id.begin());
  return id;
}

}  // namespace

void start_cryptography() {
  if (sodium_init() < 0) throw std::runtime_error("libsodium cannot start on this machine");
}

SecretBytes::SecretBytes(std::size_t size) : size_(size) {
  start_cryptography();
  data_ = static_cast<std::uint8_t*>(sodium_malloc(size));
  if (data_ == nullptr) throw std::bad_alloc();
  sodium_memzero(data_, size_);
}

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

SecretBytes::~SecretBytes() { sodium_free(data_); }

std::string_view SecretBytes::view() const {
  return std::string_view(reinterpret_cast<const char*>(data_), size_);
}

std::string PublicKey::id() const { return key_id_text(id_); }

std::string key_id_text(const std::array<std::uint8_t, 8>& id) {
  // minisign keeps the id in little-endian order and prints it as one number.
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string out;
  for (auto byte = id.rbegin(); byte != id.rend(); ++byte) {
    out += hex[*byte >> 4];
    out += hex[*byte & 15];
  }
  return out;
}

std::string PublicKey::minisign_text() const {
  std::array<std::uint8_t, 42> packed;
  auto at = std::ranges::copy(minisign_algorithm, packed.begin()).out;
  at = std::ranges::copy(id_, at).out;
  std::ranges::copy(key_, at);
  return std::string(comment_prefix) + "minisign public key " + id() + "\n" +
         base64(packed.data(), packed.size(), sodium_base64_VARIANT_ORIGINAL) + "\n";
}

Result<PublicKey> PublicKey::parse(std::string_view minisign_text) {
  start_cryptography();
  Refusal refusal(Reason::bad_signature,
                  "a public key is the two lines of a minisign .pub file: \"untrusted comment: …\" "
                  "and the key in base64");
  auto line_end = minisign_text.find('\n');
  if (line_end == std::string_view::npos || line_end > comment_bytes_most) return refusal;
  if (!minisign_text.starts_with(comment_prefix)) return refusal;
  auto encoded = minisign_text.substr(line_end + 1);
  if (encoded.ends_with('\n')) encoded.remove_suffix(1);

  std::array<std::uint8_t, 42> packed;
  if (!fills(encoded, packed)) return refusal;
  if (!std::equal(minisign_algorithm.begin(), minisign_algorithm.end(), packed.begin())) {
    return refusal;
  }
  PublicKey key;
  std::copy_n(packed.begin() + 2, key.id_.size(), key.id_.begin());
  std::copy_n(packed.begin() + 10, key.key_.size(), key.key_.begin());
  if (crypto_core_ed25519_is_valid_point(key.key_.data()) != 1) {
    return Refusal(Reason::bad_signature, "the public key is no point of Ed25519's group");
  }
  return key;
}

Status PublicKey::verify(std::string_view domain, std::string_view message,
                         std::string_view signature_base64) const {
  start_cryptography();
  Signature signature;
  if (!fills(signature_base64, signature)) {
    return Refusal(Reason::bad_signature, "a signature is 64 bytes in base64");
  }
  auto signed_digest = digest(domain, message);
  const auto& bytes = signed_digest.bytes();
  if (crypto_sign_verify_detached(signature.data(), bytes.data(), bytes.size(), key_.data()) != 0) {
    return Refusal(Reason::bad_signature, "the signature is not one by key " + id() + " over this");
  }
  return done();
}

SecretKey::SecretKey(SecretBytes seed_and_key) : secret_(std::move(seed_and_key)) {
  assert(secret_.size() == crypto_sign_SECRETKEYBYTES);
  std::copy_n(secret_.data() + crypto_sign_SEEDBYTES, public_.key_.size(), public_.key_.begin());
  public_.id_ = id_of(public_.key_);
}

SecretKey SecretKey::generate() {
  SecretBytes secret(crypto_sign_SECRETKEYBYTES);
  std::array<std::uint8_t, crypto_sign_PUBLICKEYBYTES> public_bytes;
  if (crypto_sign_keypair(public_bytes.data(), secret.data()) != 0) {
    throw std::runtime_error("libsodium could not make a key pair");
  }
  return SecretKey(std::move(secret));
}

std::string SecretKey::sign(std::string_view domain, std::string_view message) const {
  auto signed_digest = digest(domain, message);
  const auto& bytes = signed_digest.bytes();
  Signature signature;
  if (crypto_sign_detached(signature.data(), nullptr, bytes.data(), bytes.size(), secret_.data()) !=
      0) {
    throw std::runtime_error("libsodium could not sign");
  }
  return base64(signature.data(), signature.size(), sodium_base64_VARIANT_ORIGINAL);
}

std::string random_token() {
  start_cryptography();
  std::array<std::uint8_t, 32> bytes;
  randombytes_buf(bytes.data(), bytes.size());
  auto token = base64(bytes.data(), bytes.size(), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  sodium_memzero(bytes.data(), bytes.size());
  return token;
}

std::string token_hash(std::string_view token) {
  start_cryptography();
  constexpr std::array<unsigned char, crypto_generichash_blake2b_PERSONALBYTES> domain{
      't', 'o', 'o', 'l', 'g', 'a', 't', 'e', '.', 't', 'o', 'k', 'e', 'n'};
  constexpr std::array<unsigned char, crypto_generichash_blake2b_SALTBYTES> no_salt{};
  std::array<unsigned char, 32> hash;
  if (crypto_generichash_blake2b_salt_personal(hash.data(), hash.size(), bytes_of(token),
                                               token.size(), nullptr, 0, no_salt.data(),
                                               domain.data()) != 0) {
    throw std::runtime_error("libsodium could not compute a BLAKE2b hash");
  }
  std::string out(2 * hash.size() + 1, '\0');
  sodium_bin2hex(out.data(), out.size(), hash.data(), hash.size());
  out.pop_back();  // the NUL
  return out;
}

bool constant_time_equal(std::string_view a, std::string_view b) {
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace toolgate

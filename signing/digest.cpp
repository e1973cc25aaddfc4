#include "signing/digest.hpp"

#include <openssl/evp.h>

#include <cassert>
#include <memory>
#include <stdexcept>

namespace toolgate {
namespace {

constexpr std::string_view text_prefix = "sha256:";
constexpr std::string_view hex_digits = "0123456789abcdef";

// Fetched once: EVP_sha256() would look its provider up again for every digest.
const EVP_MD* sha256() {
  static const std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> algorithm(
      EVP_MD_fetch(nullptr, "SHA256", nullptr), EVP_MD_free);
  if (!algorithm) throw std::runtime_error("OpenSSL has no SHA-256");
  return algorithm.get();
}

void check(bool worked) {
  if (!worked) throw std::runtime_error("OpenSSL could not compute a SHA-256 digest");
}

}  // namespace

struct Sha256::Context {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> state{EVP_MD_CTX_new(), EVP_MD_CTX_free};
  void begin() {
    check(state != nullptr && EVP_DigestInit_ex2(state.get(), sha256(), nullptr) == 1);
  }
};

Sha256::Sha256() : context_(std::make_unique<Context>()) { context_->begin(); }
Sha256::~Sha256() = default;

void Sha256::add(std::string_view bytes) {
  check(EVP_DigestUpdate(context_->state.get(), bytes.data(), bytes.size()) == 1);
}

std::array<std::uint8_t, 32> Sha256::finish() {
  std::array<std::uint8_t, 32> out;
  unsigned size = 0;
  check(EVP_DigestFinal_ex(context_->state.get(), out.data(), &size) == 1 && size == out.size());
  context_->begin();
  return out;
}

std::string Digest::text() const {
  std::string out(text_prefix);
  for (auto byte : bytes_) {
    out += hex_digits[byte >> 4];
    out += hex_digits[byte & 15];
  }
  return out;
}

Result<Digest> Digest::parse(std::string_view text) {
  Refusal refusal(Reason::malformed, "a digest is \"sha256:\" and 64 lower-case hex digits");
  std::array<std::uint8_t, 32> bytes;
  if (!text.starts_with(text_prefix)) return refusal;
  text.remove_prefix(text_prefix.size());
  if (text.size() != 2 * bytes.size()) return refusal;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto high = hex_digits.find(text[2 * i]);
    auto low = hex_digits.find(text[2 * i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return refusal;
    bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return Digest(bytes);
}

Digest digest(std::string_view domain, std::string_view bytes) {
  assert(!domain.empty() && domain.find('\0') == std::string_view::npos);
  std::array<char, 8> length;
  for (std::size_t i = 0; i < length.size(); ++i) {
    length[i] = static_cast<char>(std::uint64_t{bytes.size()} >> (56 - 8 * i) & 0xFF);
  }
  constexpr std::string_view nul("\0", 1);
  Sha256 hash;
  hash.add("toolgate");
  hash.add(nul);
  hash.add(domain);
  hash.add(nul);
  hash.add(std::string_view(length.data(), length.size()));
  hash.add(bytes);
  return Digest(hash.finish());
}

Digest plain_sha256(std::string_view bytes) {
  Sha256 hash;
  hash.add(bytes);
  return Digest(hash.finish());
}

}  // namespace toolgate

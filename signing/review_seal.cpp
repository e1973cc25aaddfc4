#include "signing/review_seal.hpp"

#include <sodium.h>

#include <array>
#include <cassert>
#include <stdexcept>
#include <utility>

#include "signing/sealing_key.hpp"

namespace toolgate {
namespace {

constexpr std::size_t seal_bytes = 32;
static_assert(sealing_key_bytes >= crypto_generichash_KEYBYTES_MIN &&
              sealing_key_bytes <= crypto_generichash_KEYBYTES_MAX);
static_assert(seal_bytes <= crypto_generichash_BYTES_MAX);

constexpr SealingKeyKind key_kind{.file_line = "toolgate-review-key v1\n",
                                  .purpose = "what `toolgate review` showed",
                                  .maker = "`toolgate review`"};

// Netstrings: no two rows give the same bytes, and those of another version's would differ in the
// word.
std::string covered(const std::vector<std::string>& columns) {
  std::string out("toolgate review-row v1\n");
  for (const std::string& column : columns) {
    out.append(std::to_string(column.size())).append(":").append(column).append(",");
  }
  return out;
}

}  // namespace

ReviewSeal::ReviewSeal(SecretBytes key) : key_(std::move(key)) {
  assert(key_.size() == sealing_key_bytes);
}

ReviewSeal ReviewSeal::generate() {
  start_cryptography();
  return ReviewSeal(random_sealing_key());
}

Result<ReviewSeal> ReviewSeal::load_or_make(const std::filesystem::path& path) {
  auto key = load_or_make_sealing_key(path, key_kind);
  if (!key) return key.refusal();
  return ReviewSeal(std::move(*key));
}

std::string ReviewSeal::seal(const std::vector<std::string>& columns) const {
  const std::string text = covered(columns);
  std::array<unsigned char, seal_bytes> mac{};
  if (crypto_generichash(mac.data(), mac.size(),
                         reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                         key_.data(), key_.size()) != 0) {
    throw std::runtime_error("libsodium could not seal what was reviewed");
  }
  std::string hex(2 * mac.size() + 1, '\0');
  sodium_bin2hex(hex.data(), hex.size(), mac.data(), mac.size());
  hex.pop_back();  // the NUL
  return hex;
}

bool ReviewSeal::holds(std::string_view seal, const std::vector<std::string>& columns) const {
  return constant_time_equal(seal, this->seal(columns));
}

}  // namespace toolgate

#include "signing/sealed_state.hpp"

#include <sodium.h>

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include "signing/sealing_key.hpp"
#include "signing/strict_base64.hpp"

namespace toolgate {
namespace {

constexpr std::size_t key_bytes = crypto_aead_xchacha20poly1305_ietf_KEYBYTES;
static_assert(key_bytes == sealing_key_bytes);
constexpr std::size_t nonce_bytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t tag_bytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr std::uint8_t version = 1;
constexpr std::size_t box_at = 1 + nonce_bytes;
static_assert(StateSeal::plain_bytes_most + box_at + tag_bytes ==
              StateSeal::sealed_bytes_most / 4 * 3);

constexpr int sealed_variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
constexpr SealingKeyKind key_kind{.file_line = "toolgate-state-key v1\n",
                                  .purpose = "the state of requests",
                                  .maker = "the gateway"};

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// No two bindings give the same bytes, and those of another version's would differ in the word.
std::string associated(std::string_view bound_to) {
  std::string out("toolgate request-state v1\n");
  out += bound_to;
  return out;
}

Refusal not_ours() {
  return Refusal(Reason::invalid_params,
                 "this requestState is not one of this gateway's for this request");
}

}  // namespace

StateSeal::StateSeal(SecretBytes key) : key_(std::move(key)) { assert(key_.size() == key_bytes); }

StateSeal StateSeal::generate() { return StateSeal(random_sealing_key()); }

Result<StateSeal> StateSeal::load_or_make(const std::filesystem::path& path) {
  auto key = load_or_make_sealing_key(path, key_kind);
  if (!key) return key.refusal();
  return StateSeal(std::move(*key));
}

Result<std::string> StateSeal::seal(std::string_view plain, std::string_view bound_to) const {
  assert(key_.size() == key_bytes);
  if (plain.size() > plain_bytes_most) {
    return Refusal(Reason::too_large, "the state of this request has more than " +
                                          std::to_string(plain_bytes_most) + " bytes");
  }
  std::vector<std::uint8_t> box(box_at + plain.size() + tag_bytes);
  box[0] = version;
  randombytes_buf(box.data() + 1, nonce_bytes);
  std::string context = associated(bound_to);
  crypto_aead_xchacha20poly1305_ietf_encrypt(box.data() + box_at, nullptr, bytes_of(plain),
                                             plain.size(), bytes_of(context), context.size(),
                                             nullptr, box.data() + 1, key_.data());
  std::string out(sodium_base64_encoded_len(box.size(), sealed_variant), '\0');
  sodium_bin2base64(out.data(), out.size(), box.data(), box.size(), sealed_variant);
  out.pop_back();  // the NUL
  return out;
}

Result<std::string> StateSeal::open(std::string_view sealed, std::string_view bound_to) const {
  assert(key_.size() == key_bytes);
  if (sealed.size() > sealed_bytes_most) return not_ours();
  std::vector<std::uint8_t> box(sealed.size() / 4 * 3 + 3);
  std::size_t size = read_base64(sealed, box, sealed_variant).value_or(0);
  if (size < box_at + tag_bytes || box[0] != version) return not_ours();
  std::string context = associated(bound_to);
  std::string plain(size - box_at - tag_bytes, '\0');
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(
          reinterpret_cast<unsigned char*>(plain.data()), nullptr, nullptr, box.data() + box_at,
          size - box_at, bytes_of(context), context.size(), box.data() + 1, key_.data()) != 0) {
    return not_ours();
  }
  return plain;
}

}  // namespace toolgate

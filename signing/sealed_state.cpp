#include "signing/sealed_state.hpp"

#include <sodium.h>

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include "signing/private_file.hpp"
#include "signing/strict_base64.hpp"

namespace toolgate {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t key_bytes = crypto_aead_xchacha20poly1305_ietf_KEYBYTES;
constexpr std::size_t nonce_bytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t tag_bytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr std::uint8_t version = 1;
constexpr std::size_t box_at = 1 + nonce_bytes;
static_assert(StateSeal::plain_bytes_most + box_at + tag_bytes ==
              StateSeal::sealed_bytes_most / 4 * 3);

constexpr int sealed_variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
constexpr int file_variant = sodium_base64_VARIANT_ORIGINAL;

// The key file: this line, and the key in base64 on the next.
constexpr std::string_view file_line = "toolgate-state-key v1\n";
constexpr std::size_t encoded_key_bytes = sodium_base64_ENCODED_LEN(key_bytes, file_variant) - 1;
constexpr std::size_t file_bytes = file_line.size() + encoded_key_bytes + 1;

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

Refusal no_key(const fs::path& path) {
  return Refusal(Reason::storage, path.string() +
                                      " is no key of version 1 for the state of requests; remove "
                                      "it, and the gateway makes a new one");
}

// The text holds the key, so it is no std::string.
Result<NewFile> make_key_file(const fs::path& path) {
  SecretBytes key(key_bytes);
  crypto_aead_xchacha20poly1305_ietf_keygen(key.data());
  SecretBytes text(file_bytes);
  auto* at = std::ranges::copy(file_line, text.data()).out;
  sodium_bin2base64(reinterpret_cast<char*>(at), encoded_key_bytes + 1, key.data(), key.size(),
                    file_variant);
  text.data()[text.size() - 1] = '\n';  // in the place of the NUL
  return make_file(path, text.view(), 0600);
}

}  // namespace

StateSeal::StateSeal(SecretBytes key) : key_(std::move(key)) { assert(key_.size() == key_bytes); }

StateSeal StateSeal::generate() {
  SecretBytes key(key_bytes);
  crypto_aead_xchacha20poly1305_ietf_keygen(key.data());
  return StateSeal(std::move(key));
}

Result<StateSeal> StateSeal::load_or_make(const fs::path& path) {
  start_cryptography();
  std::error_code error;
  if (fs::symlink_status(path, error).type() == fs::file_type::not_found) {
    auto made = make_key_file(path);  // somebody else's, that came first, is as good
    if (!made) return made.refusal();
  }
  FileRules rules;
  rules.remedy =
      " is open to other users, so they may know the key in it; remove it, and the gateway makes a "
      "new one";
  rules.wrong_size = no_key(path);
  auto text = read_own_file(path, rules);
  if (!text) return text.refusal();
  std::string_view view = text->view();
  if (view.size() != file_bytes || !view.starts_with(file_line) || !view.ends_with('\n')) {
    return no_key(path);
  }
  SecretBytes key(key_bytes);
  auto size = read_base64(view.substr(file_line.size(), encoded_key_bytes),
                          {key.data(), key.size()}, file_variant);
  if (size != key.size()) return no_key(path);
  return StateSeal(std::move(key));
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

#include "signing/sealing_key.hpp"

#include <sodium.h>

#include <algorithm>
#include <string>

#include "signing/private_file.hpp"
#include "signing/strict_base64.hpp"

namespace toolgate {
namespace {

namespace fs = std::filesystem;

constexpr int file_variant = sodium_base64_VARIANT_ORIGINAL;
constexpr std::size_t encoded_bytes =
    sodium_base64_ENCODED_LEN(sealing_key_bytes, file_variant) - 1;

std::size_t file_bytes(const SealingKeyKind& kind) {
  return kind.file_line.size() + encoded_bytes + 1;
}

std::string new_one(const SealingKeyKind& kind) {
  return "; remove it, and " + std::string(kind.maker) + " makes a new one";
}

Refusal no_key(const fs::path& path, const SealingKeyKind& kind) {
  return Refusal(Reason::storage, path.string() + " is no key of version 1 for " +
                                      std::string(kind.purpose) + new_one(kind));
}

// The text holds the key, so it is no std::string.
Result<NewFile> make_key_file(const fs::path& path, const SealingKeyKind& kind) {
  const SecretBytes key = random_sealing_key();
  SecretBytes text(file_bytes(kind));
  auto* at = std::ranges::copy(kind.file_line, text.data()).out;
  sodium_bin2base64(reinterpret_cast<char*>(at), encoded_bytes + 1, key.data(), key.size(),
                    file_variant);
  text.data()[text.size() - 1] = '\n';  // in the place of the NUL
  return make_file(path, text.view(), 0600);
}

}  // namespace

SecretBytes random_sealing_key() {
  SecretBytes key(sealing_key_bytes);
  randombytes_buf(key.data(), key.size());
  return key;
}

Result<SecretBytes> load_or_make_sealing_key(const fs::path& path, const SealingKeyKind& kind) {
  start_cryptography();
  std::error_code error;
  if (fs::symlink_status(path, error).type() == fs::file_type::not_found) {
    auto made = make_key_file(path, kind);  // somebody else's, that came first, is as good
    if (!made) return made.refusal();
  }
  const std::string remedy =
      " is open to other users, so they may know the key in it" + new_one(kind);
  FileRules rules;
  rules.remedy = remedy;
  rules.wrong_size = no_key(path, kind);
  auto text = read_own_file(path, rules);
  if (!text) return text.refusal();
  const std::string_view view = text->view();
  if (view.size() != file_bytes(kind) || !view.starts_with(kind.file_line) ||
      !view.ends_with('\n')) {
    return no_key(path, kind);
  }
  SecretBytes key(sealing_key_bytes);
  auto size = read_base64(view.substr(kind.file_line.size(), encoded_bytes),
                          {key.data(), key.size()}, file_variant);
  if (size != key.size()) return no_key(path, kind);
  return key;
}

}  // namespace toolgate

// Secret keys on disk. A key file is text of three lines, in mode 0600:
//
//   untrusted comment: toolgate secret key E7620F1842B4E81F: keep it private
//   toolgate-secret-key v1 sealed                  or "clear"
//   BASE64
//
// clear:   key id (8) | public key (32) | seed (32)
// sealed:  key id (8) | public key (32) | passes (4) | memory in KiB (4) | salt (16) | nonce (24)
//          | seed, encrypted by XChaCha20-Poly1305 under Argon2id(passphrase, salt) (32 + 16)
// Integers are big-endian. The second line and all bytes before the ciphertext are its associated
// data, so that nobody can put a seed under another public key or weaken the costs. Whatever
// version or form this program does not know is refused.

#include <sodium.h>

#include <algorithm>
#include <array>
#include <utility>

#include "signing/keys.hpp"
#include "signing/private_file.hpp"
#include "signing/strict_base64.hpp"

namespace toolgate {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view comment_prefix = "untrusted comment: ";
constexpr std::string_view clear_line = "toolgate-secret-key v1 clear";
constexpr std::string_view sealed_line = "toolgate-secret-key v1 sealed";

constexpr std::size_t id_bytes = 8;
constexpr std::size_t head_bytes = id_bytes + crypto_sign_PUBLICKEYBYTES;
constexpr std::size_t clear_bytes = head_bytes + crypto_sign_SEEDBYTES;
constexpr std::size_t salt_at = head_bytes + 8;
constexpr std::size_t nonce_at = salt_at + crypto_pwhash_argon2id_SALTBYTES;
constexpr std::size_t box_at = nonce_at + crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t sealed_bytes =
    box_at + crypto_sign_SEEDBYTES + crypto_aead_xchacha20poly1305_ietf_ABYTES;

// What a file may ask of us before we know that its owner wrote it.
constexpr std::uint32_t passes_most = 16;
constexpr std::uint32_t memory_kib_most = 1U << 20;

struct Costs {
  std::uint32_t passes = crypto_pwhash_argon2id_OPSLIMIT_MODERATE;
  std::uint32_t memory_kib = crypto_pwhash_argon2id_MEMLIMIT_MODERATE / 1024;
};

Refusal no_key(const fs::path& path) {
  return Refusal(Reason::bad_signature, path.string() +
                                            " is no toolgate secret key of version 1; restore it "
                                            "from a backup, or make a new one");
}

Status write_new(const fs::path& path, std::string_view bytes, mode_t mode) {
  auto made = make_file(path, bytes, mode);
  if (!made) return made.refusal();
  if (*made == NewFile::made) return done();
  return Refusal(Reason::storage, path.string() + " exists already; it was not changed");
}

Result<SecretBytes> read_private(const fs::path& path) {
  FileRules rules;
  rules.remedy =
      " is open to other users; run chmod 600 on it, and consider the key as known to them";
  rules.wrong_size = no_key(path);
  return read_own_file(path, rules);
}

void put_u32(std::uint8_t* at, std::uint32_t number) {
  for (unsigned i = 0; i < 4; ++i) at[i] = static_cast<std::uint8_t>(number >> (24 - 8 * i) & 0xFF);
}

std::uint32_t read_u32(const std::uint8_t* at) {
  std::uint32_t number = 0;
  for (unsigned i = 0; i < 4; ++i) number = number << 8 | at[i];
  return number;
}

// The ciphertext's associated data; public bytes only.
std::string sealed_context(const std::uint8_t* payload) {
  std::string context(sealed_line);
  context += '\n';
  context.append(reinterpret_cast<const char*>(payload), box_at);
  return context;
}

// The sealing key for the costs, salt and nonce that stand in `payload`.
Result<SecretBytes> sealing_key(const std::uint8_t* payload, const SecretBytes& passphrase) {
  Costs costs{.passes = read_u32(payload + head_bytes),
              .memory_kib = read_u32(payload + head_bytes + 4)};
  bool sane = costs.passes >= crypto_pwhash_argon2id_OPSLIMIT_MIN && costs.passes <= passes_most &&
              costs.memory_kib >= crypto_pwhash_argon2id_MEMLIMIT_MIN / 1024 &&
              costs.memory_kib <= memory_kib_most;
  if (!sane) {
    return Refusal(Reason::bad_signature, "the key file's Argon2id costs are out of bounds");
  }
  SecretBytes key(crypto_aead_xchacha20poly1305_ietf_KEYBYTES);
  auto text = passphrase.view();
  if (crypto_pwhash_argon2id(key.data(), key.size(), text.data(), text.size(), payload + salt_at,
                             costs.passes, std::size_t{costs.memory_kib} * 1024,
                             crypto_pwhash_argon2id_ALG_ARGON2ID13) != 0) {
    return Refusal(
        Reason::unsupported,
        "there is not enough memory to derive a key from the passphrase: Argon2id needs " +
            std::to_string(costs.memory_kib / 1024) + " MiB");
  }
  return key;
}

Result<SecretBytes> seal(const std::uint8_t* seed, SecretBytes head,
                         const SecretBytes& passphrase) {
  SecretBytes payload(sealed_bytes);
  std::copy_n(head.data(), head_bytes, payload.data());
  Costs costs;
  put_u32(payload.data() + head_bytes, costs.passes);
  put_u32(payload.data() + head_bytes + 4, costs.memory_kib);
  randombytes_buf(payload.data() + salt_at, box_at - salt_at);
  auto key = sealing_key(payload.data(), passphrase);
  if (!key) return key;
  auto context = sealed_context(payload.data());
  crypto_aead_xchacha20poly1305_ietf_encrypt(
      payload.data() + box_at, nullptr, seed, crypto_sign_SEEDBYTES,
      reinterpret_cast<const unsigned char*>(context.data()), context.size(), nullptr,
      payload.data() + nonce_at, key->data());
  return payload;
}

Result<SecretBytes> open_seal(const SecretBytes& payload, const SecretBytes& passphrase) {
  auto key = sealing_key(payload.data(), passphrase);
  if (!key) return key;
  SecretBytes seed(crypto_sign_SEEDBYTES);
  auto context = sealed_context(payload.data());
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(
          seed.data(), nullptr, nullptr, payload.data() + box_at, payload.size() - box_at,
          reinterpret_cast<const unsigned char*>(context.data()), context.size(),
          payload.data() + nonce_at, key->data()) != 0) {
    return Refusal(Reason::bad_signature, "the passphrase is wrong, or the key file was changed");
  }
  return seed;
}

struct KeyFile {
  bool sealed;
  SecretBytes payload;
};

std::optional<std::string_view> take_line(std::string_view& text) {
  auto end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  auto line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

Result<KeyFile> parse_key_file(std::string_view text, const fs::path& path) {
  auto comment = take_line(text);
  if (!comment || !comment->starts_with(comment_prefix)) return no_key(path);
  auto form = take_line(text);
  if (!form || (*form != clear_line && *form != sealed_line)) return no_key(path);
  bool sealed = *form == sealed_line;
  auto encoded = take_line(text);
  if (!encoded || !text.empty()) return no_key(path);

  SecretBytes payload(sealed ? sealed_bytes : clear_bytes);
  auto size =
      read_base64(*encoded, {payload.data(), payload.size()}, sodium_base64_VARIANT_ORIGINAL);
  if (size != payload.size()) return no_key(path);
  return KeyFile{.sealed = sealed, .payload = std::move(payload)};
}

// The three lines. The result holds the key, so it is no std::string.
SecretBytes key_file_text(std::string_view id, std::string_view form, const SecretBytes& payload) {
  std::string head(comment_prefix);
  head.append("toolgate secret key ").append(id).append(": keep it private\n");
  head.append(form).append("\n");
  auto encoded = sodium_base64_encoded_len(payload.size(), sodium_base64_VARIANT_ORIGINAL);
  SecretBytes text(head.size() + encoded);
  std::ranges::copy(head, text.data());
  sodium_bin2base64(reinterpret_cast<char*>(text.data() + head.size()), encoded, payload.data(),
                    payload.size(), sodium_base64_VARIANT_ORIGINAL);
  text.data()[text.size() - 1] = '\n';  // in the place of the NUL
  return text;
}

// The text of the whole file. `seed` and `head` are the key's own.
Result<SecretBytes> whole_file(const PublicKey& key, SecretBytes payload, const std::uint8_t* seed,
                               const SecretBytes* passphrase) {
  if (passphrase != nullptr) {
    auto sealed = seal(seed, std::move(payload), *passphrase);
    if (!sealed) return sealed.refusal();
    payload = std::move(*sealed);
  }
  return key_file_text(key.id(), passphrase != nullptr ? sealed_line : clear_line, payload);
}

}  // namespace

SecretBytes SecretKey::clear_payload() const {
  SecretBytes payload(clear_bytes);
  auto* at = std::ranges::copy(public_.id_, payload.data()).out;
  at = std::ranges::copy(public_.key_, at).out;
  std::copy_n(secret_.data(), crypto_sign_SEEDBYTES, at);
  return payload;
}

Status SecretKey::save(const fs::path& path, const SecretBytes* passphrase) const {
  auto public_path = path;
  public_path += ".pub";
  std::error_code ignored;
  if (fs::exists(fs::symlink_status(public_path, ignored))) {
    return Refusal(Reason::storage, public_path.string() + " exists already; it was not changed");
  }
  auto text = whole_file(public_, clear_payload(), secret_.data(), passphrase);
  if (!text) return text.refusal();
  auto written = write_new(path, text->view(), 0600);
  if (!written) return written;
  return write_new(public_path, public_.minisign_text(), 0644);
}

Status SecretKey::reseal(const fs::path& path, const SecretBytes* passphrase) const {
  auto text = whole_file(public_, clear_payload(), secret_.data(), passphrase);
  if (!text) return text.refusal();
  return replace_own_file(path, text->view(), 0600);
}

Result<SecretKey> SecretKey::load(const fs::path& path, const SecretBytes* passphrase) {
  start_cryptography();
  auto text = read_private(path);
  if (!text) return text.refusal();
  auto file = parse_key_file(text->view(), path);
  if (!file) return file.refusal();

  SecretBytes seed(crypto_sign_SEEDBYTES);
  if (!file->sealed) {
    std::copy_n(file->payload.data() + head_bytes, seed.size(), seed.data());
  } else if (passphrase == nullptr) {
    return Refusal(Reason::bad_signature, "the key " + path.string() + " needs its passphrase");
  } else {
    auto opened = open_seal(file->payload, *passphrase);
    if (!opened) return opened.refusal();
    seed = std::move(*opened);
  }
  SecretBytes seed_and_key(crypto_sign_SECRETKEYBYTES);
  std::array<std::uint8_t, crypto_sign_PUBLICKEYBYTES> public_bytes;
  crypto_sign_seed_keypair(public_bytes.data(), seed_and_key.data(), seed.data());
  SecretKey key(std::move(seed_and_key));
  // The head says whose key this is; a seed of another key beside it is a damaged or a forged file.
  std::array<std::uint8_t, head_bytes> head;
  std::ranges::copy(key.public_.key_, std::ranges::copy(key.public_.id_, head.begin()).out);
  if (!std::equal(head.begin(), head.end(), file->payload.data())) return no_key(path);
  return key;
}

Result<PublicKey> PublicKey::load(const fs::path& path) {
  start_cryptography();
  FileRules rules;
  rules.forbidden = 022;
  rules.owner = FileRules::Owner::self_or_root;
  rules.remedy =
      " can be written by other users; compare it with a copy that you trust, and run chmod 644 on "
      "it";
  rules.wrong_size = no_key(path);
  auto text = read_own_file(path, rules);
  if (!text) return text.refusal();
  auto key = parse(text->view());
  if (!key) {
    return Refusal(Reason::bad_signature,
                   "the file " + path.string() + " is no public key: restore a copy of it");
  }
  return key;
}

bool SecretKey::needs_passphrase(const fs::path& path) {
  start_cryptography();
  auto text = read_private(path);
  if (!text) return false;
  auto file = parse_key_file(text->view(), path);
  return file && file->sealed;
}

}  // namespace toolgate

// What was read as a signature has one text, of four lines that are read as the same again; no text
// that anybody makes up holds for a key, whatever file is put beside it; and of a genuine one no
// character can be changed but those of the untrusted comment.

#include "signing/minisign.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

std::string_view hash_text(const toolgate::FileHash& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

void check_made_up(const toolgate::PublicKey& key, std::string_view text, std::string_view bytes) {
  auto signature = toolgate::FileSignature::parse(text);
  if (!signature) return;
  const std::string written = signature->text();
  auto again = toolgate::FileSignature::parse(written);
  require(again && again->text() == written);
  require(again->key_id() == signature->key_id() && again->algorithm() == signature->algorithm());
  require(!signature->verify(key, bytes));
}

// `at` and `change` say what to do to it.
void check_changed(const toolgate::PublicKey& key, const toolgate::FileHash& hash,
                   const std::string& genuine, std::size_t at, std::uint8_t change) {
  std::string changed = genuine;
  changed[at % changed.size()] ^= static_cast<char>(change);
  auto signature = toolgate::FileSignature::parse(changed);
  const bool holds = signature && signature->verify(key, hash_text(hash));
  const std::string_view prefix = "untrusted comment: ";
  const bool free = changed.starts_with(prefix) &&
                    changed.substr(changed.find('\n')) == genuine.substr(genuine.find('\n'));
  require(!holds || free);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const toolgate::SecretKey key = toolgate::SecretKey::generate();
  static const toolgate::FileHash hash{1, 2, 3};
  static const std::string genuine = toolgate::FileSignature::make(key, hash, "a comment")->text();
  if (size < 3) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 3, size - 3);
  check_made_up(key.public_key(), text, text);
  check_made_up(key.public_key(), text, hash_text(hash));
  const std::size_t at = std::size_t{data[0]} * 256 + data[1];
  if (data[2] != 0) check_changed(key.public_key(), hash, genuine, at, data[2]);

  auto made = toolgate::FileSignature::make(key, hash, text);
  require(static_cast<bool>(made) == static_cast<bool>(toolgate::check_trusted_comment(text)));
  if (!made) return 0;
  auto read = toolgate::FileSignature::parse(made->text());
  require(read && read->text() == made->text());
  auto comment = read->verify(key.public_key(), hash_text(hash));
  require(comment && *comment == text);
  return 0;
}

// A keyring that was read has one text, its own, and somebody who may approve. Lines that a trusted
// key signed, whatever they say, are taken by the rules or leave nothing behind; and what the
// keyring writes itself can be read.

#include "signing/keyring.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "signing/decision.hpp"
#include "signing/statement.hpp"

using namespace toolgate;

namespace {

constexpr std::int64_t begun_ns = 1'790'000'000'000'000'000;

void require(bool holds) {
  if (!holds) std::abort();
}

struct Keys {
  SecretKey root = SecretKey::generate();
  SecretKey other = SecretKey::generate();
  Keyring keyring = *Keyring::begin(root, "admin", begun_ns);
};

const Keys& keys() {
  static const Keys keys;
  return keys;
}

void check(const Keyring& keyring) {
  auto again = Keyring::parse(Untrusted<std::string>(keyring.text()));
  require(again && again->text() == keyring.text() && again->home() == keyring.home());
  require(again->keys().size() == keyring.keys().size());
  bool anybody = false;
  for (const TrustedKey& key : keyring.keys()) {
    require(keyring.find(key.key.id()) == &key && keyring.named(key.name) == &key);
    require(!key.ended || key.ended->since_ns <= keyring.time_ns());
    anybody = anybody || key.role == KeyRole::approver;
  }
  require(anybody);
}

std::string replaced(std::string text, std::string_view word, const std::string& by) {
  const auto at = text.find(word);
  return at == std::string::npos ? text : text.replace(at, word.size(), by);
}

// The input as a statement after the root, signed; "@P" is the digest that it has to carry.
void check_statement(const std::string& input) {
  const std::string& text = keys().keyring.text();
  const auto line = text.substr(text.find('\n') + 1);
  const Digest previous = digest("trust-line", line.substr(0, line.size() - 1));
  std::string statement = replaced(input, "@P", previous.text());
  statement = replaced(statement, "@K", public_key_text(keys().other.public_key()));
  statement = replaced(statement, "@I", keys().root.public_key().id());
  const SignedText record{.text = statement,
                          .key_id = keys().root.public_key().id(),
                          .signature = keys().root.sign("trust-line", statement)};
  auto read = Keyring::parse(Untrusted<std::string>(text + signed_line(record) + "\n"));
  if (read) check(*read);
}

// Each byte is one change by one of the two keys.
void check_changes(const std::uint8_t* data, std::size_t size) {
  Keyring keyring = keys().keyring;
  for (std::size_t at = 0; at < size && at < 4; ++at) {
    const SecretKey& by = (data[at] & 1U) != 0 ? keys().root : keys().other;
    const SecretKey& of = (data[at] & 2U) != 0 ? keys().root : keys().other;
    const std::int64_t time_ns = begun_ns + data[at] / 32;
    const std::string before = keyring.text();
    Status changed;
    switch (data[at] / 4 % 3) {
      case 0:
        changed = keyring.add({.key = of.public_key(), .name = "bob"}, by, time_ns);
        break;
      case 1:
        changed = keyring.retire(of.public_key().id(), by, time_ns);
        break;
      default:
        changed = keyring.revoke(of.public_key().id(), begun_ns + data[at] % 5, by, time_ns);
    }
    require(changed || keyring.text() == before);
  }
  check(keyring);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  auto keyring = Keyring::parse(Untrusted<std::string>(text));
  if (keyring) {
    require(keyring->text() == text);
    check(*keyring);
  }
  auto head = parse_head(Untrusted<std::string>(text));
  require(!head || head_text(*head) == text);
  check_statement(text);
  check_changes(data, size);
  return 0;
}

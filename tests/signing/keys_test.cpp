#include "signing/keys.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>

namespace toolgate {
namespace {

namespace fs = std::filesystem;

class Folder {
 public:
  Folder() {
    auto pattern = (fs::temp_directory_path() / "toolgate-keys-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  fs::path file(std::string_view name) const { return path_ / name; }
  std::ptrdiff_t size() const {
    return std::distance(fs::directory_iterator(path_), fs::directory_iterator());
  }

 private:
  fs::path path_;
};

SecretBytes secret(std::string_view text) {
  SecretBytes bytes(text.size());
  std::ranges::copy(text, bytes.data());
  return bytes;
}

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void write(const fs::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
  REQUIRE(::chmod(path.c_str(), 0600) == 0);
}

mode_t mode(const fs::path& path) {
  struct stat status;
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

TEST_CASE("a signature holds for its domain, message and key alone") {
  auto key = SecretKey::generate();
  auto other = SecretKey::generate();
  auto signature = key.sign("approval", "text");
  CHECK(key.public_key().verify("approval", "text", signature));
  CHECK_FALSE(key.public_key().verify("checkpoint", "text", signature));
  CHECK_FALSE(key.public_key().verify("approval", "texts", signature));
  CHECK_FALSE(other.public_key().verify("approval", "text", signature));

  auto refused = key.public_key().verify("approval", "text", "AAAA");
  REQUIRE_FALSE(refused);
  CHECK(refused.refusal().reason == Reason::bad_signature);
  for (std::string wrong : {std::string(), signature + "A", signature.substr(1), signature + "\n",
                            std::string(88, '!'), signature.substr(0, 86)}) {
    CAPTURE(wrong);
    CHECK_FALSE(key.public_key().verify("approval", "text", wrong));
  }
  for (std::size_t at = 0; at < 86; ++at) {
    auto changed = signature;
    changed[at] = changed[at] == 'A' ? 'B' : 'A';
    CHECK_FALSE(key.public_key().verify("approval", "text", changed));
    // Some readers of base64 take any byte beyond ASCII for the same digit: one signature, one
    // text.
    changed[at] = '\xff';
    CHECK_FALSE(key.public_key().verify("approval", "text", changed));
  }
}

TEST_CASE("a public key is written and read in minisign's format") {
  auto key = SecretKey::generate().public_key();
  auto text = key.minisign_text();
  CHECK(text.starts_with("untrusted comment: minisign public key " + key.id() + "\nRW"));
  auto again = PublicKey::parse(text);
  REQUIRE(again);
  CHECK(*again == key);
  CHECK(again->id() == key.id());

  // From minisign's documentation.
  auto known = PublicKey::parse(
      "untrusted comment: minisign public key\n"
      "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3\n");
  REQUIRE(known);
  CHECK(known->id() == "E7620F1842B4E81F");
}

TEST_CASE("what is no public key is refused") {
  auto text = SecretKey::generate().public_key().minisign_text();
  auto first = text.substr(0, text.find('\n') + 1);
  auto second = text.substr(first.size());
  auto ed = second;
  ed[1] = 'U';  // another algorithm
  struct Row {
    const char* name;
    std::string text;
  };
  const Row rows[] = {
      {"empty", ""},
      {"no comment", second},
      {"a trusted comment", "trusted comment: x\n" + second},
      {"a third line", text + "x\n"},
      {"two line ends", text + "\n"},
      {"carriage returns", first + second.substr(0, 56) + "\r\n"},
      {"cut off", text.substr(0, text.size() - 3)},
      {"another algorithm", first + ed},
      {"a point of small order",
       first + "RWQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"},
      {"a comment without end", "untrusted comment: " + std::string(5000, 'x') + "\n" + second},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    auto key = PublicKey::parse(row.text);
    REQUIRE_FALSE(key);
    CHECK(key.refusal().reason == Reason::bad_signature);
  }
}

TEST_CASE("a key in the clear is saved and loaded") {
  Folder folder;
  auto path = folder.file("admin.key");
  auto key = SecretKey::generate();
  REQUIRE(key.save(path, nullptr));
  CHECK(mode(path) == 0600);
  CHECK(folder.size() == 2);  // no temporary file stays
  CHECK_FALSE(SecretKey::needs_passphrase(path));
  CHECK(read(path.string() + ".pub") == key.public_key().minisign_text());

  auto again = SecretKey::load(path, nullptr);
  REQUIRE(again);
  CHECK(again->public_key() == key.public_key());
  CHECK(key.public_key().verify("d", "m", again->sign("d", "m")));
}

TEST_CASE("a key under a passphrase needs exactly that") {
  Folder folder;
  auto path = folder.file("admin.key");
  auto key = SecretKey::generate();
  auto passphrase = secret("correct horse");
  REQUIRE(key.save(path, &passphrase));
  CHECK(SecretKey::needs_passphrase(path));

  auto again = SecretKey::load(path, &passphrase);
  REQUIRE(again);
  CHECK(again->public_key() == key.public_key());

  auto wrong = secret("correct horsf");
  const SecretBytes* none = nullptr;
  for (const SecretBytes* given : {none, static_cast<const SecretBytes*>(&wrong)}) {
    auto refused = SecretKey::load(path, given);
    REQUIRE_FALSE(refused);
    CHECK(refused.refusal().reason == Reason::bad_signature);
  }
}

TEST_CASE("a key is never written over") {
  Folder folder;
  auto path = folder.file("admin.key");
  auto key = SecretKey::generate();
  REQUIRE(key.save(path, nullptr));
  auto before = read(path);
  auto second = SecretKey::generate().save(path, nullptr);
  REQUIRE_FALSE(second);
  CHECK(second.refusal().reason == Reason::storage);
  CHECK(read(path) == before);

  fs::remove(path);  // a .pub alone stops it as well, and nothing is left behind
  CHECK_FALSE(SecretKey::generate().save(path, nullptr));
  CHECK_FALSE(fs::exists(path));
  CHECK_FALSE(key.save(folder.file("missing") / "admin.key", nullptr));
}

TEST_CASE("a key file that is not private is refused") {
  Folder folder;
  auto path = folder.file("admin.key");
  REQUIRE(SecretKey::generate().save(path, nullptr));

  for (mode_t open_mode : {0640U, 0604U, 0620U, 0602U, 0610U, 0666U}) {
    CAPTURE(open_mode);
    REQUIRE(::chmod(path.c_str(), open_mode) == 0);
    auto refused = SecretKey::load(path, nullptr);
    REQUIRE_FALSE(refused);
    CHECK(refused.refusal().reason == Reason::storage);
  }
  REQUIRE(::chmod(path.c_str(), 0400) == 0);
  CHECK(SecretKey::load(path, nullptr));

  fs::create_symlink(path, folder.file("link"));
  CHECK_FALSE(SecretKey::load(folder.file("link"), nullptr));
  REQUIRE(::mkfifo(folder.file("pipe").c_str(), 0600) == 0);
  CHECK_FALSE(SecretKey::load(folder.file("pipe"), nullptr));
  fs::create_directory(folder.file("folder"));
  CHECK_FALSE(SecretKey::load(folder.file("folder"), nullptr));
  CHECK_FALSE(SecretKey::load(folder.file("nothing"), nullptr));
  if (::geteuid() == 0) {
    REQUIRE(::chown(path.c_str(), 65534, static_cast<gid_t>(-1)) == 0);
    CHECK_FALSE(SecretKey::load(path, nullptr));
  }
}

TEST_CASE("a key file is read strictly") {
  Folder folder;
  REQUIRE(SecretKey::generate().save(folder.file("a"), nullptr));
  REQUIRE(SecretKey::generate().save(folder.file("b"), nullptr));
  auto text = read(folder.file("a"));
  auto other = read(folder.file("b"));
  auto form = text.find("toolgate-secret-key");
  auto body = text.find('\n', form) + 1;
  auto other_body = other.find('\n', other.find("toolgate-secret-key")) + 1;

  // 52 base64 characters hold 39 of the 40 bytes that say whose key it is; the rest is the other
  // key.
  auto mixed = text.substr(0, body + 52) + other.substr(other_body + 52);
  auto edited = [&text](std::string_view from, std::string_view to) {
    auto copy = text;
    return copy.replace(copy.find(from), from.size(), to);
  };
  struct Row {
    const char* name;
    std::string text;
  };
  const Row rows[] = {
      {"empty", ""},
      {"another version", edited(" v1 ", " v2 ")},
      {"another form", edited(" clear", " open")},
      {"called sealed", edited(" clear", " sealed")},
      {"no comment", text.substr(form)},
      {"a fourth line", text + "\n"},
      {"no last line end", text.substr(0, text.size() - 1)},
      {"cut off", text.substr(0, text.size() - 9) + "\n"},
      {"another key's seed", mixed},
      {"too large", "untrusted comment: " + std::string(5000, 'x') + text},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    write(folder.file("c"), row.text);
    auto key = SecretKey::load(folder.file("c"), nullptr);
    REQUIRE_FALSE(key);
    CHECK(key.refusal().reason == Reason::bad_signature);
  }
  write(folder.file("c"), edited("secret key ", "KEY "));  // the comment is nobody's word
  CHECK(SecretKey::load(folder.file("c"), nullptr));
}

TEST_CASE("nothing in a sealed key file can be changed") {
  Folder folder;
  auto passphrase = secret("p");
  REQUIRE(SecretKey::generate().save(folder.file("a"), &passphrase));
  auto text = read(folder.file("a"));
  auto body = text.find('\n', text.find("toolgate-secret-key")) + 1;
  // In: the id, the public key, the costs (beyond every bound), the salt, the nonce, the seed.
  for (std::size_t at : {0UZ, 20UZ, 53UZ, 59UZ, 70UZ, 90UZ, 130UZ, 170UZ}) {
    CAPTURE(at);
    auto changed = text;
    changed[body + at] = changed[body + at] == 'g' ? 'h' : 'g';
    write(folder.file("b"), changed);
    auto key = SecretKey::load(folder.file("b"), &passphrase);
    REQUIRE_FALSE(key);
    CHECK(key.refusal().reason == Reason::bad_signature);
  }
}

TEST_CASE("tokens are 256 bits of base64url, and their hashes fixed") {
  auto token = random_token();
  CHECK(token.size() == 43);
  CHECK(
      token.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
      std::string::npos);
  CHECK(token != random_token());
  CHECK(token_hash(token).size() == 64);
  CHECK(token_hash(token) == token_hash(token));
  CHECK(token_hash("a") != token_hash("b"));
  // python3: hashlib.blake2b(b"abc", digest_size=32, person=b"toolgate.token\0\0").hexdigest()
  CHECK(token_hash("abc") == "db60aaf91478cabe993e31d3c54ee15cd013e6e842082fd08fc322ec45ee6168");
}

TEST_CASE("secrets are compared whole") {
  CHECK(constant_time_equal("", ""));
  CHECK(constant_time_equal("abc", "abc"));
  CHECK_FALSE(constant_time_equal("abc", "abd"));
  CHECK_FALSE(constant_time_equal("abc", "ab"));
}

TEST_CASE("secret bytes move and start as zeros") {
  auto bytes = SecretBytes(4);
  CHECK(bytes.view() == std::string_view("\0\0\0\0", 4));
  auto moved = std::move(bytes);
  CHECK(moved.size() == 4);
  CHECK(SecretBytes(0).view().empty());
}

TEST_CASE("a public key is read from a plain file that only its owner can write") {
  Folder folder;
  const SecretKey key = SecretKey::generate();
  REQUIRE(key.save(folder.file("a.key"), nullptr));
  const fs::path file = folder.file("a.key.pub");
  auto loaded = PublicKey::load(file);
  REQUIRE(loaded);
  CHECK(*loaded == key.public_key());

  fs::create_symlink(file, folder.file("link.pub"));
  CHECK_FALSE(PublicKey::load(folder.file("link.pub")));
  REQUIRE(::mkfifo(folder.file("pipe.pub").c_str(), 0600) == 0);
  CHECK_FALSE(PublicKey::load(folder.file("pipe.pub")));  // and does not wait for a writer
  CHECK_FALSE(PublicKey::load(folder.file("absent.pub")));
  REQUIRE(::chmod(file.c_str(), 0666) == 0);
  auto open = PublicKey::load(file);
  REQUIRE_FALSE(open);
  CHECK(open.refusal().reason == Reason::storage);
}

}  // namespace
}  // namespace toolgate

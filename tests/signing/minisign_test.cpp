#include "signing/minisign.hpp"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "signing/minisign_file.hpp"

namespace toolgate {
namespace {

// Made by Debian's minisign 0.11.
constexpr std::string_view key_text =
    "untrusted comment: minisign public key 30ECCCB386E80A46\n"
    "RWRGCuiGs8zsMMva9KtRsRqci936B4uROgTzVzQSJaGL9bL05unQiisp\n";
constexpr std::string_view other_key_text =
    "untrusted comment: minisign public key F8D36CC8E94A6E39\n"
    "RWQ5bkrpyGzT+JkkP7+eV8FhMHVj/eaWDxeQ4Fm6VIrREODRT8OGej7J\n";
constexpr std::string_view content = "hello, toolgate\n";
constexpr std::string_view other_content = "another\n";
const std::string hashed =
    "untrusted comment: signature from minisign secret key\n"
    "RURGCuiGs8zsMIO6iR01cmyR5oALM08Q/wGfvxH2DUyzooaHyusw6QGTU+fK5RdXrEcXL85H197uwoerCLGevPvVF2m"
    "QNNHajgI=\n"
    "trusted comment: a comment\n"
    "DCYA0cmflBbVJeO3p6EL0KuwWdIzNcfcrnwh3iRfoQz4DBBrk8+k2RnMvx5ScTJgzRqG8n6wb/ooKtUzulNYAQ==\n";
const std::string legacy =
    "untrusted comment: signature from minisign secret key\n"
    "RWRGCuiGs8zsMC9wMkUVbBFPpNK/dkhI+WPJeOYc6f3lof/lUc5sG7oBwsw21m2WqzDDlKhA8n1tVRQv+PC5SKqafy7"
    "s4NRoIwM=\n"
    "trusted comment: a comment\n"
    "sd9aKCRBrsQ38ehYNlfVdp7bbidSbaCHtKD3eI4eJjKFf3gDmFH5OJuUaQZhffhkSBvbSYPkbFu0C5vkx9SICA==\n";
const std::string of_other_content =
    "untrusted comment: signature from minisign secret key\n"
    "RURGCuiGs8zsMIfYzdaE0McUyDy1ymWDRStFx+Oi5EsTSsYBLDF10cBoMZNmrudDZ2qjp/Q6gqdplTVrr/5XU/Kjb3t"
    "2irj9Wgw=\n"
    "trusted comment: a comment\n"
    "JYlVb2ARPLC37LxcUXbPBRVZEiH8ZHMIwZzov+xekNBKngltZcOc/ibxjl+b/xfJAgLV+1IrOjFr6toQQNH1Bg==\n";
// Legacy, over 64 NULs.
const std::string of_64_bytes =
    "untrusted comment: signature from minisign secret key\n"
    "RWRGCuiGs8zsMOkQiF+PAkFminKpjrnaxmqPRtHcJ1TUVg0UowVYX57Hs3PtHynYetlm3cJiwD7xRP58AC+oWSRm3xU"
    "vMkIlxAk=\n"
    "trusted comment: x\n"
    "OW9MfixyJhfUHnWk2PFtSthRtZvUJygZM01zQ6D/OoSh3xJDtNpYKk9VQQG1eDsEmunqe3gS88yYHQ2/URgVDw==\n";

PublicKey key(std::string_view text = key_text) {
  auto parsed = PublicKey::parse(text);
  REQUIRE(parsed);
  return *parsed;
}

class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes) : number_(::memfd_create("content", MFD_CLOEXEC)) {
    REQUIRE(number_ >= 0);
    append(bytes);
    ::lseek(number_, 0, SEEK_SET);
  }
  MemoryFile(const MemoryFile&) = delete;
  ~MemoryFile() { ::close(number_); }
  void append(std::string_view bytes) const {
    REQUIRE(::write(number_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  void stretch(std::uint64_t size) const {
    REQUIRE(::ftruncate(number_, static_cast<off_t>(size)) == 0);
  }
  ReadableFile readable() const { return {.descriptor = number_, .name = "the-file"}; }

 private:
  int number_;
};

Result<std::string> verify(const std::string& signature_text, std::string_view bytes,
                           const PublicKey& by = key()) {
  auto signature = FileSignature::parse(signature_text);
  if (!signature) return signature.refusal();
  const MemoryFile file(bytes);
  return verify_file(by, file.readable(), *signature);
}

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  const auto at = text.find(what);
  REQUIRE(at != text.npos);
  return text.replace(at, what.size(), by);
}

TEST_CASE("minisign's signatures of both kinds are verified, and say their comment") {
  for (const std::string& signature : {hashed, legacy}) {
    auto comment = verify(signature, content);
    REQUIRE(comment);
    CHECK(*comment == "a comment");
  }
  CHECK(FileSignature::parse(hashed)->text() == hashed);
  CHECK(FileSignature::parse(legacy)->text() == legacy);
  CHECK(FileSignature::parse(hashed)->algorithm() == FileSignature::Algorithm::hashed);
  CHECK(FileSignature::parse(legacy)->algorithm() == FileSignature::Algorithm::whole);
  CHECK(FileSignature::parse(hashed)->key_id() == "30ECCCB386E80A46");
  CHECK(verify(of_other_content, other_content));
}

TEST_CASE("what is not what the key signed is refused with the reason") {
  const std::string nuls(64, '\0');
  // The key of the signature, under the id of another one.
  const std::string swapped_id = replaced(hashed, "RURGCuiGs8zsMIO6", "RUQ5bkrpyGzT+IO6");
  struct Row {
    const char* name;
    std::string signature;
    std::string_view content;
    const char* says;
  };
  const Row rows[] = {
      {"a changed file", hashed, "hello, toolgatE\n", "its content is not what key"},
      {"a changed file, legacy", legacy, "hello, toolgatE\n", "its content is not what key"},
      {"an empty file", hashed, "", "its content is not what key"},
      {"a longer file", legacy, "hello, toolgate\n\n", "its content is not what key"},
      {"the signature of another file", of_other_content, content, "belongs to another file"},
      {"a changed trusted comment", replaced(hashed, ": a comment", ": A comment"), content,
       "it was changed"},
      {"a longer trusted comment", replaced(hashed, ": a comment", ": a comment "), content,
       "it was changed"},
      {"the comment of another signature",
       replaced(hashed, hashed.substr(hashed.find("DCYA")),
                of_other_content.substr(of_other_content.find("JYlV"))),
       content, "it was changed"},
      {"hashed, called legacy", replaced(hashed, "RURG", "RWRG"), content,
       "its content is not what key"},
      {"legacy, called hashed", replaced(legacy, "RWRG", "RURG"), content,
       "its content is not what key"},
      {"another id", swapped_id, content, "is by key F8D36CC8E94A6E39, and not by key 30ECCCB386"},
      {"a legacy signature over 64 bytes", of_64_bytes, nuls, "the hash of another file"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    auto verified = verify(row.signature, row.content);
    REQUIRE_FALSE(verified);
    CHECK(verified.refusal().reason == Reason::bad_signature);
    CAPTURE(verified.refusal().detail);
    CHECK(verified.refusal().detail.find(row.says) != std::string::npos);
  }
  auto wrong_key = verify(hashed, content, key(other_key_text));
  REQUIRE_FALSE(wrong_key);
  CHECK(wrong_key.refusal().detail.find("30ECCCB386E80A46, and not by key F8D36CC8E94A6E39") !=
        std::string::npos);
}

TEST_CASE("without a file, too, a changed comment and another key are refused") {
  const auto signer = SecretKey::generate();
  const FileHash hash{1};
  const std::string_view bytes(reinterpret_cast<const char*>(hash.data()), hash.size());
  auto made = FileSignature::make(signer, hash, "one");
  REQUIRE(made);
  CHECK(made->check_claim(signer.public_key()));
  CHECK(made->verify(signer.public_key(), bytes));
  CHECK_FALSE(made->check_claim(key()));
  CHECK_FALSE(made->verify(key(), bytes));
  auto changed = FileSignature::parse(replaced(made->text(), ": one", ": two"));
  REQUIRE(changed);
  CHECK_FALSE(changed->check_claim(signer.public_key()));
  CHECK_FALSE(changed->verify(signer.public_key(), bytes));
}

// What hides behind a hash of its own choosing: the very signature over a file's hash is a legacy
// one over a file that is the hash.
TEST_CASE("the hash of a signed file is no signed file") {
  const auto signer = SecretKey::generate();
  FileHash hash{};
  hash.fill(7);
  auto made = FileSignature::make(signer, hash, "x");
  REQUIRE(made);
  const std::string_view bytes(reinterpret_cast<const char*>(hash.data()), hash.size());
  CHECK(made->verify(signer.public_key(), bytes));
  CHECK_FALSE(verify(replaced(made->text(), "\nRU", "\nRW"), bytes, signer.public_key()));
}

TEST_CASE("a text that is no signature is refused with the line that is wrong") {
  const std::string line_2 = hashed.substr(hashed.find("RURG"), 101);
  const std::string line_4 = hashed.substr(hashed.find("DCYA"));
  const std::string body = hashed.substr(hashed.find('\n'));
  struct Row {
    const char* name;
    std::string text;
    const char* says;
  };
  const Row rows[] = {
      {"empty", "", "line 1, the untrusted comment, is missing"},
      {"not a comment", "comment: x" + body, "line 1, the untrusted comment, does not begin"},
      {"a prefix without its space", "untrusted comment:" + body, "does not begin"},
      {"a long comment", "untrusted comment: " + std::string(1'004, 'x') + body,
       "line 1, the untrusted comment, is longer than 1023 bytes"},
      {"a NUL in it", "untrusted comment: " + std::string(1, '\0') + body, "has a NUL"},
      {"a return in it", "untrusted comment: a\rb" + body, "has a carriage return"},
      {"one line", "untrusted comment: x\n", "line 2, the signature, is missing"},
      {"a short signature", replaced(hashed, "RURG", "RUR"),
       "line 2, the signature, has 99 characters and not 100"},
      {"a long signature", replaced(hashed, "RURG", "RURRG"), "has 101 characters"},
      {"spaces after it", replaced(hashed, "jgI=\n", "jgI= \n"), "has 101 characters"},
      {"no base64", replaced(hashed, "RURG", "RUR!"), "line 2, the signature, is no base64"},
      {"not the one base64 of it", replaced(hashed, "jgI=", "jgJ="), "is no base64 of 74 bytes"},
      {"base64 for addresses", replaced(hashed, "NNHajgI", "NNHa-gI"), "is no base64"},
      {"bytes beyond ASCII", replaced(hashed, "NNHajgI", "NNHa\xffgI"), "is no base64"},
      {"another algorithm", replaced(hashed, "RURG", "RVRG"), "its algorithm is neither"},
      {"the algorithm in small letters", replaced(hashed, "RURG", "ZWRG"), "its algorithm"},
      {"two lines", "untrusted comment: x\n" + line_2, "line 3, the trusted comment, is missing"},
      {"an untrusted comment again", replaced(hashed, "\ntrusted", "\nuntrusted"),
       "line 3, the trusted comment, does not begin"},
      {"a long trusted comment", replaced(hashed, "a comment", std::string(8'174, 'x')),
       "line 3, the trusted comment, is longer than 8191 bytes"},
      {"control characters", replaced(hashed, "a comment", "a\x1b[2Jcomment"), "control char"},
      {"C1 control characters", replaced(hashed, "a comment", "a\xc2\x9b"), "control char"},
      {"no UTF-8", replaced(hashed, "a comment", "\xff"), "is no UTF-8"},
      {"NUL", replaced(hashed, "a comment", std::string(1, '\0')), "control characters"},
      {"three lines", replaced(hashed, line_4, ""), "line 4, the signature of the comment,"},
      {"a short one", replaced(hashed, "DCYA", "DCY"), "has 87 characters and not 88"},
      {"not the one base64", replaced(hashed, "AQ==", "AR=="), "line 4, the signature of the"},
      {"a fifth line", hashed + "x\n", "something follows its fourth line"},
      {"an empty line", hashed + "\n", "something follows its fourth line"},
      {"two signatures", hashed + hashed, "something follows its fourth line"},
      {"an empty line first", "\n" + hashed, "line 1, the untrusted comment, does not begin"},
      {"returns alone", replaced(replaced(hashed, "key\n", "key\r"), "I=\n", "I=\r"), "line 1"},
      {"two returns", replaced(hashed, "I=\n", "I=\r\r\n"), "line 2"},
      {"a return at its end", hashed.substr(0, hashed.size() - 1) + "\r", "line 4"},
      {"far too long", std::string(20'000, 'x'), "too long"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    auto parsed = FileSignature::parse(row.text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.refusal().reason == Reason::bad_signature);
    CAPTURE(parsed.refusal().detail);
    CHECK(parsed.refusal().detail.find(row.says) != std::string::npos);
  }
}

TEST_CASE("line ends are those that minisign takes") {
  std::string returns;
  for (char c : hashed) returns += c == '\n' ? std::string("\r\n") : std::string(1, c);
  for (const std::string& text :
       {returns, hashed.substr(0, hashed.size() - 1),
        replaced(hashed, "a comment\n", "a comment\r\n"),
        replaced(hashed, "signature from minisign secret key", std::string(1'003, 'x')),
        replaced(hashed, "signature from minisign secret key", "\xe9\x01")}) {
    auto comment = verify(text, content);
    REQUIRE(comment);
    CHECK(*comment == "a comment");
  }
}

TEST_CASE("every byte of a signature counts, but for the untrusted comment") {
  const std::size_t free_from = std::string_view("untrusted comment: ").size();
  for (const std::string& signature : {hashed, legacy}) {
    const std::size_t free_to = signature.find('\n');
    for (std::size_t at = 0; at < signature.size(); ++at) {
      for (unsigned bit = 0; bit < 8; ++bit) {
        std::string changed = signature;
        changed[at] = static_cast<char>(static_cast<unsigned char>(changed[at]) ^ (1U << bit));
        auto verified = verify(changed, content);
        CAPTURE(at);
        CAPTURE(bit);
        if (at < free_from || at >= free_to) {
          CHECK_FALSE(verified);
        } else if (verified) {
          CHECK(*verified == "a comment");
        }
      }
    }
  }
}

TEST_CASE("what is signed here is verified, with its comment") {
  const auto signer = SecretKey::generate();
  const std::string comments[] = {"", "a\tb", "Größe – 大", "\u202eright to left",
                                  std::string(8'173, 'x')};
  for (const std::string& comment : comments) {
    const MemoryFile file(content);
    auto signature = sign_file(signer, file.readable(), comment);
    REQUIRE(signature);
    CHECK(signature->algorithm() == FileSignature::Algorithm::hashed);
    CHECK(signature->key_id() == signer.public_key().id());
    auto verified = verify(signature->text(), content, signer.public_key());
    REQUIRE(verified);
    CHECK(*verified == comment);
    CHECK_FALSE(verify(signature->text(), other_content, signer.public_key()));
  }
  for (const std::string& comment :
       {std::string("a\nb"), std::string("a\r"), std::string("\x1b[2J"), std::string("\xff"),
        std::string(1, '\0'), std::string("\x7f"), std::string(8'174, 'x')}) {
    const MemoryFile file(content);
    auto signature = sign_file(signer, file.readable(), comment);
    REQUIRE_FALSE(signature);
    CHECK(signature.refusal().reason == Reason::usage);
  }
}

TEST_CASE("the signature of a file is none over an approval, nor the other way round") {
  const auto signer = SecretKey::generate();
  FileHash hash{};
  auto made = FileSignature::make(signer, hash, "");
  REQUIRE(made);
  const std::string text = made->text();
  const std::string line_4 = text.substr(text.rfind('\n', text.size() - 2) + 1, 88);
  const std::string_view bytes(reinterpret_cast<const char*>(hash.data()), hash.size());
  CHECK_FALSE(signer.public_key().verify("approval", bytes, line_4));
  const std::string approval = signer.sign("approval", bytes);
  CHECK_FALSE(verify(replaced(text, line_4, approval), bytes, signer.public_key()));
}

TEST_CASE("a file is read in pieces, and not while somebody writes to it") {
  const auto signer = SecretKey::generate();
  const MemoryFile large("");
  large.stretch((std::uint64_t{3} << 20) + 1);
  std::vector<std::uint64_t> steps;
  ReadableFile readable = large.readable();
  readable.progress = [&steps](std::uint64_t done, std::uint64_t size) {
    CHECK(size == (std::uint64_t{3} << 20) + 1);
    steps.push_back(done);
  };
  CHECK(sign_file(signer, readable, "x"));
  CHECK(steps.size() == 4);
  CHECK(steps.back() == (std::uint64_t{3} << 20) + 1);

  for (const bool shorter : {false, true}) {
    const MemoryFile changing(std::string(3 << 20, 'x'));
    ReadableFile meanwhile = changing.readable();
    meanwhile.progress = [&](std::uint64_t, std::uint64_t) {
      shorter ? changing.stretch(2 << 20) : changing.stretch(4 << 20);
    };
    auto signature = sign_file(signer, meanwhile, "x");
    REQUIRE_FALSE(signature);
    CHECK(signature.refusal().reason == Reason::storage);
    CHECK(signature.refusal().detail.find("was changed while it was read") != std::string::npos);
  }
}

TEST_CASE("a legacy signature has a bound, and what is no file is refused") {
  const MemoryFile huge("");
  huge.stretch(legacy_bytes_most + 1);
  auto signature = FileSignature::parse(legacy);
  REQUIRE(signature);
  auto verified = verify_file(key(), huge.readable(), *signature);
  REQUIRE_FALSE(verified);
  CHECK(verified.refusal().reason == Reason::too_large);
  CHECK(verified.refusal().detail.find("256 MiB") != std::string::npos);

  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  auto of_pipe = verify_file(key(), {.descriptor = ends[0], .name = "pipe"}, *signature);
  REQUIRE_FALSE(of_pipe);
  CHECK(of_pipe.refusal().detail == "pipe is no regular file: name one");
  ::close(ends[0]);
  ::close(ends[1]);
  auto closed = verify_file(key(), {.descriptor = -1, .name = "nothing"}, *signature);
  REQUIRE_FALSE(closed);
  CHECK(closed.refusal().reason == Reason::storage);
}

}  // namespace
}  // namespace toolgate

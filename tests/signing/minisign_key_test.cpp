#include "signing/minisign_key.hpp"

#include <doctest/doctest.h>
#include <sodium.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>

#include "signing/minisign.hpp"

namespace toolgate {
namespace {

namespace fs = std::filesystem;

// Made by Debian's minisign 0.11: one with -W; one with the passphrase "secret word", where it had
// little memory and so chose lesser costs; and that one again after -C -W.
constexpr std::string_view comment_line = "untrusted comment: minisign encrypted secret key\n";
const std::string clear(
    "RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAARgrohrPM7DBpFR5qdt6N0V"
    "TVEMPYoW36XtxBm7tAJj3x5CppIHIcMsva9KtRsRqci936B4uROgTzVzQSJaGL9bL05unQiispAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAA=");
const std::string encrypted(
    "RWRTY0Iy5coDvm5wPHmdmafGMZqkhTWv02QfiUUtIvNPH/cJXQgAABAAAAAAAAAAAAIAAAAA3VbmjauZD0a7iikak94CYt"
    "pjvw3ePGqXF0Xm7BsXy+dVFNstuEHr7r33he4BRzERdLYB0l4+SbwzbNJfByw0cBs/J8YByPg6H5Kfd+8YT/BfS2RdUKqi"
    "LcVpewZ8GwyONEDVbhVG9T0=");
const std::string decrypted(
    "RWQAAEIy5coDvm5wPHmdmafGMZqkhTWv02QfiUUtIvNPH/cJXQgAABAAAAAAAAAAAAIAAAAA+MpjdVF92t0Pmp1h2CEoF3"
    "YwxhXXYWEV2eFAe68ejQfelC2bxLMw9wJZRX/7LhzQRc3CdeDr4uWx3z4Bkc9vq1pPsuM9Kh160AW7PYlN5erQ9tZB2wTi"
    "iaWm3u346zdTXYOOka4i114=");
constexpr const char* clear_public = "RWRGCuiGs8zsMMva9KtRsRqci936B4uROgTzVzQSJaGL9bL05unQiisp";
constexpr const char* encrypted_public = "RWT4ymN1UX3a3QJZRX/7LhzQRc3CdeDr4uWx3z4Bkc9vq1pPsuM9Kh16";

class KeyPlace {
 public:
  KeyPlace() {
    auto pattern = (fs::temp_directory_path() / "toolgate-minisign-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
  }
  KeyPlace(const KeyPlace&) = delete;
  ~KeyPlace() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  fs::path file() const { return folder_ / "publisher.key"; }
  Result<std::optional<MinisignKeyFile>> read(std::string_view text, mode_t mode = 0600) const {
    std::ofstream(file(), std::ios::binary) << text;
    REQUIRE(::chmod(file().c_str(), mode) == 0);
    return MinisignKeyFile::read(file());
  }
  // Of a file that is one of minisign's.
  Result<SecretKey> open(std::string_view line, const char* passphrase) const {
    auto found = read(std::string(comment_line).append(line).append("\n"));
    REQUIRE(found);
    REQUIRE(*found);
    if (passphrase == nullptr) return (*found)->open(nullptr);
    const std::string_view text(passphrase);
    SecretBytes secret(text.size());
    std::ranges::copy(text, secret.data());
    return (*found)->open(&secret);
  }

 private:
  fs::path folder_;
};

// The file with one of its 158 bytes changed.
std::string changed(const std::string& line, std::size_t at, unsigned char change) {
  std::string bytes(158, '\0');
  auto* const data = reinterpret_cast<unsigned char*>(bytes.data());
  std::size_t size = 0;
  REQUIRE(sodium_base642bin(data, bytes.size(), line.data(), line.size(), nullptr, &size, nullptr,
                            sodium_base64_VARIANT_ORIGINAL) == 0);
  REQUIRE(size == bytes.size());
  data[at] ^= change;
  std::string out(sodium_base64_encoded_len(size, sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(out.data(), out.size(), data, size, sodium_base64_VARIANT_ORIGINAL);
  out.pop_back();
  return out;
}

TEST_CASE("minisign's secret keys are read, with and without a passphrase") {
  struct Row {
    const char* name;
    std::string line;
    const char* passphrase;
    const char* key;
  };
  const Row rows[] = {
      {"in the clear", clear, nullptr, clear_public},
      {"in the clear, a passphrase beside it", clear, "anything", clear_public},
      {"encrypted", encrypted, "secret word", encrypted_public},
      {"decrypted by minisign", decrypted, nullptr, encrypted_public},
  };
  const KeyPlace place;
  for (const Row& row : rows) {
    CAPTURE(row.name);
    auto key = place.open(row.line, row.passphrase);
    REQUIRE(key);
    auto expected = PublicKey::parse("untrusted comment: \n" + std::string(row.key));
    REQUIRE(expected);
    CHECK(key->public_key() == *expected);
    const FileHash hash{9};
    auto made = FileSignature::make(*key, hash, "x");
    REQUIRE(made);
    CHECK(made->verify(*expected, {reinterpret_cast<const char*>(hash.data()), hash.size()}));
  }
}

TEST_CASE("a wrong passphrase, and a changed file, give no key") {
  struct Row {
    const char* name;
    std::string line;
    const char* passphrase;
    const char* says;
  };
  const Row rows[] = {
      {"none", encrypted, nullptr, "needs its passphrase"},
      {"a wrong one", encrypted, "secret Word", "is wrong, or the file was changed"},
      {"an empty one", encrypted, "", "is wrong, or the file was changed"},
      {"a changed id", changed(encrypted, 54, 1), "secret word", "or the file was changed"},
      {"a changed seed", changed(encrypted, 70, 1), "secret word", "or the file was changed"},
      {"a changed public key", changed(encrypted, 100, 1), "secret word", "file was changed"},
      {"a changed checksum", changed(encrypted, 157, 1), "secret word", "file was changed"},
      {"a changed salt", changed(encrypted, 6, 1), "secret word", "file was changed"},
      {"excessive operations", changed(encrypted, 45, 1), "secret word", "is damaged"},
      {"excessive memory", changed(encrypted, 53, 1), "secret word", "is damaged"},
      {"a changed seed in the clear", changed(clear, 70, 1), nullptr, "is damaged"},
      {"a changed public key in the clear", changed(clear, 100, 1), nullptr, "is damaged"},
      {"a wrong checksum in the clear", changed(clear, 157, 1), nullptr, "is damaged"},
      {"a changed id beside a checksum", changed(decrypted, 54, 1), nullptr, "is damaged"},
  };
  const KeyPlace place;
  for (const Row& row : rows) {
    CAPTURE(row.name);
    auto key = place.open(row.line, row.passphrase);
    REQUIRE_FALSE(key);
    CHECK(key.refusal().reason == Reason::bad_signature);
    CAPTURE(key.refusal().detail);
    CHECK(key.refusal().detail.find(row.says) != std::string::npos);
  }
}

TEST_CASE("other files are none of minisign's, and open ones are refused") {
  const std::string head(comment_line);
  const KeyPlace place;
  for (const char* end : {"", "\n", "\r\n"}) {
    auto found = place.read(head + encrypted + end);
    REQUIRE(found);
    CHECK(found->has_value());
  }
  for (const std::string& text :
       {head, encrypted + "\n", "comment\n" + encrypted + "\n", head + encrypted + "\n\n",
        head + encrypted + "\nmore\n", head + encrypted.substr(4) + "\n",
        head + changed(encrypted, 0, 1) + "\n", head + changed(encrypted, 2, 1) + "\n",
        head + changed(encrypted, 4, 1) + "\n", head + clear_public + "\n", std::string("\n")}) {
    CAPTURE(text);
    auto found = place.read(text);
    REQUIRE(found);
    CHECK_FALSE(found->has_value());
  }
  auto open = place.read(head + clear + "\n", 0640);
  REQUIRE_FALSE(open);
  CHECK(open.refusal().detail.find("chmod 600") != std::string::npos);
  CHECK_FALSE(place.read(""));
  CHECK_FALSE(MinisignKeyFile::read(place.file().string() + ".missing"));
}

}  // namespace
}  // namespace toolgate

#include "signing/minisign.hpp"

#include <sodium.h>

#include <algorithm>
#include <optional>
#include <span>
#include <stdexcept>
#include <utility>

#include "gateway/core/json_text.hpp"
#include "signing/strict_base64.hpp"

namespace toolgate {
namespace {

constexpr std::string_view untrusted_prefix = "untrusted comment: ";
constexpr std::string_view trusted_prefix = "trusted comment: ";
constexpr std::string_view own_comment = "signature from toolgate secret key";
constexpr std::size_t packed_bytes = 2 + 8 + crypto_sign_BYTES;

// The longest lines that minisign reads, with their ends.
constexpr std::size_t untrusted_line_most = 1'023;
constexpr std::size_t trusted_line_most = 8'191;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string base64(std::span<const std::uint8_t> bytes) {
  std::string out(sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(out.data(), out.size(), bytes.data(), bytes.size(),
                    sodium_base64_VARIANT_ORIGINAL);
  out.pop_back();  // the NUL
  return out;
}

Refusal wrong(std::string_view what) {
  return Refusal(Reason::bad_signature, "this is no minisign signature: " + std::string(what));
}

struct Line {
  std::string_view text;  // without its end
  std::size_t bytes = 0;  // with it
};

// Nothing at the end of the text, and for a line that has a CR elsewhere than before its LF.
std::optional<Line> take_line(std::string_view& rest) {
  if (rest.empty()) return std::nullopt;
  const std::size_t end = rest.find('\n');
  Line line{.text = rest.substr(0, end), .bytes = end == rest.npos ? rest.size() : end + 1};
  if (end != rest.npos && line.text.ends_with('\r')) line.text.remove_suffix(1);
  rest.remove_prefix(line.bytes);
  if (line.text.find('\r') != line.text.npos) return std::nullopt;
  return line;
}

Result<std::string_view> take_comment(std::string_view& rest, std::string_view prefix,
                                      std::size_t bytes_most, const std::string& place) {
  auto line = take_line(rest);
  if (!line) return wrong(place + " is missing, or has a carriage return in it");
  if (!line->text.starts_with(prefix)) {
    return wrong(place + " does not begin with \"" + std::string(prefix) + "\"");
  }
  if (line->bytes > bytes_most) {
    return wrong(place + " is longer than " + std::to_string(bytes_most) + " bytes");
  }
  return line->text.substr(prefix.size());
}

Status take_base64(std::string_view& rest, std::span<std::uint8_t> out, const std::string& place) {
  auto line = take_line(rest);
  if (!line) return wrong(place + " is missing, or has a carriage return in it");
  const std::size_t length =
      sodium_base64_encoded_len(out.size(), sodium_base64_VARIANT_ORIGINAL) - 1;
  if (line->text.size() != length) {
    return wrong(place + " has " + std::to_string(line->text.size()) + " characters and not " +
                 std::to_string(length));
  }
  if (read_base64(line->text, out, sodium_base64_VARIANT_ORIGINAL) != out.size()) {
    return wrong(place + " is no base64 of " + std::to_string(out.size()) + " bytes");
  }
  return done();
}

// A control character would let a comment be more, on a terminal, than the line that was signed.
bool is_plain(std::string_view text) {
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at < end;) {
    const std::size_t length = utf8_length(at, end);
    if (length == 0) return false;
    const char32_t point = utf8_code_point({at, length});
    if (point != '\t' && (point < 0x20 || (point >= 0x7F && point <= 0x9F))) return false;
    at += length;
  }
  return true;
}

}  // namespace

Result<FileSignature> FileSignature::parse(std::string_view text) {
  start_cryptography();
  if (text.size() > text_bytes_most) return wrong("it is too long for one");
  FileSignature parsed;
  auto untrusted =
      take_comment(text, untrusted_prefix, untrusted_line_most, "line 1, the untrusted comment,");
  if (!untrusted) return untrusted.refusal();
  if (untrusted->find('\0') != untrusted->npos) {
    return wrong("line 1, the untrusted comment, has a NUL in it");
  }
  parsed.untrusted_comment_ = *untrusted;

  std::array<std::uint8_t, packed_bytes> packed;
  auto status = take_base64(text, packed, "line 2, the signature,");
  if (!status) return status.refusal();
  if (packed[0] != 'E' || (packed[1] != 'd' && packed[1] != 'D')) {
    return wrong("its algorithm is neither \"ED\" nor the legacy \"Ed\"");
  }
  parsed.algorithm_ = packed[1] == 'D' ? Algorithm::hashed : Algorithm::whole;
  std::copy_n(packed.begin() + 2, parsed.key_id_.size(), parsed.key_id_.begin());
  std::copy_n(packed.begin() + 10, parsed.signature_.size(), parsed.signature_.begin());

  auto trusted =
      take_comment(text, trusted_prefix, trusted_line_most, "line 3, the trusted comment,");
  if (!trusted) return trusted.refusal();
  if (!is_plain(*trusted)) {
    return wrong("line 3, the trusted comment, is no UTF-8 or has control characters in it");
  }
  parsed.trusted_comment_ = *trusted;

  status = take_base64(text, parsed.comment_signature_, "line 4, the signature of the comment,");
  if (!status) return status.refusal();
  if (!text.empty()) return wrong("something follows its fourth line");
  return parsed;
}

Status check_trusted_comment(std::string_view comment) {
  constexpr std::size_t bytes_most = trusted_line_most - trusted_prefix.size() - 1;
  if (comment.size() > bytes_most) {
    return Refusal(Reason::usage, "a trusted comment has at most " + std::to_string(bytes_most) +
                                      " bytes: minisign reads no longer one");
  }
  if (is_plain(comment)) return done();
  return Refusal(Reason::usage,
                 "a trusted comment is one line of UTF-8 without control characters");
}

Result<FileSignature> FileSignature::make(const SecretKey& key, const FileHash& hash,
                                          std::string_view trusted_comment) {
  auto fit = check_trusted_comment(trusted_comment);
  if (!fit) return fit.refusal();
  FileSignature made;
  made.untrusted_comment_ = own_comment;
  made.key_id_ = key.public_.id_;
  made.trusted_comment_ = trusted_comment;
  auto sign = [&key](Signature& out, std::span<const std::uint8_t> bytes) {
    if (crypto_sign_detached(out.data(), nullptr, bytes.data(), bytes.size(), key.secret_.data()) !=
        0) {
      throw std::runtime_error("libsodium could not sign");
    }
  };
  sign(made.signature_, hash);
  const std::string commented = made.commented();
  sign(made.comment_signature_, {bytes_of(commented), commented.size()});
  return made;
}

std::string FileSignature::text() const {
  std::array<std::uint8_t, packed_bytes> packed{
      'E', static_cast<std::uint8_t>(algorithm_ == Algorithm::hashed ? 'D' : 'd')};
  std::ranges::copy(signature_, std::ranges::copy(key_id_, packed.begin() + 2).out);
  std::string out(untrusted_prefix);
  out.append(untrusted_comment_).append("\n").append(base64(packed)).append("\n");
  out.append(trusted_prefix).append(trusted_comment_).append("\n");
  return out.append(base64(comment_signature_)).append("\n");
}

std::string FileSignature::key_id() const { return key_id_text(key_id_); }

std::string FileSignature::commented() const {
  std::string bytes(reinterpret_cast<const char*>(signature_.data()), signature_.size());
  return bytes.append(trusted_comment_);
}

Status FileSignature::check_claim(const PublicKey& key) const {
  if (key_id_ != key.id_) {
    return Refusal(Reason::bad_signature,
                   "the signature is by key " + key_id() + ", and not by key " + key.id());
  }
  const std::string signed_bytes = commented();
  if (crypto_sign_verify_detached(comment_signature_.data(), bytes_of(signed_bytes),
                                  signed_bytes.size(), key.key_.data()) != 0) {
    return Refusal(Reason::bad_signature, "the signature or its trusted comment is not what key " +
                                              key.id() + " made: it was changed");
  }
  return done();
}

Result<std::string> FileSignature::verify(const PublicKey& key, std::string_view bytes) const {
  auto claim = check_claim(key);
  if (!claim) return claim.refusal();
  if (algorithm_ == Algorithm::whole && bytes.size() == std::tuple_size_v<FileHash>) {
    return Refusal(Reason::bad_signature,
                   "a legacy signature (Ed) over 64 bytes may as well be one over the hash of "
                   "another file: have it signed as ED");
  }
  if (crypto_sign_verify_detached(signature_.data(), bytes_of(bytes), bytes.size(),
                                  key.key_.data()) != 0) {
    return Refusal(Reason::bad_signature, "its content is not what key " + key.id() +
                                              " signed: it was changed, or the signature "
                                              "belongs to another file");
  }
  return trusted_comment_;
}

Result<std::string> FileSignature::verify_content(const PublicKey& key,
                                                  std::string_view content) const {
  if (algorithm_ == Algorithm::whole) return verify(key, content);
  start_cryptography();
  FileHash hash;
  if (crypto_generichash(hash.data(), hash.size(), bytes_of(content), content.size(), nullptr, 0) !=
      0) {
    throw std::runtime_error("libsodium could not compute a BLAKE2b hash");
  }
  return verify(key, {reinterpret_cast<const char*>(hash.data()), hash.size()});
}

}  // namespace toolgate

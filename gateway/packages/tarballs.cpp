#include "gateway/packages/tarballs.hpp"

#include <fcntl.h>
#include <sodium.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/descriptor.hpp"
#include "gateway/core/base64.hpp"
#include "signing/manifest.hpp"

namespace toolgate {
namespace {

constexpr std::string_view prefix = "sha512-";
constexpr std::size_t piece_bytes = std::size_t{256} << 10;
constexpr std::string_view low_hex = "0123456789abcdef";

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    text += {low_hex[value >> 4], low_hex[value & 15]};
  }
  return text;
}

std::optional<std::string> sha512_of(const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file) return std::nullopt;
  crypto_hash_sha512_state state;
  crypto_hash_sha512_init(&state);
  std::vector<unsigned char> piece(piece_bytes);
  for (;;) {
    const ssize_t got = ::read(file.number(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    crypto_hash_sha512_update(&state, piece.data(), static_cast<unsigned long long>(got));
  }
  std::array<unsigned char, crypto_hash_sha512_BYTES> sum{};
  crypto_hash_sha512_final(&state, sum.data());
  return std::string(reinterpret_cast<const char*>(sum.data()), sum.size());
}

}  // namespace

Status verify_tarballs(const std::filesystem::path& cache, const LockedPackage& locked) {
  for (const LockedPackage::Fetched& package : locked.packages) {
    if (package.integrity.empty()) continue;  // it came within another
    const std::string name = manifest_name(package.folder);
    const auto wanted = base64_bytes(std::string_view(package.integrity).substr(prefix.size()));
    if (!wanted || wanted->size() != crypto_hash_sha512_BYTES) {
      return Refusal(Reason::bad_signature, name + " has an integrity digest of another form");
    }
    const std::string digest = hex(*wanted);
    const auto sum = sha512_of(cache / "_cacache/content-v2/sha512" / digest.substr(0, 2) /
                               digest.substr(2, 2) / digest.substr(4));
    if (!sum) {
      return Refusal(Reason::bad_signature,
                     "npm kept no tarball of " + name + " that could be compared with its digest");
    }
    if (*sum != *wanted) {
      return Refusal(Reason::bad_signature,
                     "the tarball of " + name + " is not what the registry's digest names");
    }
  }
  return done();
}

}  // namespace toolgate

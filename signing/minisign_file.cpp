#include "signing/minisign_file.hpp"

#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace toolgate {
namespace {

constexpr std::size_t piece_bytes = std::size_t{1} << 20;

void check(bool worked) {
  if (!worked) throw std::runtime_error("libsodium could not compute a BLAKE2b hash");
}

Refusal cannot_read(const ReadableFile& file, int error) {
  return Refusal(Reason::storage, "cannot read " + file.name + ": " + std::strerror(error));
}

Result<struct stat> examine(const ReadableFile& file) {
  struct stat about{};
  if (::fstat(file.descriptor, &about) != 0) return cannot_read(file, errno);
  if (!S_ISREG(about.st_mode)) {
    return Refusal(Reason::storage, file.name + " is no regular file: name one");
  }
  return about;
}

bool same_time(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

// Somebody who writes meanwhile would have a mixture signed that nobody ever saw.
Status check_unchanged(const ReadableFile& file, const struct stat& before, std::uint64_t read) {
  auto after = examine(file);
  if (!after) return after.refusal();
  if (read == static_cast<std::uint64_t>(before.st_size) && before.st_size == after->st_size &&
      same_time(before.st_mtim, after->st_mtim) && same_time(before.st_ctim, after->st_ctim)) {
    return done();
  }
  return Refusal(Reason::storage, file.name +
                                      " was changed while it was read: try again when nobody "
                                      "writes to it");
}

// The whole content, piece by piece.
template <class Take>
Status read_file(const ReadableFile& file, const struct stat& about, Take take) {
  std::vector<char> piece(piece_bytes);
  const auto size = static_cast<std::uint64_t>(about.st_size);
  std::uint64_t read = 0;
  while (read <= size) {
    const ssize_t got = ::read(file.descriptor, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return cannot_read(file, errno);
    if (got == 0) break;
    take(std::string_view(piece.data(), static_cast<std::size_t>(got)));
    read += static_cast<std::uint64_t>(got);
    if (file.progress) file.progress(read, size);
  }
  return check_unchanged(file, about, read);
}

Result<FileHash> hash_of(const ReadableFile& file, const struct stat& about) {
  start_cryptography();
  crypto_generichash_state state;
  FileHash hash;
  check(crypto_generichash_init(&state, nullptr, 0, hash.size()) == 0);
  auto status = read_file(file, about, [&state](std::string_view piece) {
    check(crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(piece.data()),
                                    piece.size()) == 0);
  });
  if (!status) return status.refusal();
  check(crypto_generichash_final(&state, hash.data(), hash.size()) == 0);
  return hash;
}

Result<std::string> bytes_of(const ReadableFile& file, const struct stat& about) {
  if (static_cast<std::uint64_t>(about.st_size) > legacy_bytes_most) {
    return Refusal(Reason::too_large,
                   file.name + " has a legacy signature (Ed), which can be verified for files of " +
                       std::to_string(legacy_bytes_most >> 20) +
                       " MiB at most: have it signed as ED (`toolgate sign`, or minisign without "
                       "-l)");
  }
  std::string bytes;
  bytes.reserve(static_cast<std::size_t>(about.st_size));
  auto status = read_file(file, about, [&bytes](std::string_view piece) { bytes.append(piece); });
  if (!status) return status.refusal();
  return bytes;
}

}  // namespace

Result<FileSignature> sign_file(const SecretKey& key, const ReadableFile& file,
                                std::string_view trusted_comment) {
  auto fit = check_trusted_comment(trusted_comment);
  if (!fit) return fit.refusal();
  auto about = examine(file);
  if (!about) return about.refusal();
  auto hash = hash_of(file, *about);
  if (!hash) return hash.refusal();
  return FileSignature::make(key, *hash, trusted_comment);
}

Result<std::string> verify_file(const PublicKey& key, const ReadableFile& file,
                                const FileSignature& signature) {
  auto about = examine(file);
  if (!about) return about.refusal();
  // Before gigabytes are read for a signature that is somebody else's.
  auto claim = signature.check_claim(key);
  if (!claim) return claim.refusal();
  if (signature.algorithm() == FileSignature::Algorithm::whole) {
    auto bytes = bytes_of(file, *about);
    return bytes ? signature.verify(key, *bytes) : bytes.refusal();
  }
  auto hash = hash_of(file, *about);
  if (!hash) return hash.refusal();
  return signature.verify(key, {reinterpret_cast<const char*>(hash->data()), hash->size()});
}

}  // namespace toolgate

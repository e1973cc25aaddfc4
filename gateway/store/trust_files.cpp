#include "gateway/store/trust_files.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "signing/private_file.hpp"

namespace toolgate {
namespace {

namespace fs = std::filesystem;

constexpr const char* keys_file = "trust.keys";
constexpr const char* head_file = "trust.head";
constexpr const char* next_file = "trust.next";
constexpr const char* lock_file = "trust.lock";

bool is_there(const fs::path& file) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(file, ignored));
}

Result<std::optional<std::string>> read(const fs::path& file) {
  if (!is_there(file)) return std::optional<std::string>();
  FileRules rules;
  rules.forbidden = 022;
  rules.remedy =
      " can be written by other users: compare it with a copy that you trust, and run "
      "chmod 600 on it";
  rules.wrong_size = Refusal(Reason::bad_signature, file.string() + " is empty or has over 1 MiB");
  rules.bytes_most = Keyring::text_bytes_most;
  auto bytes = read_own_file(file, rules);
  if (!bytes) return bytes.refusal();
  return std::optional<std::string>(std::string(bytes->view()));
}

}  // namespace

Result<TrustFiles> read_trust_files(const fs::path& home) {
  TrustFiles files;
  for (auto& [name, text] : {std::pair{head_file, &files.head}, std::pair{keys_file, &files.keys},
                             std::pair{next_file, &files.next}}) {
    auto content = read(home / name);
    if (!content) return content.refusal();
    *text = std::move(*content);
  }
  return files;
}

Status write_trust_files(const fs::path& home, const Keyring& keyring, const SignedDecision& head) {
  auto current = read(home / keys_file);
  if (!current || *current != keyring.text()) {
    Status written = replace_own_file(home / keys_file, keyring.text(), 0600);
    if (!written) return written;
  }
  Status written = replace_own_file(home / head_file, head_text(head), 0600);
  if (!written || !is_there(home / next_file)) return written;
  if (::unlink((home / next_file).c_str()) == 0) return done();
  return Refusal(Reason::storage,
                 "cannot remove " + (home / next_file).string() + ": " + std::strerror(errno));
}

Status write_next_keys(const fs::path& home, const Keyring& keyring) {
  return replace_own_file(home / next_file, keyring.text(), 0600);
}

Result<std::optional<TrustLock>> TrustLock::take(const fs::path& home, Wait wait) {
  const fs::path file = home / lock_file;
  const int descriptor =
      ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
  if (descriptor < 0) {
    return Refusal(Reason::storage, "cannot open " + file.string() + ": " + std::strerror(errno));
  }
  TrustLock lock(descriptor);
  int locked = -1;
  do {
    locked = ::flock(descriptor, wait == Wait::yes ? LOCK_EX : LOCK_EX | LOCK_NB);
  } while (locked != 0 && errno == EINTR);
  if (locked == 0) return std::optional<TrustLock>(std::move(lock));
  if (errno == EWOULDBLOCK) return std::optional<TrustLock>();
  return Refusal(Reason::storage, "cannot lock " + file.string() + ": " + std::strerror(errno));
}

TrustLock::TrustLock(TrustLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

TrustLock::~TrustLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace toolgate

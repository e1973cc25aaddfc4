#include "gateway/packages/own_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "connectors/descriptor.hpp"
#include "signing/keys.hpp"

namespace toolgate {
namespace {

constexpr std::size_t piece_bytes = std::size_t{64} << 10;

Status write_all(int number, std::string_view bytes, const std::filesystem::path& file) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(number, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return package_fault("write", file, written == 0 ? EIO : errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(number) != 0) return package_fault("sync", file, errno);
  return done();
}

}  // namespace

Refusal package_fault(std::string_view what, const std::filesystem::path& file, int error) {
  std::string detail = "cannot " + std::string(what) + ' ' + file.string() + ": ";
  detail += std::strerror(error);
  if (error == ENOSPC || error == EDQUOT) detail += "; free some space and freeze again";
  return Refusal(Reason::storage, std::move(detail));
}

Result<std::string> read_package_file(const std::filesystem::path& file, std::size_t most_bytes) {
  const Descriptor open(::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!open) return package_fault("open", file, errno);
  struct stat status{};
  if (::fstat(open.number(), &status) != 0) return package_fault("examine", file, errno);
  if (!S_ISREG(status.st_mode) || status.st_uid != ::geteuid() ||
      status.st_size > static_cast<off_t>(most_bytes)) {
    return Refusal(Reason::storage, file.string() + " is no file of this user of a sensible size");
  }
  std::string text;
  std::string piece(piece_bytes, '\0');
  while (text.size() <= most_bytes) {
    const ssize_t got = ::read(open.number(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return package_fault("read", file, errno);
    if (got == 0) return text;
    text.append(piece, 0, static_cast<std::size_t>(got));
  }
  return Refusal(Reason::storage, file.string() + " grew while it was read");
}

Status write_package_file(const std::filesystem::path& file, std::string_view bytes,
                          Replacing replacing) {
  std::filesystem::path fresh = file.parent_path() / (".new-" + random_token());
  const mode_t mode = replacing == Replacing::yes ? 0600 : 0400;
  Descriptor open(
      ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!open) return package_fault("make", file, errno);
  Status written = write_all(open.number(), bytes, file);
  const int renamed = written ? (replacing == Replacing::yes ? ::rename(fresh.c_str(), file.c_str())
                                                             : ::link(fresh.c_str(), file.c_str()))
                              : 0;
  const int error = errno;
  if (!written || renamed != 0 || replacing == Replacing::no) ::unlink(fresh.c_str());
  if (!written) return written;
  if (renamed != 0) return package_fault("make", file, error);
  const Descriptor folder(::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::fsync(folder.number()) != 0) return package_fault("sync", file, errno);
  return done();
}

}  // namespace toolgate

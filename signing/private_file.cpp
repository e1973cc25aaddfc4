#include "signing/private_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace toolgate {
namespace {

namespace fs = std::filesystem;

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  explicit operator bool() const { return number_ >= 0; }
  int number() const { return number_; }

 private:
  int number_;
};

Refusal failed(std::string_view what, const fs::path& path, int error) {
  return Refusal(Reason::storage,
                 std::string(what) + " " + path.string() + ": " + std::strerror(error));
}

Status write_all(int file, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    auto written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return failed("cannot write", path, written == 0 ? EIO : errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(file) != 0) return failed("cannot sync", path, errno);
  return done();
}

Status write_temporary(const fs::path& path, std::string_view bytes, mode_t mode) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!file) return failed("cannot create", path, errno);
  // The umask may have taken bits away that the .pub file needs.
  if (::fchmod(file.number(), mode) != 0) return failed("cannot set the mode of", path, errno);
  return write_all(file.number(), bytes, path);
}

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

Status sync_folder(const fs::path& folder) {
  Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || ::fsync(directory.number()) != 0) return failed("cannot sync", folder, errno);
  return done();
}

}  // namespace

Result<NewFile> make_file(const fs::path& path, std::string_view bytes, mode_t mode) {
  const fs::path folder = folder_of(path);
  auto temporary = folder / (".new-" + random_token());
  auto written = write_temporary(temporary, bytes, mode);
  bool linked = written && ::link(temporary.c_str(), path.c_str()) == 0;  // never replaces
  int error = errno;
  ::unlink(temporary.c_str());
  if (!written) return written.refusal();
  if (!linked && error == EEXIST) return NewFile::there_already;
  if (!linked) return failed("cannot create", path, error);
  auto synced = sync_folder(folder);
  if (!synced) return synced.refusal();
  return NewFile::made;
}

Status replace_own_file(const fs::path& path, std::string_view bytes, mode_t mode) {
  const fs::path folder = folder_of(path);
  auto temporary = folder / (".new-" + random_token());
  auto written = write_temporary(temporary, bytes, mode);
  const bool moved = written && ::rename(temporary.c_str(), path.c_str()) == 0;
  const int error = errno;
  if (!moved) ::unlink(temporary.c_str());
  if (!written) return written;
  if (!moved) return failed("cannot replace", path, error);
  return sync_folder(folder);
}

Result<SecretBytes> read_own_file(const fs::path& path, const FileRules& rules) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file && errno == ELOOP) {
    return Refusal(Reason::storage, path.string() + " is a symbolic link; name the file itself");
  }
  if (!file) return failed("cannot open", path, errno);
  struct stat status;
  if (::fstat(file.number(), &status) != 0) return failed("cannot examine", path, errno);
  if (!S_ISREG(status.st_mode)) {
    return Refusal(Reason::storage, path.string() + " is no regular file");
  }
  const bool by_root = status.st_uid == 0 && rules.owner == FileRules::Owner::self_or_root;
  if (status.st_uid != ::geteuid() && !by_root) {
    return Refusal(Reason::storage, path.string() + " belongs to another user; chown it to yours");
  }
  if ((status.st_mode & rules.forbidden) != 0) {
    return Refusal(Reason::storage, path.string() + std::string(rules.remedy));
  }
  if (status.st_size <= 0 || static_cast<std::size_t>(status.st_size) > rules.bytes_most) {
    return rules.wrong_size;
  }
  SecretBytes bytes(static_cast<std::size_t>(status.st_size));
  for (std::size_t have = 0; have < bytes.size();) {
    auto got = ::read(file.number(), bytes.data() + have, bytes.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return failed("cannot read", path, got == 0 ? EIO : errno);
    have += static_cast<std::size_t>(got);
  }
  return bytes;
}

}  // namespace toolgate

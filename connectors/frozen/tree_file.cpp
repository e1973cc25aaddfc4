#include "connectors/frozen/tree_file.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace toolgate::frozen_tree {
namespace {

using Type = ManifestEntry::Type;

constexpr std::size_t read_bytes = std::size_t{256} << 10;

bool write_all(int number, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(number, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

Descriptor open_with(int root, const std::string& path, std::uint64_t flags, mode_t mode) {
  open_how how{};
  how.flags = flags | O_CLOEXEC | O_NOFOLLOW;
  how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const char* name = path.empty() ? "." : path.c_str();
  for (;;) {
    const long number = ::syscall(SYS_openat2, root, name, &how, sizeof how);
    if (number >= 0) return Descriptor(static_cast<int>(number));
    if (errno != EAGAIN && errno != EINTR) return Descriptor();
  }
}

}  // namespace

Refusal differs(std::string_view path, std::string_view how) {
  return Refusal(Reason::bad_signature, manifest_name(path) + ' ' + std::string(how));
}

Refusal failed(std::string_view what, std::string_view path, int error) {
  return Refusal(Reason::storage, "cannot " + std::string(what) + ' ' +
                                      (path.empty() ? "the frozen tree" : manifest_name(path)) +
                                      ": " + std::strerror(error));
}

Descriptor open_root(const std::filesystem::path& root) {
  return Descriptor(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

Descriptor open_beneath(int root, const std::string& path, std::uint64_t flags) {
  return open_with(root, path, flags, 0);
}

Descriptor create_beneath(int root, const std::string& path, mode_t mode) {
  return open_with(root, path, O_WRONLY | O_CREAT | O_EXCL, mode);
}

std::string_view oddity(const struct stat& status) {
  static const uid_t own = ::geteuid();
  if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode) && !S_ISLNK(status.st_mode)) {
    return "is a device, a socket or a pipe";
  }
  if ((status.st_mode & (S_ISUID | S_ISGID)) != 0) return "would run with another user's rights";
  if (status.st_uid != own) return "belongs to another user";
  // Who holds the other name may write there without coming near the tree.
  if (S_ISREG(status.st_mode) && status.st_nlink != 1) return "has a second name (a hard link)";
  return "";
}

Result<std::string> link_target(int folder, const std::string& name, const std::string& path) {
  std::string target(ManifestLimits().path_bytes + 1, '\0');
  const ssize_t size = ::readlinkat(folder, name.c_str(), target.data(), target.size());
  if (size < 0) return failed("read", path, errno);
  if (static_cast<std::size_t>(size) == target.size()) return differs(path, "leads too far");
  target.resize(static_cast<std::size_t>(size));
  return target;
}

FileHash::FileHash() : buffer_(read_bytes) {}

Result<std::array<std::uint8_t, 32>> FileHash::of(const Descriptor& file,
                                                  const ManifestEntry& entry,
                                                  const Descriptor& copy) {
  struct stat status{};
  if (::fstat(file.number(), &status) != 0) return failed("examine", entry.path, errno);
  if (const std::string_view odd = oddity(status); !odd.empty()) return differs(entry.path, odd);
  if (!S_ISREG(status.st_mode)) return differs(entry.path, "was replaced");
  const mode_t mode = entry.type == Type::executable ? sealed_program : sealed_file;
  if ((status.st_mode & all_bits) != mode) return differs(entry.path, "has another mode");
  if (static_cast<std::uint64_t>(status.st_size) != entry.bytes) {
    return differs(entry.path, "was changed");
  }
  return of_bytes(file, entry.path, entry.bytes, copy);
}

Result<std::array<std::uint8_t, 32>> FileHash::of_bytes(const Descriptor& file,
                                                        const std::string& path,
                                                        std::uint64_t length,
                                                        const Descriptor& copy) {
  std::uint64_t bytes = 0;
  while (true) {
    const ssize_t got = ::read(file.number(), buffer_.data(), buffer_.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const int error = errno;
      (void)hash_.finish();
      return failed("read", path, error);
    }
    const std::string_view piece(buffer_.data(), static_cast<std::size_t>(got));
    hash_.add(piece);
    if (copy && !write_all(copy.number(), piece)) {
      const int error = errno;
      (void)hash_.finish();
      return failed("copy", path, error);
    }
    bytes += static_cast<std::uint64_t>(got);
    // A regular file gives less than was asked for at its end alone.
    if (static_cast<std::size_t>(got) < buffer_.size() || bytes > length) break;
  }
  auto sum = hash_.finish();
  if (bytes != length) return differs(path, "was changed");
  return sum;
}

}  // namespace toolgate::frozen_tree

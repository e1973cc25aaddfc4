#include "gateway/store/host_place.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "connectors/sandbox/scope_tree.hpp"
#include "gateway/core/clock.hpp"

namespace toolgate {
namespace {

std::int64_t generation_of(const HostPlace& place, const HostFile& file) {
  const Descriptor opened = place.open(O_RDONLY | O_NONBLOCK);
  struct stat about{};
  int generation = 0;
  const bool is_same = opened && ::fstat(opened.number(), &about) == 0 &&
                       about.st_dev == file.device && about.st_ino == file.inode;
  return is_same && ::ioctl(opened.number(), FS_IOC_GETVERSION, &generation) == 0 ? generation : 0;
}

}  // namespace

HostFile HostPlace::file() const {
  struct statx about{};
  constexpr unsigned wanted = STATX_TYPE | STATX_INO | STATX_BTIME;
  if (::statx(directory.number(), name.c_str(), AT_SYMLINK_NOFOLLOW, wanted, &about) != 0) {
    return HostFile();
  }
  HostFile found;
  found.device = ::makedev(about.stx_dev_major, about.stx_dev_minor);
  found.inode = about.stx_ino;
  found.type = about.stx_mode & S_IFMT;
  if (S_ISREG(found.type) || S_ISDIR(found.type)) found.generation = generation_of(*this, found);
  if ((about.stx_mask & STATX_BTIME) != 0) {
    found.born_ns = about.stx_btime.tv_sec * 1'000'000'000 + about.stx_btime.tv_nsec;
  }
  return found;
}

bool HostPlace::look(struct stat& about) const {
  return ::fstatat(directory.number(), name.c_str(), &about, AT_SYMLINK_NOFOLLOW) == 0;
}

Descriptor HostPlace::open(int flags) const {
  return Descriptor(::openat(directory.number(), name.c_str(), flags | O_NOFOLLOW | O_CLOEXEC));
}

bool HostPlace::sync() const { return ::fsync(directory.number()) == 0; }

HostPlace HostPlace::beside() const {
  HostPlace other;
  other.directory = Descriptor(::fcntl(directory.number(), F_DUPFD_CLOEXEC, 3));
  if (!other.directory) throw std::system_error(errno, std::generic_category(), "fcntl");
  const std::string chance = make_uuid_v7().substr(24);
  other.name = "." + name.substr(0, 200) + ".toolgate-" + chance;
  other.path = path.substr(0, path.size() - name.size()) + other.name;
  return other;
}

bool rename_place(const HostPlace& from, const HostPlace& to, Rename how) {
  return ::syscall(SYS_renameat2, from.directory.number(), from.name.c_str(), to.directory.number(),
                   to.name.c_str(), static_cast<unsigned>(how)) == 0;
}

Result<HostPlace> open_place(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (path.empty() || path.front() != '/' || slash + 1 == path.size()) {
    return Refusal(Reason::storage, path + " is no absolute path of a file");
  }
  HostPlace place;
  place.path = path;
  place.name = path.substr(slash + 1);
  const std::string folder = slash == 0 ? "/" : path.substr(0, slash);
  place.directory = open_without_links(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY);
  if (!place.directory) return cannot_be(folder, "opened without following symbolic links");
  return place;
}

HostFile file_at(const std::string& path) {
  auto place = open_place(path);
  return place ? place->file() : HostFile();
}

Refusal cannot_be(const std::string& path, const std::string& what) {
  return Refusal(Reason::storage, path + " cannot be " + what + ": " + std::strerror(errno));
}

}  // namespace toolgate

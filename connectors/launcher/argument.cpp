#include "connectors/launcher/argument.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace toolgate {
namespace {

constexpr int never_waiting = O_NOCTTY | O_NONBLOCK | O_CLOEXEC;

}  // namespace

// Page by page: what follows the text may not be there.
int Text::read(const Caller& caller, std::uint64_t address) {
  constexpr std::uint64_t page = 4096;
  for (std::size_t used = 0; used < sizeof bytes;) {
    std::size_t part = page - (address + used) % page;
    if (part > sizeof bytes - used) part = sizeof bytes - used;
    const ssize_t count =
        pread(caller.memory, bytes + used, part, static_cast<off_t>(address + used));
    if (count <= 0) return EFAULT;
    if (std::memchr(bytes + used, '\0', static_cast<std::size_t>(count)) != nullptr) return 0;
    used += static_cast<std::size_t>(count);
  }
  return ENAMETOOLONG;
}

int Argument::find(const Caller& caller, const Guard& guard, int from, std::uint64_t address,
                   LastLink last) {
  int error = text.read(caller, address);
  if (error == 0) error = find_place(caller, from, text.bytes, last, place);
  if (error == 0) error = path_of(place, path.bytes, sizeof path.bytes);
  if (error != 0) return error;
  if (!place.is_special()) meaning = guard.meaning(path.bytes);
  is_kept = guard.keeps(path.bytes);
  return 0;
}

bool Argument::exists() const {
  struct stat about{};
  return is_file_itself() || fstatat(directory(), name(), &about, AT_SYMLINK_NOFOLLOW) == 0 ||
         errno != ENOENT;
}

bool Argument::is_directory() const {
  struct stat about{};
  return fstatat(directory(), name(), &about, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(about.st_mode);
}

int Argument::open(int flags, mode_t mode) const {
  if (is_file_itself()) return open_again(directory(), flags);
  return openat(directory(), name(), flags | O_NOFOLLOW | never_waiting, mode);
}

ProcLink::ProcLink(int file) { std::snprintf(path, sizeof path, "/proc/self/fd/%d", file); }

int open_again(int file, int flags) {
  return ::open(ProcLink(file).path, (flags & ~(O_CREAT | O_NOFOLLOW)) | never_waiting);
}

int rename_there(const Argument& from, const Argument& to, unsigned flags) {
  return result_of(
      syscall(SYS_renameat2, from.directory(), from.name(), to.directory(), to.name(), flags));
}

void empty_file(int file) {
  if (ftruncate(file, 0) == 0) return;
  const OpenFile writing(open_again(file, O_WRONLY));  // it was opened for reading
  if (writing) [[maybe_unused]]
    const int emptied = ftruncate(writing.number(), 0);
}

}  // namespace toolgate

#include "gateway/store/content_copy.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

namespace toolgate {
namespace {

constexpr std::uint64_t piece_bytes = std::uint64_t{8} << 20;
constexpr int most_waits = 20;  // of a millisecond: a tick of the slowest kernels is 10

// What is data from a place on; false when the rest is a hole.
bool next_data(int from, std::uint64_t at, std::uint64_t size, std::uint64_t& begin,
               std::uint64_t& end) {
  const off_t data = ::lseek(from, static_cast<off_t>(at), SEEK_DATA);
  if (data < 0 && errno == ENXIO) return false;
  begin = data < 0 ? at : static_cast<std::uint64_t>(data);
  if (begin >= size) return false;
  const off_t hole = data < 0 ? -1 : ::lseek(from, data, SEEK_HOLE);
  end = hole < 0 ? size : std::min(size, static_cast<std::uint64_t>(hole));
  return end > begin;
}

int write_all(int to, const char* bytes, std::size_t count, off_t* at) {
  for (std::size_t done = 0; done < count;) {
    const ssize_t written = at == nullptr ? ::write(to, bytes + done, count - done)
                                          : ::pwrite(to, bytes + done, count - done, *at);
    if (written < 0 && errno != EINTR) return errno;
    if (written <= 0) continue;
    done += static_cast<std::size_t>(written);
    if (at != nullptr) *at += written;
  }
  return 0;
}

// Some bytes at `at`, which moves on. 0 or an errno.
int copy_piece(int from, int to, std::uint64_t& at, std::uint64_t most) {
  off_t reading = static_cast<off_t>(at);
  off_t writing = reading;
  const ssize_t copied = ::copy_file_range(from, &reading, to, &writing, most, 0);
  if (copied > 0) {
    at += static_cast<std::uint64_t>(copied);
    return 0;
  }
  if (copied < 0 && errno == EINTR) return 0;
  // Two file systems that cannot do it among themselves say so in several ways; and some files
  // answer that they have ended where they have not. What is wrong with the file itself, reading
  // tells.
  char part[65536];
  const ssize_t count = ::pread(from, part, std::min<std::uint64_t>(most, sizeof part), reading);
  if (count < 0) return errno == EINTR ? 0 : errno;
  if (count == 0) return EAGAIN;
  at += static_cast<std::uint64_t>(count);
  return write_all(to, part, static_cast<std::size_t>(count), &writing);
}

bool is_before(const timespec& one, const timespec& other) {
  return one.tv_sec != other.tv_sec ? one.tv_sec < other.tv_sec : one.tv_nsec < other.tv_nsec;
}

bool is_same(const timespec& one, const timespec& other) {
  return one.tv_sec == other.tv_sec && one.tv_nsec == other.tv_nsec;
}

}  // namespace

int copy_content(int from, int to, std::uint64_t size, const CopyGoesOn& goes_on) {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  for (std::uint64_t at = 0; next_data(from, at, size, begin, end); at = end) {
    for (std::uint64_t done = begin; done < end;) {
      const std::uint64_t most = std::min(end - done, piece_bytes);
      if (int error = goes_on ? goes_on(most) : 0) return error;
      if (int error = copy_piece(from, to, done, most)) return error;
    }
  }
  struct stat about{};
  if (::ftruncate(to, static_cast<off_t>(size)) != 0 || ::fstat(from, &about) != 0) return errno;
  return static_cast<std::uint64_t>(about.st_size) < size ? EAGAIN : 0;
}

int stream_content(int from, int to) {
  char part[65536];
  for (off_t at = 0;;) {
    const ssize_t count = ::pread(from, part, sizeof part, at);
    if (count == 0) return 0;
    if (count < 0 && errno != EINTR) return errno;
    if (count < 0) continue;
    if (int error = write_all(to, part, static_cast<std::size_t>(count), nullptr)) return error;
    at += count;
  }
}

bool settle_times(int file, struct stat& about) {
  for (int waits = 0;; ++waits) {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (::fstat(file, &about) != 0) return false;
    if (is_before(about.st_ctim, now) || waits == most_waits) return true;
    const timespec a_moment{0, 1'000'000};
    ::nanosleep(&a_moment, nullptr);
  }
}

bool is_unchanged(const struct stat& before, const struct stat& after) {
  return before.st_size == after.st_size && is_same(before.st_mtim, after.st_mtim) &&
         is_same(before.st_ctim, after.st_ctim);
}

}  // namespace toolgate

// Attacks on what everybody shares: memory, processes, descriptors, room on disk.

#include <fcntl.h>
#include <mqueue.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/programs/escape/attacks.hpp"

namespace escape {
namespace {

// Until the limit, of which it tells whether it lies between LEAST and MOST.
long within_limits(long count, char** a) {
  const int error = errno;
  if (count >= std::atol(a[0]) && count <= std::atol(a[1])) return denied(error);
  say("%ld", count);
  return 0;
}

// A process that waits, and so on, until there can be no more.
long bomb(char** a) {
  int ends[2];
  if (pipe(ends) != 0) return -1;
  long count = 0;
  int error = 0;
  for (; count < 5'000; ++count) {
    const pid_t child = fork();
    if (child == 0) {
      char byte = 0;
      close(ends[1]);
      [[maybe_unused]] ssize_t done = read(ends[0], &byte, 1);
      _exit(0);
    }
    if (child < 0) break;
  }
  error = errno;
  close(ends[1]);
  while (waitpid(-1, nullptr, 0) > 0) continue;
  errno = error;
  return within_limits(count, a);
}

// In megabytes.
long take_memory(char** a) {
  long count = 0;
  for (; count < 200'000; ++count) {
    void* memory = mmap(nullptr, 1 << 20, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) break;
  }
  return within_limits(count, a);
}

// COUNT processes that hold so many MEGABYTES each, all at the same time.
long take_together(char** a) {
  const int count = std::atoi(a[0]);
  const std::size_t bytes = static_cast<std::size_t>(std::atol(a[1])) << 20;
  int taken[2];
  int end[2];
  if (pipe(taken) != 0 || pipe(end) != 0) return -1;
  for (int i = 0; i < count; ++i) {
    if (fork() != 0) continue;
    close(end[1]);
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) _exit(1);
    std::memset(memory, 1, bytes);
    char byte = 0;
    if (write(taken[1], &byte, 1) == 1) [[maybe_unused]]
      ssize_t done = read(end[0], &byte, 1);
    _exit(0);
  }
  close(taken[1]);
  int holding = 0;
  char byte = 0;
  while (holding < count && read(taken[0], &byte, 1) == 1) ++holding;
  close(end[1]);
  while (waitpid(-1, nullptr, 0) > 0) continue;
  return holding == count ? 0 : denied(ENOMEM);
}

// Megabytes written to one file in FOLDER, which it then removes.
long fill(char** a) {
  const std::string path = std::string(a[0]) + "/fill";
  int file = open(path.c_str(), O_WRONLY | O_CREAT, 0600);
  if (file < 0) return -1;
  signal(SIGXFSZ, SIG_IGN);
  static char part[1 << 20];
  std::memset(part, 'x', sizeof part);
  long count = 0;
  ssize_t written = 0;
  while (count < 200'000 && (written = write(file, part, sizeof part)) > 0) ++count;
  const int error = errno;
  unlink(path.c_str());
  errno = error;
  return written < 0 ? within_limits(count, a + 1) : 0;
}

long write_far(char** a) {
  int file = open(a[0], O_WRONLY | O_CREAT, 0600);
  if (file < 0) return -1;
  signal(SIGXFSZ, SIG_IGN);
  return pwrite(file, "x", 1, off_t{1} << 40);
}
long make_long(char** a) {
  int file = open(a[0], O_WRONLY | O_CREAT, 0600);
  if (file < 0) return -1;
  signal(SIGXFSZ, SIG_IGN);
  return ftruncate(file, off_t{1} << 40);
}
long reserve_room(char** a) {
  int file = open(a[0], O_WRONLY | O_CREAT, 0600);
  if (file < 0) return -1;
  signal(SIGXFSZ, SIG_IGN);
  return fallocate(file, 0, 0, off_t{1} << 40);
}
long long_memory_file(char**) {
  signal(SIGXFSZ, SIG_IGN);
  int file = memfd_create("x", 0);
  return file < 0 ? -1 : ftruncate(file, off_t{1} << 40);
}
long take_descriptors(char** a) {
  long count = 0;
  while (count < 1'000'000 && open("/dev/null", O_RDONLY) >= 0) ++count;
  return within_limits(count, a);
}
long lock_memory(char**) {
  void* memory = mmap(nullptr, 8 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? -1 : mlock(memory, 8 << 20);
}
long make_queue(char**) {
  mq_attr attributes{};
  attributes.mq_maxmsg = 10;
  attributes.mq_msgsize = 8192;
  return mq_open("/escape", O_RDWR | O_CREAT, 0600, &attributes);
}
// Directories in directories, deeper than any path can name.
long dig(char** a) {
  if (chdir(a[0]) != 0) return -1;
  const long depth = std::atol(a[1]);
  for (long i = 0; i < depth; ++i) {
    if (mkdir("d", 0755) != 0 || chdir("d") != 0) return -1;
  }
  return 0;
}

constexpr auto attacks = std::to_array<Attack>({
    {"bomb", bomb},
    {"take_memory", take_memory},
    {"take_together", take_together},
    {"fill", fill},
    {"write_far", write_far},
    {"make_long", make_long},
    {"reserve_room", reserve_room},
    {"long_memory_file", long_memory_file},
    {"take_descriptors", take_descriptors},
    {"lock_memory", lock_memory},
    {"make_queue", make_queue},
    {"dig", dig},
});

}  // namespace

std::span<const Attack> resource_attacks() { return attacks; }

}  // namespace escape

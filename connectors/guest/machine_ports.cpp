#include "connectors/guest/machine_ports.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "connectors/launcher/refusal.hpp"

namespace toolgate {
namespace {

constexpr int most_modules = 100;
constexpr int waits = 3000;
constexpr int wait_us = 10'000;

void load_module(const char* path) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  struct stat about{};
  if (file < 0 || fstat(file, &about) != 0) refuse(path);
  const auto size = static_cast<std::size_t>(about.st_size);
  char* bytes = static_cast<char*>(std::malloc(size));
  if (bytes == nullptr) refuse(path);
  for (std::size_t at = 0; at < size;) {
    const ssize_t count = read(file, bytes + at, size - at);
    if (count <= 0) refuse(path);
    at += static_cast<std::size_t>(count);
  }
  if (syscall(SYS_init_module, bytes, size, "") != 0 && errno != EEXIST) refuse(path);
  std::free(bytes);
  close(file);
  unlink(path);  // the memory is the machine's
}

// /dev/vportNpM: N depends on the order in which the kernel finds its devices.
bool find_port(int number, char* path, std::size_t size) {
  DIR* folder = opendir("/dev");
  if (folder == nullptr) return false;
  bool found = false;
  while (const dirent* entry = readdir(folder)) {
    int device = 0;
    int port = 0;
    if (std::sscanf(entry->d_name, "vport%dp%d", &device, &port) != 2 || port != number) continue;
    std::snprintf(path, size, "/dev/vport%dp%d", device, port);
    found = true;
    break;
  }
  closedir(folder);
  return found;
}

}  // namespace

void load_modules() {
  for (int number = 0; number < most_modules; ++number) {
    char path[64];
    std::snprintf(path, sizeof path, "%s/%02d", guest_modules_folder, number);
    if (access(path, F_OK) != 0) return;
    load_module(path);
  }
}

int open_port(GuestPort port) {
  char path[64];
  for (int i = 0; i < waits; ++i) {
    if (find_port(static_cast<int>(port), path, sizeof path)) {
      const int file = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
      if (file >= 0) return file;
    }
    usleep(wait_us);
  }
  refuse("a port of the machine");
}

void wait_for_connection(int port) {
  for (int i = 0; i < waits; ++i) {
    pollfd watched{port, POLLIN, 0};
    if (poll(&watched, 1, 0) >= 0 && (watched.revents & POLLHUP) == 0) return;
    usleep(wait_us);
  }
  errno = ETIMEDOUT;
  refuse("the other end of a port of the machine");
}

}  // namespace toolgate

#include "connectors/launcher/caller.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace toolgate {
namespace {

// The number after "NAME:" in /proc/PID/status.
long number_after(pid_t thread, const char* name, int base) {
  char text[4096];
  std::snprintf(text, sizeof text, "/proc/%d/status", thread);
  const int file = open(text, O_RDONLY | O_CLOEXEC);
  if (file < 0) return -1;
  const ssize_t length = read(file, text, sizeof text - 1);
  close(file);
  if (length <= 0) return -1;
  text[length] = '\0';
  const char* line = std::strstr(text, name);
  return line == nullptr ? -1 : std::strtol(line + std::strlen(name), nullptr, base);
}

}  // namespace

pid_t Caller::process() const { return static_cast<pid_t>(number_after(thread, "\nTgid:", 10)); }

// What cannot be read takes every right away.
mode_t Caller::umask() const {
  const long mask = number_after(thread, "\nUmask:", 8);
  return mask < 0 ? 0777 : static_cast<mode_t>(mask);
}

}  // namespace toolgate

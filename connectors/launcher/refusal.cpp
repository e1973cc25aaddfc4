#include "connectors/launcher/refusal.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>

namespace toolgate {

void say_and_end(LauncherSays what, const char* text) {
  char line[512];
  int length = std::snprintf(line, sizeof line, "%c%s", static_cast<char>(what), text);
  if (length >= static_cast<int>(sizeof line)) length = sizeof line - 1;
  [[maybe_unused]] ssize_t written =
      write(launcher_status_number, line, static_cast<std::size_t>(length));
  _exit(launcher_refused_status);
}

void refuse(const char* step) {
  char text[256];
  std::snprintf(text, sizeof text, "%s: %s", step, std::strerror(errno));
  say_and_end(LauncherSays::refused, text);
}

void refuse_orders() {
  say_and_end(LauncherSays::refused, "the orders of the launcher cannot be read");
}

}  // namespace toolgate

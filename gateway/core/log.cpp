#include "gateway/core/log.hpp"

#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "gateway/core/clock.hpp"
#include "gateway/core/json_text.hpp"

namespace toolgate {
namespace {

// Longer values are cut, so that a line stays one.
constexpr std::size_t value_bytes = 4096;

LogLevel least_level = LogLevel::info;
LogForm log_form = LogForm::text;

std::string_view level_name(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    case LogLevel::error:
      return "error";
    case LogLevel::off:
      break;
  }
  return "off";
}

bool is_bare(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_./:@+-").find(c) != std::string_view::npos;
}

void append_quoted(std::string& out, std::string_view value) {
  if (value.size() <= value_bytes) return append_ascii_quote(out, value);
  append_ascii_quote(out, std::string(value.substr(0, value_bytes)) + "...");
}

// Bare where it cannot be mistaken for anything else.
void append_word(std::string& out, std::string_view value) {
  const bool bare = !value.empty() && value.size() <= value_bytes &&
                    std::all_of(value.begin(), value.end(), is_bare);
  if (bare) {
    out += value;
  } else {
    append_quoted(out, value);
  }
}

}  // namespace

void set_log(LogLevel least, LogForm form) {
  least_level = least;
  log_form = form;
}

std::string log_text(LogForm form, std::int64_t utc_ns, LogLevel level, std::string_view event,
                     std::initializer_list<LogField> fields) {
  const std::string time = utc_text(utc_ns).substr(0, 23) + 'Z';  // milliseconds suffice
  std::string line;
  if (form == LogForm::text) {
    line = time + ' ' + std::string(level_name(level)) + ' ';
    append_word(line, event);
    for (const auto& [key, value] : fields) {
      line += ' ';
      append_word(line, key);
      line += '=';
      append_word(line, value);
    }
  } else {
    line = "{\"time\":\"" + time + "\",\"level\":\"" + std::string(level_name(level)) +
           "\",\"event\":";
    append_quoted(line, event);
    for (const auto& [key, value] : fields) {
      line += ',';
      append_quoted(line, key);
      line += ':';
      append_quoted(line, value);
    }
    line += '}';
  }
  return line + '\n';
}

void log_line(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  if (level < least_level || level == LogLevel::off) return;
  std::string line = log_text(log_form, now_utc_ns(), level, event, fields);
  // A pipe that nobody empties must not stop the gateway: what finds no room is dropped. A pipe
  // that is writable takes PIPE_BUF bytes without waiting.
  if (line.size() > PIPE_BUF) {
    line.resize(PIPE_BUF - 1);
    line += '\n';
  }
  pollfd stderr_ready{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&stderr_ready, 1, 0) != 1 || (stderr_ready.revents & POLLOUT) == 0) return;
  // One write, so that lines of several processes on one terminal do not mix. Where it fails there
  // is nobody left to tell.
  while (::write(STDERR_FILENO, line.data(), line.size()) < 0 && errno == EINTR) {
  }
}

}  // namespace toolgate

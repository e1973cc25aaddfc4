#include "gateway/cli/console.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>
#include <cstring>
#include <iostream>
#include <utility>

#include "gateway/core/json_text.hpp"
#include "inspectors/hidden_characters.hpp"

namespace toolgate {
namespace {

std::string hexadecimal(unsigned value) {
  std::array<char, 8> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, 16);
  return std::string(digits.data(), end.ptr);
}

// Characters, not bytes; a wide one counts as one, which may make a column ragged and does no harm.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string fitted(const std::string& text, std::size_t width) {
  if (width_of(text) <= width) return text + std::string(width - width_of(text), ' ');
  std::string out;
  std::size_t taken = 0;
  const char* end = text.data() + text.size();
  for (const char* at = text.data(); at < end && taken + 1 < width; ++taken) {
    const std::size_t length = std::max<std::size_t>(utf8_length(at, end), 1);
    out.append(at, length);
    at += length;
  }
  return out + (width > 0 ? "…" : "");
}

// Reads a line from the terminal with the echo off. Ctrl-C comes as a byte, so that the terminal is
// never left without its echo.
class QuietTerminal {
 public:
  explicit QuietTerminal(int descriptor) : descriptor_(descriptor) {
    works_ = ::tcgetattr(descriptor_, &before_) == 0;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO | ISIG);
    if (works_) works_ = ::tcsetattr(descriptor_, TCSAFLUSH, &quiet) == 0;
  }
  ~QuietTerminal() {
    if (works_) ::tcsetattr(descriptor_, TCSAFLUSH, &before_);
    ::close(descriptor_);
  }
  QuietTerminal(const QuietTerminal&) = delete;

  Result<SecretBytes> line(const std::string& prompt) {
    if (!works_) return Refusal(Reason::usage, "the terminal cannot be asked for a passphrase");
    write(prompt);
    SecretBytes typed(1'024);
    std::size_t size = 0;
    for (std::uint8_t byte = 0;; typed.data()[size++] = byte) {
      if (::read(descriptor_, &byte, 1) != 1 || byte == 3 || size == typed.size()) {
        write("\n");
        return Refusal(Reason::usage, "no passphrase was given");
      }
      if (byte == '\n' || byte == '\r') break;
    }
    write("\n");
    SecretBytes exact(size);
    if (size > 0) std::memcpy(exact.data(), typed.data(), size);
    return exact;
  }

 private:
  void write(const std::string& text) {
    const auto written = ::write(descriptor_, text.data(), text.size());
    static_cast<void>(written);
  }
  int descriptor_;
  bool works_ = false;
  termios before_{};
};

Result<SecretBytes> ask_on_terminal(const std::string& prompt) {
  const int descriptor = ::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
  if (descriptor < 0) {
    return Refusal(
        Reason::usage,
        "there is no terminal to ask for the passphrase on: set TOOLGATE_PASSPHRASE_FILE");
  }
  QuietTerminal terminal(descriptor);
  return terminal.line(prompt);
}

// The line is read by the terminal, with its echo and its editing.
bool ask_yes_on_terminal(const std::string& question) {
  const int descriptor = ::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
  if (descriptor < 0) return false;
  const std::string text = question + " [y/N] ";
  std::array<char, 256> line{};
  ssize_t size = -1;
  if (::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size())) {
    size = ::read(descriptor, line.data(), line.size());
  }
  ::close(descriptor);
  if (size <= 0) return false;
  std::string_view answer(line.data(), static_cast<std::size_t>(size));
  while (!answer.empty() && static_cast<unsigned char>(answer.back()) <= ' ') {
    answer.remove_suffix(1);
  }
  return answer == "y" || answer == "Y" || answer == "yes";
}

std::string_view style_code(Style style) {
  switch (style) {
    case Style::good:
      return "\x1b[32m";
    case Style::warning:
      return "\x1b[33m";
    case Style::bad:
      return "\x1b[31m";
    case Style::faint:
      return "\x1b[2m";
    case Style::strong:
      return "\x1b[1m";
    case Style::removed:
      return "\x1b[7;31m";
    case Style::added:
      return "\x1b[7;32m";
    case Style::plain:
      break;
  }
  return "";
}

}  // namespace

Console standard_console() {
  Console console{.out = std::cout, .error = std::cerr, .environment = process_environment()};
  if (::isatty(STDOUT_FILENO) != 0) {
    winsize size{};
    console.columns = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0
                          ? std::size_t{size.ws_col}
                          : std::size_t{80};
    const auto no_colour = console.environment("NO_COLOR");
    console.styled = (!no_colour || no_colour->empty()) && console.environment("TERM") != "dumb";
  }
  console.error_is_terminal = ::isatty(STDERR_FILENO) != 0;
  if (::isatty(STDIN_FILENO) != 0) {
    console.ask_secret = ask_on_terminal;
    console.ask_yes = ask_yes_on_terminal;
  }
  return console;
}

std::string visible(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  const char* end = text.data() + text.size();
  for (const char* at = text.data(); at < end;) {
    const std::size_t length = utf8_length(at, end);
    if (length == 0) {
      out += "\\x{" + hexadecimal(static_cast<unsigned char>(*at++)) + "}";
      continue;
    }
    const std::string_view sequence(at, length);
    const char32_t point = utf8_code_point(sequence);
    if (is_hidden(point)) {
      out += "\\u{" + hexadecimal(static_cast<unsigned>(point)) + "}";
    } else {
      out += sequence;
    }
    at += length;
  }
  return out;
}

std::string indented(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    result += "    " + visible(text.substr(at, end - at)) + "\n";
    at = end + 1;
  }
  return result;
}

std::string json_line(const Console& console, std::string_view json) {
  if (console.columns == 0) return std::string(json);
  std::string out;
  auto escape = [&out](unsigned unit) {
    const std::string digits = hexadecimal(unit);
    out.append("\\u").append(4 - digits.size(), '0').append(digits);
  };
  const char* end = json.data() + json.size();
  for (const char* at = json.data(); at < end;) {
    const std::size_t length = std::max<std::size_t>(utf8_length(at, end), 1);
    const auto point = static_cast<unsigned>(utf8_code_point({at, length}));
    if (point >= 0x20 && point < 0x7F) {
      out += *at;
    } else if (point >= 0x10000) {
      escape(0xD7C0 + (point >> 10));
      escape(0xDC00 + (point & 0x3FF));
    } else if (point >= 0x7F) {
      escape(point);
    } else {
      out += ' ';  // a tab or a line end between tokens
    }
    at += length;
  }
  return out;
}

std::string styled(const Console& console, Style style, std::string_view text) {
  if (!console.styled || style == Style::plain) return std::string(text);
  return std::string(style_code(style)).append(text).append("\x1b[0m");
}

Table::Table(std::vector<std::pair<std::string, Fit>> columns) : columns_(std::move(columns)) {}

void Table::add(const std::vector<std::string>& cells, Style style) {
  assert(cells.size() == columns_.size());
  Row row{.cells = {}, .style = style};
  for (const std::string& cell : cells) row.cells.push_back(visible(cell));
  rows_.push_back(std::move(row));
}

std::vector<std::size_t> Table::widths(std::size_t columns) const {
  constexpr std::size_t gap = 2;
  constexpr std::size_t least = 6;
  std::vector<std::size_t> widths;
  for (std::size_t at = 0; at < columns_.size(); ++at) {
    std::size_t width = width_of(columns_[at].first);
    for (const Row& row : rows_) width = std::max(width, width_of(row.cells[at]));
    widths.push_back(width);
  }
  if (columns == 0) return widths;
  for (;;) {
    std::size_t total = 0;
    std::size_t* widest = nullptr;
    for (std::size_t at = 0; at < widths.size(); ++at) {
      total += widths[at] + (at > 0 ? gap : 0);
      const bool shrinks = columns_[at].second == Fit::shrink && widths[at] > least;
      if (shrinks && (!widest || widths[at] > *widest)) widest = &widths[at];
    }
    if (total <= columns || !widest) return widths;
    --*widest;
  }
}

void Table::print(Console& console) const {
  const std::vector<std::size_t> width = widths(console.columns);
  auto line = [&](const std::vector<std::string>& cells, Style style) {
    std::string text;
    for (std::size_t at = 0; at < cells.size(); ++at) {
      text += fitted(cells[at], width[at]) + (at + 1 < cells.size() ? "  " : "");
    }
    while (!text.empty() && text.back() == ' ') text.pop_back();
    console.out << styled(console, style, text) << '\n';
  };
  std::vector<std::string> titles;
  for (const auto& [title, fit] : columns_) titles.push_back(title);
  line(titles, Style::strong);
  for (const Row& row : rows_) line(row.cells, row.style);
}

}  // namespace toolgate

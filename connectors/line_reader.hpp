#pragma once
// Newline framing: bytes in, lines out. Memory is bounded by one line and one read.
//
// MCP's stdio transport: messages are delimited by newlines and hold none (specification,
// "Transports", stdio). A carriage return before the newline is taken for a part of it; empty lines
// are skipped.

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace toolgate {

struct Line {
  enum class Kind {
    complete,
    too_long,  // longer than the limit: its bytes are dropped, up to its end. `text` is empty.
  } kind = Kind::complete;
  std::string text;  // without the newline
};

class LineReader {
 public:
  // `line_bytes` is the longest line that is delivered, `read_bytes` the most that is asked for at
  // once.
  explicit LineReader(std::size_t line_bytes, std::size_t read_bytes = std::size_t{64} << 10);

  // Where the next bytes go, and how many of it were filled. space() is never empty.
  std::span<char> space();
  void filled(std::size_t bytes);

  // The next line, until there is none. A line that is too long is reported once, as soon as it is.
  std::optional<Line> next();
  // At the end of the input: what stands there without a newline. A message cut short is no JSON,
  // so that a strict parser will not take it for one.
  std::optional<Line> rest();

 private:
  std::optional<Line> made_of(std::string_view text);
  void compact();

  const std::size_t line_bytes_;
  const std::size_t read_bytes_;
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;     // of the line being read
  std::size_t searched_ = 0;  // no newline in [begin_, searched_)
  std::size_t end_ = 0;       // of what was read
  bool busy_ = false;         // the last read brought much
  bool dropping_ = false;     // inside a line that was too long
};

// Makes one line of a JSON text: a newline or carriage return in JSON can only stand between
// tokens, where a space means the same.
void make_one_line(std::string& json);

}  // namespace toolgate

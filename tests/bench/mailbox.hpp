#pragma once
// Messages on a descriptor, as cheaply as a benchmark needs them: cut from the bytes that were
// read, and queued until the other end takes them. JSON lines (MCP stdio) or HTTP/1.1 with
// Content-Length.
//
// For the benchmark's own two ends alone, which trust each other; the gateway's own readers are
// strict.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace toolgate::bench {

enum class Framing { lines, http };

// One message. All views end with the next call of Inbox.
struct Part {
  std::string_view head;     // HTTP: request or status line with the fields; empty for lines
  std::string_view session;  // HTTP: Mcp-Session-Id
  std::string_view body;
};

class Inbox {
 public:
  explicit Inbox(Framing framing) : framing_(framing) {}

  enum class Filled { something, nothing, end };
  // Reads once. `nothing`: the descriptor is nonblocking and has no bytes.
  Filled fill(int descriptor);
  // Throws std::runtime_error at HTTP that has no Content-Length, such as an SSE stream.
  std::optional<Part> next();

 private:
  std::optional<Part> next_line(std::string_view unread);
  std::optional<Part> next_http(std::string_view unread);

  Framing framing_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t searched_ = 0;  // bytes without a line's end, behind begin_
  std::size_t needed_ = 0;    // bytes of the HTTP message that comes, once its head was read
};

class Outbox {
 public:
  std::string& bytes() { return bytes_; }  // append to it
  bool is_empty() const { return bytes_.empty(); }
  // Writes what the descriptor takes. Throws std::system_error when the other end is gone.
  void flush(int descriptor);

 private:
  std::string bytes_;
  std::size_t written_ = 0;
};

}  // namespace toolgate::bench

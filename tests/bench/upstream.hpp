#pragma once
// A fast MCP server (legacy handshake) with one tool, `echo {tag, bytes}`: its text is the caller's
// tag, a space, and so much of a fixed prose that `bytes` bytes stand between the JSON quotes. So
// every answer can be checked to its last byte, and to whom it belongs.

#include <cstddef>
#include <string_view>

namespace toolgate::bench {

inline constexpr std::string_view tool_name = "echo";
inline constexpr std::size_t largest_text = std::size_t{1} << 20;

// The prose behind a tag, as it stands in the JSON string. `bytes` may come out one shorter, so
// that an escape is not cut in two. At most largest_text.
std::string_view prose(std::size_t bytes);

// Serves until the end of stdin. Returns the exit status.
int serve_stdio();
// Serves Streamable HTTP (POST, plain JSON answers, keep-alive) at any path of a free port on
// loopback, which it prints first. Ends with its parent, or by a signal.
int serve_http();

}  // namespace toolgate::bench

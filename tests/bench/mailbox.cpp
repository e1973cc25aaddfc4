#include "tests/bench/mailbox.hpp"

#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <stdexcept>
#include <system_error>

namespace toolgate::bench {
namespace {

constexpr std::size_t least_room = std::size_t{64} << 10;

bool equals_ignoring_case(std::string_view a, std::string_view lower) {
  if (a.size() != lower.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const char c = a[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c) != lower[i]) return false;
  }
  return true;
}

// The value of a field; `name` in lower case. Empty when it is not there.
std::string_view field(std::string_view head, std::string_view name) {
  std::size_t at = head.find("\r\n");
  while (at != std::string_view::npos && at + 2 < head.size()) {
    const std::size_t start = at + 2;
    at = head.find("\r\n", start);
    std::string_view line = head.substr(start, at - start);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !equals_ignoring_case(line.substr(0, colon), name)) {
      continue;
    }
    line.remove_prefix(colon + 1);
    while (line.starts_with(' ')) line.remove_prefix(1);
    return line;
  }
  return {};
}

std::size_t body_bytes(std::string_view head) {
  const std::string_view length = field(head, "content-length");
  std::size_t bytes = 0;
  const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), bytes);
  if (!length.empty() && error == std::errc()) return bytes;
  if (!field(head, "transfer-encoding").empty()) {
    throw std::runtime_error("a stream came where a plain answer was awaited: " +
                             std::string(head.substr(0, head.find("\r\n"))));
  }
  return 0;
}

}  // namespace

Inbox::Filled Inbox::fill(int descriptor) {
  if (begin_ == end_) begin_ = end_ = 0;
  if (buffer_.size() - end_ < least_room) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    const std::size_t wanted = std::max(end_ + least_room, needed_);
    if (buffer_.size() < wanted) buffer_.resize(std::max(wanted, buffer_.size() * 2));
  }
  for (;;) {
    const ssize_t count = ::read(descriptor, buffer_.data() + end_, buffer_.size() - end_);
    if (count > 0) {
      end_ += static_cast<std::size_t>(count);
      return Filled::something;
    }
    if (count == 0) return Filled::end;
    if (errno == EAGAIN) return Filled::nothing;
    if (errno != EINTR) return Filled::end;
  }
}

std::optional<Part> Inbox::next() {
  const std::string_view unread(buffer_.data() + begin_, end_ - begin_);
  if (unread.empty() || unread.size() < needed_) return std::nullopt;
  return framing_ == Framing::lines ? next_line(unread) : next_http(unread);
}

std::optional<Part> Inbox::next_line(std::string_view unread) {
  const std::size_t end = unread.find('\n', searched_);
  if (end == std::string_view::npos) {
    searched_ = unread.size();
    return std::nullopt;
  }
  searched_ = 0;
  begin_ += end + 1;
  return Part{{}, {}, unread.substr(0, end)};
}

std::optional<Part> Inbox::next_http(std::string_view unread) {
  const std::size_t end = unread.find("\r\n\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view head = unread.substr(0, end + 2);
  const std::size_t body = body_bytes(head);
  needed_ = end + 4 + body;
  if (unread.size() < needed_) return std::nullopt;
  begin_ += needed_;
  needed_ = 0;
  return Part{head, field(head, "mcp-session-id"), unread.substr(end + 4, body)};
}

void Outbox::flush(int descriptor) {
  while (written_ < bytes_.size()) {
    const ssize_t count = ::write(descriptor, bytes_.data() + written_, bytes_.size() - written_);
    if (count >= 0) {
      written_ += static_cast<std::size_t>(count);
    } else if (errno == EAGAIN) {
      return;
    } else if (errno != EINTR) {
      throw std::system_error(errno, std::system_category(), "writing to the other end");
    }
  }
  bytes_.clear();
  written_ = 0;
}

}  // namespace toolgate::bench

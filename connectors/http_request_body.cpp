#include "connectors/http_request_body.hpp"

#include <algorithm>

namespace toolgate {
namespace {

constexpr unsigned size_digits = 8;
// A declared length is not believed further than this before the bytes are there.
constexpr std::size_t reserved_bytes = std::size_t{64} << 10;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

void RequestBody::begin(const RequestHead& head, std::size_t limit) {
  text_ = std::string();
  chunked_ = head.chunked;
  limit_ = limit;
  part_ = Part::size;
  digits_ = 0;
  left_ = chunked_ ? 0 : head.content_length;
  state_ = head.has_body() ? State::more : State::complete;
  if (!chunked_ && left_ > limit_) state_ = State::too_large;
  if (state_ == State::more) text_.reserve(std::min<std::size_t>(left_, reserved_bytes));
}

std::size_t RequestBody::take(std::string_view bytes) {
  if (state_ != State::more) return 0;
  if (chunked_) return take_chunked(bytes);
  const std::size_t length = std::min<std::size_t>(bytes.size(), left_);
  append(bytes.substr(0, length));
  if (left_ == 0) state_ = State::complete;
  return length;
}

std::size_t RequestBody::take_chunked(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size() && state_ == State::more) {
    if (part_ != Part::data) {
      take_framing(bytes[at++]);
      continue;
    }
    const std::size_t length = std::min<std::size_t>(bytes.size() - at, left_);
    append(bytes.substr(at, length));
    at += length;
    if (left_ == 0) part_ = Part::data_cr;
  }
  return at;
}

// One byte that is no data.
void RequestBody::take_framing(char c) {
  switch (part_) {
    case Part::size:
      if (const int digit = hex_digit(c); digit >= 0 && digits_ < size_digits) {
        left_ = left_ * 16 + static_cast<unsigned>(digit);
        ++digits_;
        return;
      }
      if (c != '\r' || digits_ == 0) break;
      part_ = Part::size_end;
      return;
    case Part::size_end:
      if (c != '\n') break;
      if (left_ > limit_ - text_.size()) {
        state_ = State::too_large;
        return;
      }
      part_ = left_ == 0 ? Part::last_cr : Part::data;
      return;
    case Part::data_cr:
      if (c != '\r') break;
      part_ = Part::data_lf;
      return;
    case Part::data_lf:
      if (c != '\n') break;
      part_ = Part::size;
      digits_ = 0;
      return;
    case Part::last_cr:
      if (c != '\r') break;
      part_ = Part::last_lf;
      return;
    case Part::last_lf:
      if (c != '\n') break;
      state_ = State::complete;
      return;
    case Part::data:
      break;
  }
  state_ = State::malformed;
}

void RequestBody::append(std::string_view bytes) {
  text_ += bytes;
  left_ -= bytes.size();
}

}  // namespace toolgate

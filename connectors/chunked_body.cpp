#include "connectors/chunked_body.hpp"

#include <algorithm>

namespace toolgate {
namespace {

constexpr std::size_t framing_bytes = std::size_t{8}
                                      << 10;  // of one chunk's line, or of all trailers
constexpr unsigned size_digits = 15;          // cannot overflow 64 bits

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_control(char c) { return (c >= 0 && c < 0x20 && c != '\t') || c == 0x7F; }

}  // namespace

std::size_t ChunkedBody::take(std::string_view bytes, std::string& into) {
  std::size_t at = 0;
  while (at < bytes.size() && state_ == State::more) {
    if (part_ != Part::data) {
      take_framing(bytes[at++]);
      continue;
    }
    auto length = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size() - at, left_));
    into.append(bytes.substr(at, length));
    at += length;
    left_ -= length;
    if (left_ == 0) part_ = Part::data_cr;
  }
  return at;
}

// One byte that is no data.
void ChunkedBody::take_framing(char c) {
  if (++line_bytes_ > framing_bytes) return fail();
  switch (part_) {
    case Part::size:
    case Part::space:
      return take_size(c);
    case Part::extension:
      return c == '\r' ? go_to(Part::size_lf) : is_control(c) ? fail() : void();
    case Part::size_lf:
      if (c != '\n') return fail();
      if (left_ > 0) line_bytes_ = 0;
      return go_to(left_ == 0 ? Part::trailers : Part::data);
    case Part::data_cr:
      return c == '\r' ? go_to(Part::data_lf) : fail();
    case Part::data_lf:
      digits_ = 0;
      return c == '\n' ? go_to(Part::size) : fail();
    case Part::trailers:
      if (c == '\r') return go_to(Part::last_lf);
      return is_control(c) ? fail() : go_to(Part::trailer);
    case Part::trailer:
      return c == '\r' ? go_to(Part::trailer_lf) : is_control(c) ? fail() : void();
    case Part::trailer_lf:
      return c == '\n' ? go_to(Part::trailers) : fail();
    case Part::last_lf:
      state_ = c == '\n' ? State::complete : State::malformed;
      return;
    case Part::data:
      break;
  }
  fail();
}

void ChunkedBody::take_size(char c) {
  int digit = hex_digit(c);
  if (digit >= 0 && part_ == Part::size && digits_ < size_digits) {
    left_ = left_ * 16 + static_cast<unsigned>(digit);
    ++digits_;
    return;
  }
  if (digits_ == 0) return fail();
  if (c == '\r') return go_to(Part::size_lf);
  if (c == ';') return go_to(Part::extension);
  if (c != ' ' && c != '\t') return fail();
  go_to(Part::space);
}

}  // namespace toolgate

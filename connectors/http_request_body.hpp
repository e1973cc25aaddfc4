#pragma once
// The body of a request, put together from what arrives: counted by Content-Length, or chunked (RFC
// 9112 section 7.1) without chunk extensions and without trailers, which nobody sends here on good
// terms.

#include <cstdint>
#include <string>
#include <string_view>

#include "connectors/http_request.hpp"

namespace toolgate {

class RequestBody {
 public:
  enum class State : std::uint8_t { more, complete, malformed, too_large };

  // Starts over for the body that `head` announces, of at most `limit` bytes.
  void begin(const RequestHead& head, std::size_t limit);

  // Takes bytes as they arrive and returns how many of them belong to this body.
  std::size_t take(std::string_view bytes);

  State state() const { return state_; }
  std::size_t size() const { return text_.size(); }
  // How many bytes are still to come, at least; 0 where that is not known (chunked) or nothing is.
  std::uint64_t remaining() const { return state_ == State::more && !chunked_ ? left_ : 0; }
  // The body, which is given away. After State::complete.
  std::string release() { return std::move(text_); }

 private:
  enum class Part : std::uint8_t { size, size_end, data, data_cr, data_lf, last_cr, last_lf };

  std::size_t take_chunked(std::string_view bytes);
  void take_framing(char c);
  void append(std::string_view bytes);

  std::string text_;
  State state_ = State::complete;
  Part part_ = Part::size;
  bool chunked_ = false;
  unsigned digits_ = 0;     // of the chunk's size that is being read
  std::uint64_t left_ = 0;  // of the body, or of this chunk
  std::size_t limit_ = 0;
};

}  // namespace toolgate

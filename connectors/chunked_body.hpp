#pragma once
// The chunked transfer coding of a response (RFC 9112 section 7.1), decoded byte by byte, so that
// any split gives the same data. Chunk extensions and trailers are read over, a bounded number of
// bytes of them.
//
// Not Beast's decoder: that of Boost 1.81 asserts when the last chunk comes in small pieces (n >= 5
// in parse_chunk_header), and with asserts on a server could stop the process with it.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace toolgate {

class ChunkedBody {
 public:
  enum class State : std::uint8_t { more, complete, malformed };

  // Appends the data in `bytes` to `into` and returns how many bytes belong to this body: all of
  // them, unless the state is another than `more` afterwards.
  std::size_t take(std::string_view bytes, std::string& into);
  State state() const { return state_; }

 private:
  enum class Part : std::uint8_t {
    size,
    space,
    extension,
    size_lf,
    data,
    data_cr,
    data_lf,
    trailers,
    trailer,
    trailer_lf,
    last_lf
  };

  void take_framing(char c);
  void take_size(char c);
  void go_to(Part part) { part_ = part; }
  void fail() { state_ = State::malformed; }

  State state_ = State::more;
  Part part_ = Part::size;
  unsigned digits_ = 0;
  std::uint64_t left_ = 0;      // of this chunk
  std::size_t line_bytes_ = 0;  // of the framing since the last data
};

}  // namespace toolgate

#pragma once
// From places in a text that was derived from another to places in that other one. Derived texts
// mostly keep runs of bytes, so the map holds one entry for each run and none for what lies in it.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "inspectors/literal.hpp"

namespace toolgate {

class SourceMap {
 public:
  // From byte `derived` on, every byte stands for one of the source, beginning with `source`.
  void follow(std::size_t derived, std::size_t source);
  // From byte `derived` on, every byte stands for all of source.begin to source.end.
  void stand_for(std::size_t derived, Range source);
  // The source's bytes that `derived` was made of, with what was left out between them.
  Range source_of(Range derived) const;

 private:
  struct Piece {
    std::uint32_t derived;
    std::uint32_t source;
    std::uint32_t whole;  // 0: byte by byte; else one more than each one stands for
  };
  void add(Piece piece);
  std::size_t find(std::size_t derived) const;
  std::vector<Piece> pieces_;
};

}  // namespace toolgate

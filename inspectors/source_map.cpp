#include "inspectors/source_map.hpp"

#include <algorithm>

namespace toolgate {

void SourceMap::follow(std::size_t derived, std::size_t source) {
  add({.derived = static_cast<std::uint32_t>(derived),
       .source = static_cast<std::uint32_t>(source),
       .whole = 0});
}

void SourceMap::stand_for(std::size_t derived, Range source) {
  add({.derived = static_cast<std::uint32_t>(derived),
       .source = static_cast<std::uint32_t>(source.begin),
       .whole = static_cast<std::uint32_t>(source.end - source.begin + 1)});
}

void SourceMap::add(Piece piece) {
  if (!pieces_.empty()) {
    auto& last = pieces_.back();
    bool goes_on = piece.whole == 0 && last.whole == 0 &&
                   piece.source - last.source == piece.derived - last.derived;
    if (goes_on) return;
    if (last.derived == piece.derived) {
      last = piece;
      return;
    }
  }
  pieces_.push_back(piece);
}

std::size_t SourceMap::find(std::size_t derived) const {
  auto after = std::ranges::upper_bound(pieces_, derived, {}, &Piece::derived);
  return after == pieces_.begin() ? 0 : static_cast<std::size_t>(after - pieces_.begin()) - 1;
}

Range SourceMap::source_of(Range derived) const {
  if (pieces_.empty()) return derived;
  auto place = [this](std::size_t byte) {
    const auto& piece = pieces_[find(byte)];
    if (piece.whole > 0) {
      return Range{.begin = piece.source, .end = std::size_t{piece.source} + piece.whole - 1};
    }
    auto at = piece.source + (byte - piece.derived);
    return Range{.begin = at, .end = at + 1};
  };
  auto first = place(derived.begin);
  if (derived.end <= derived.begin) return Range{.begin = first.begin, .end = first.begin};
  auto last = place(derived.end - 1);
  // Views may stand in another order than their sources.
  return Range{.begin = std::min(first.begin, last.begin), .end = std::max(first.end, last.end)};
}

}  // namespace toolgate

#pragma once
// What a terminal paints with: the part of SGR (ECMA-48 8.3.117; ISO 8613-6 for 38 and 48) that can
// make text invisible. Colours outlive a sequence, so that one which sets the background and a
// later one that sets the same foreground hide text together. A terminal's default colours are
// unknown and never count as equal.

#include <cstdint>
#include <string_view>
#include <vector>

namespace toolgate {

// Could these bytes, between CSI and "m", be SGR? Private forms and intermediates are something
// else.
bool is_graphic_rendition(std::string_view parameters);

class Ink {
 public:
  enum class Change { harmless, conceals };
  // Follows one SGR. Conceals: it switched concealing on, or left text in the colour of its
  // background.
  Change apply(std::string_view parameters);

 private:
  using Colour = std::int32_t;  // -1: the default; 0..15 of the palette; 0x1000000 + RGB
  static constexpr Colour unset = -1;

  struct Part {
    std::int32_t number;
    bool joined;  // by ':' to the part before
  };
  static std::vector<Part> split(std::string_view parameters);
  // The colour that parts[at], a 38 or a 48, introduces; `at` moves to the last part that belongs
  // to it.
  static Colour extended(const std::vector<Part>& parts, std::size_t& at);

  Colour text_ = unset;
  Colour ground_ = unset;
};

}  // namespace toolgate

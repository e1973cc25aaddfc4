#pragma once
// A text that was made of parts of another one, while the map back is kept. The parts come in any
// order.

#include <string>
#include <string_view>

#include "inspectors/source_map.hpp"

namespace toolgate {

struct DerivedText {
  std::string text;
  SourceMap map;

  // Bytes of the source as they are, `at` being their place in it.
  void copy(std::string_view bytes, std::size_t at) {
    map.follow(text.size(), at);
    text += bytes;
  }
  // Other bytes than those of the source that they stand for.
  void write(std::string_view bytes, Range source) {
    map.stand_for(text.size(), source);
    text += bytes;
  }
};

}  // namespace toolgate

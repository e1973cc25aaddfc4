#include "inspectors/characters.hpp"

#include <array>
#include <cstddef>
#include <utility>

namespace toolgate {
namespace {

constexpr std::size_t table_size = 0x3400;

// The low planes as one table: texts in other scripts ask it for every character.
const std::array<Character, table_size>& low_plane() {
  static const auto table = [] {
    std::array<Character, table_size> out{};
    for (const auto& range : fold_ranges()) {
      for (std::size_t i = 0; i < range.ascii.size(); ++i) {
        out[range.first + i] = Character{.fold = range.fold, .ascii = range.ascii[i]};
      }
    }
    auto set = [&out](char32_t first, char32_t last, Trait trait) {
      for (auto code = first; code <= last; ++code) out[code] = Character{.trait = trait};
    };
    set(0x00, 0x08, Trait::control);
    set(0x0B, 0x0C, Trait::control);
    set(0x0E, 0x1F, Trait::control);
    set(0x7F, 0x9F, Trait::control);
    for (char32_t code :
         {0xADU, 0x34FU, 0x115FU, 0x1160U, 0x17B4U, 0x17B5U, 0x180EU, 0x2800U, 0x3164U}) {
      set(code, code, Trait::zero_width);
    }
    set(0x200B, 0x200D, Trait::zero_width);
    set(0x2060, 0x2065, Trait::zero_width);
    set(0x206A, 0x206F, Trait::zero_width);
    set(0x180B, 0x180D, Trait::variation);
    set(0x180F, 0x180F, Trait::variation);
    set(0x61C, 0x61C, Trait::bidi);
    set(0x200E, 0x200F, Trait::bidi);
    set(0x202A, 0x202E, Trait::bidi);
    set(0x2066, 0x2069, Trait::bidi);
    for (auto [first, last] : {std::pair<char32_t, char32_t>{0x300, 0x36F},
                               {0x483, 0x489},
                               {0x1AB0, 0x1AFF},
                               {0x1DC0, 0x1DFF},
                               {0x20D0, 0x20FF}}) {
      for (auto code = first; code <= last; ++code) {
        if (out[code].trait == Trait::visible) set(code, code, Trait::combining);
      }
    }
    return out;
  }();
  return table;
}

constexpr Character styled(char32_t ascii) {
  auto c = static_cast<char>(ascii);
  if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return Character{.fold = Folding::styled, .ascii = c};
}

// 26 letters in a row, once or again and again.
constexpr Character letter(char32_t index) { return styled('a' + index % 26); }

Character presentation_form(char32_t code) {
  if (code >= 0xFF01 && code <= 0xFF5E) return styled(code - 0xFF01 + '!');
  if (code >= 0xFE00 && code <= 0xFE0F) return Character{.trait = Trait::variation};
  if (code >= 0xFE20 && code <= 0xFE2F) return Character{.trait = Trait::combining};
  if (code == 0xFEFF || code == 0xFFA0 || (code >= 0xFFF0 && code <= 0xFFFB)) {
    return Character{.trait = Trait::zero_width};
  }
  if (code >= 0xE000 && code <= 0xF8FF) return Character{.trait = Trait::private_use};
  if (code >= 0xFFFE || (code >= 0xFDD0 && code <= 0xFDEF)) {
    return Character{.trait = Trait::private_use};
  }
  return {};
}

Character supplementary(char32_t code) {
  if (code >= 0x1D400 && code <= 0x1D6A3) return letter((code - 0x1D400) % 52);
  if (code >= 0x1D7CE && code <= 0x1D7FF) return styled('0' + (code - 0x1D7CE) % 10);
  if (code >= 0x1F110 && code <= 0x1F129) return letter(code - 0x1F110);
  if (code >= 0x1F130 && code <= 0x1F149) return letter(code - 0x1F130);
  if (code >= 0x1F150 && code <= 0x1F169) return letter(code - 0x1F150);
  if (code >= 0x1F170 && code <= 0x1F189) return letter(code - 0x1F170);
  if (code >= 0x1F1E6 && code <= 0x1F1FF) return letter(code - 0x1F1E6);
  if ((code >= 0x1BCA0 && code <= 0x1BCA3) || (code >= 0x1D173 && code <= 0x1D17A)) {
    return Character{.trait = Trait::zero_width};
  }
  if (code >= 0xE0000 && code <= 0xE007F) return Character{.trait = Trait::tag};
  if (code >= 0xE0100 && code <= 0xE01EF) return Character{.trait = Trait::variation};
  if (code >= 0xE0080 && code <= 0xE0FFF) return Character{.trait = Trait::zero_width};
  if ((code & 0xFFFE) == 0xFFFE || code >= 0xF0000) return Character{.trait = Trait::private_use};
  return {};
}

}  // namespace

Character describe(char32_t code) {
  if (code < table_size) return low_plane()[code];
  if (code < 0xA730) return {};
  if (code <= 0xA731) return styled(code == 0xA730 ? 'f' : 's');
  if (code < 0xE000) return {};
  if (code < 0x10000) return presentation_form(code);
  return code < 0x1BCA0 ? Character{} : supplementary(code);
}

int carried_byte(char32_t code) {
  if (code >= 0xE0020 && code <= 0xE007E) return static_cast<int>(code - 0xE0000);
  if (code >= 0xFE00 && code <= 0xFE0F) return static_cast<int>(code - 0xFE00);
  if (code >= 0xE0100 && code <= 0xE01EF) return static_cast<int>(code - 0xE0100 + 16);
  return -1;
}

bool is_bidi_override(char32_t code) { return code == 0x202D || code == 0x202E; }

}  // namespace toolgate

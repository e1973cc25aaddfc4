#include "inspectors/survey.hpp"

#include <cstddef>
#include <cstdint>

namespace toolgate {
namespace {

constexpr std::size_t neighbours_least = 8;
constexpr std::size_t digit_letters_least = 3;
constexpr std::size_t chunk = 4096;

using Byte = unsigned char;

Byte is_letter(Byte c) { return static_cast<Byte>((c | 0x20U) - 'a') < 26; }
Byte is_digit(Byte c) { return static_cast<Byte>(c - '0') < 10; }
Byte is_gap(Byte c) { return (c == ' ') | (c == '.') | (c == '-') | (c == '_') | (c == '*'); }

}  // namespace

Survey survey(std::string_view text) {
  Survey survey;
  const auto* bytes = reinterpret_cast<const Byte*>(text.data());
  std::size_t single = 0, digits = 0;
  for (std::size_t begin = 0; begin < text.size(); begin += chunk) {
    auto end = begin + chunk < text.size() ? begin + chunk : text.size();
    Byte escapes = 0, controls = 0;
    for (auto i = begin; i < end; ++i) {
      auto c = bytes[i];
      escapes |= static_cast<Byte>((c == '\\') | (c == '%') | (c == '&') | (c == '='));
      controls |= static_cast<Byte>((c == 0x1B) | (c == 0x08) | (c == 0xC2));
    }
    survey.escapes |= escapes != 0;
    survey.terminal_controls |= controls != 0;
    std::uint32_t singles_here = 0, digits_here = 0;
    auto last = text.size() > 4 ? text.size() - 4 : 0;
    for (auto i = begin; i < (end < last ? end : last); ++i) {
      singles_here +=
          static_cast<Byte>(is_gap(bytes[i]) & is_letter(bytes[i + 1]) & is_gap(bytes[i + 2]) &
                            is_letter(bytes[i + 3]) & is_gap(bytes[i + 4]));
      digits_here += static_cast<Byte>(is_digit(bytes[i]) & is_letter(bytes[i + 1]));
    }
    single += singles_here;
    digits += digits_here;
  }
  survey.spaced_letters = single >= neighbours_least;
  survey.leet = digits >= digit_letters_least;
  return survey;
}

}  // namespace toolgate

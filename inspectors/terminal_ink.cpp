#include "inspectors/terminal_ink.hpp"

#include <algorithm>
#include <array>

namespace toolgate {
namespace {

constexpr std::int32_t number_most = 0xFFFF;

std::int32_t from_rgb(std::int32_t red, std::int32_t green, std::int32_t blue) {
  return 0x1000000 | (red & 0xFF) << 16 | (green & 0xFF) << 8 | (blue & 0xFF);
}

// Palette entries above 15 have fixed colours: a cube of 6 x 6 x 6, then 24 greys.
std::int32_t from_palette(std::int32_t index) {
  constexpr std::array<std::int32_t, 6> levels{0, 95, 135, 175, 215, 255};
  auto at = [&levels](std::int32_t step) { return levels[static_cast<std::size_t>(step % 6)]; };
  if (index < 16) return index;
  if (index < 232) return from_rgb(at((index - 16) / 36), at((index - 16) / 6), at(index - 16));
  auto grey = 8 + 10 * (index - 232);
  return from_rgb(grey, grey, grey);
}

}  // namespace

bool is_graphic_rendition(std::string_view parameters) {
  return parameters.find_first_not_of("0123456789;:") == std::string_view::npos;
}

std::vector<Ink::Part> Ink::split(std::string_view parameters) {
  std::vector<Part> parts{{.number = 0, .joined = false}};
  for (char c : parameters) {
    if (c == ';' || c == ':') {
      parts.push_back({.number = 0, .joined = c == ':'});
    } else {
      auto& number = parts.back().number;
      number = std::min(number_most, number * 10 + (c - '0'));
    }
  }
  return parts;
}

Ink::Colour Ink::extended(const std::vector<Part>& parts, std::size_t& at) {
  auto begin = at + 1;
  bool joined = begin < parts.size() && parts[begin].joined;
  auto end = begin;
  // 38:2:SPACE:R:G:B has all of its parts joined; 38;2;R;G;B is known by its second part.
  if (joined) {
    while (end < parts.size() && parts[end].joined) ++end;
  } else if (begin < parts.size()) {
    std::size_t count = parts[begin].number == 2 ? 4 : parts[begin].number == 5 ? 2 : 1;
    end = std::min(parts.size(), begin + count);
  }
  at = end - 1;
  auto count = end - begin;
  if (count >= 2 && parts[begin].number == 5) return from_palette(parts[begin + 1].number);
  if (count >= 4 && parts[begin].number == 2) {
    auto red = begin + (count >= 5 ? 2U : 1U);
    return from_rgb(parts[red].number, parts[red + 1].number, parts[red + 2].number);
  }
  return unset;
}

Ink::Change Ink::apply(std::string_view parameters) {
  bool concealed = false;
  auto parts = split(parameters);
  for (std::size_t at = 0; at < parts.size(); ++at) {
    auto code = parts[at].number;
    if (parts[at].joined) continue;  // 4:3, a kind of underline
    if (code == 0) {
      text_ = ground_ = unset;
      concealed = false;
    }
    if (code == 8) concealed = true;
    if (code == 28) concealed = false;
    if (code == 38) text_ = extended(parts, at);
    if (code == 48) ground_ = extended(parts, at);
    if (code == 58) extended(parts, at);
    if (code >= 30 && code <= 37) text_ = code - 30;
    if (code >= 90 && code <= 97) text_ = code - 90 + 8;
    if (code >= 40 && code <= 47) ground_ = code - 40;
    if (code >= 100 && code <= 107) ground_ = code - 100 + 8;
    if (code == 39) text_ = unset;
    if (code == 49) ground_ = unset;
  }
  bool same = text_ != unset && text_ == ground_;
  return concealed || same ? Change::conceals : Change::harmless;
}

}  // namespace toolgate

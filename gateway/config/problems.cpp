#include "gateway/config/problems.hpp"

#include <algorithm>
#include <cassert>

#include "gateway/core/document.hpp"

namespace toolgate::config {
namespace {

constexpr std::size_t kept = 1'000;
constexpr std::size_t told = 10;

}  // namespace

void Problems::add(std::size_t offset, std::string text) {
  if (list_.size() == kept) {
    ++dropped_;
    return;
  }
  const auto after = std::ranges::upper_bound(list_, offset, {}, &Problem::offset);
  list_.insert(after, Problem{offset, std::move(text)});
}

Refusal Problems::refusal(std::string_view text, const std::filesystem::path& file) const {
  assert(!list_.empty());
  const std::string name = printable(file.string(), 4'096);
  std::string detail;
  for (std::size_t i = 0; i < list_.size() && i < told; ++i) {
    const Place place = place_of(text, list_[i].offset);
    if (i > 0) detail += '\n';
    detail += name + ':' + std::to_string(place.line) + ':' + std::to_string(place.column) + ": ";
    detail += list_[i].text;
  }
  if (list_.size() + dropped_ > told) {
    detail += "\nand " + std::to_string(list_.size() + dropped_ - told) + " more";
  }
  return Refusal(Reason::bad_configuration, std::move(detail));
}

std::string printable(std::string_view text, std::size_t characters) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string result;
  for (const char c : text) {
    if (result.size() >= characters) return result + "...";
    if (c >= ' ' && c <= '~') {
      result += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      result += {'\\', 'x', digits[byte >> 4U], digits[byte & 15U]};
    }
  }
  return result;
}

}  // namespace toolgate::config

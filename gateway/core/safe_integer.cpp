#include "gateway/core/safe_integer.hpp"

#include <algorithm>

namespace toolgate {
namespace {

constexpr std::int64_t largest = (std::int64_t{1} << 53) - 1;
constexpr std::int64_t most_digits = 16;  // of `largest`
// Beyond the length of any text, so that clamping to it decides nothing.
constexpr std::int64_t most_exponent = std::int64_t{1} << 40;

// Takes the decimal digits off the front.
std::string_view take_digits(std::string_view& rest) {
  const std::size_t count = std::min(rest.find_first_not_of("0123456789"), rest.size());
  const std::string_view digits = rest.substr(0, count);
  rest.remove_prefix(count);
  return digits;
}

bool take(std::string_view& rest, char c) {
  if (!rest.starts_with(c)) return false;
  rest.remove_prefix(1);
  return true;
}

// RFC 8259 section 6, taken apart.
struct Number {
  bool negative = false;
  std::string_view whole;
  std::string_view fraction;
  std::int64_t exponent = 0;
};

std::optional<Number> read_number(std::string_view rest) {
  Number number;
  number.negative = take(rest, '-');
  number.whole = take_digits(rest);
  if (number.whole.empty() || (number.whole.size() > 1 && number.whole.front() == '0')) {
    return std::nullopt;
  }
  if (take(rest, '.')) {
    number.fraction = take_digits(rest);
    if (number.fraction.empty()) return std::nullopt;
  }
  if (take(rest, 'e') || take(rest, 'E')) {
    const bool below = take(rest, '-');
    if (!below) take(rest, '+');
    const std::string_view digits = take_digits(rest);
    if (digits.empty()) return std::nullopt;
    for (const char digit : digits) {
      number.exponent = std::min(number.exponent * 10 + (digit - '0'), most_exponent);
    }
    if (below) number.exponent = -number.exponent;
  }
  if (!rest.empty()) return std::nullopt;
  return number;
}

}  // namespace

std::optional<std::int64_t> safe_integer(std::string_view text) {
  const auto number = read_number(text);
  if (!number) return std::nullopt;
  // The digits are those of whole and fraction; the decimal point stands behind `before` of them.
  const auto whole = static_cast<std::int64_t>(number->whole.size());
  const auto count = whole + static_cast<std::int64_t>(number->fraction.size());
  const auto digit = [&](std::int64_t at) {
    return at < whole ? number->whole[static_cast<std::size_t>(at)]
                      : number->fraction[static_cast<std::size_t>(at - whole)];
  };
  std::int64_t first = 0;
  while (first < count && digit(first) == '0') ++first;
  if (first == count) return 0;
  std::int64_t last = count;
  while (digit(last - 1) == '0') --last;
  const std::int64_t before = whole + number->exponent;
  if (last > before || before - first > most_digits) return std::nullopt;
  std::int64_t value = 0;
  for (std::int64_t at = first; at < before; ++at) {
    value = value * 10 + (at < last ? digit(at) - '0' : 0);
  }
  if (value > largest) return std::nullopt;
  return number->negative ? -value : value;
}

}  // namespace toolgate

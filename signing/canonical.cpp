#include "signing/canonical.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace toolgate {
namespace {

// An exact decimal: 0.DIGITS x 10^point. No digits mean zero, whose sign does not count.
struct Decimal {
  bool negative = false;
  std::string digits;  // neither starts nor ends with a zero
  std::int64_t point = 0;
  friend bool operator==(const Decimal&, const Decimal&) = default;
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The value after the "e". It saturates far beyond every double's range and far below an overflow.
std::int64_t exponent_of(std::string_view text) {
  constexpr std::int64_t far_away = 1'000'000'000'000;
  bool negative = !text.empty() && text.front() == '-';
  std::int64_t value = 0;
  for (char c : text) {
    if (is_digit(c)) value = std::min(far_away, value * 10 + (c - '0'));
  }
  return negative ? -value : value;
}

// Reads what JSON's grammar, or std::to_chars in its scientific form, calls a number.
Decimal decimal_of(std::string_view literal) {
  Decimal decimal;
  auto mantissa = literal.substr(0, literal.find_first_of("eE"));
  if (mantissa.size() < literal.size()) {
    decimal.point = exponent_of(literal.substr(mantissa.size() + 1));
  }
  decimal.negative = mantissa.starts_with('-');
  if (decimal.negative) mantissa.remove_prefix(1);
  auto whole = mantissa.substr(0, mantissa.find('.'));
  decimal.point += static_cast<std::int64_t>(whole.size());
  decimal.digits.reserve(mantissa.size());
  std::ranges::copy_if(mantissa, std::back_inserter(decimal.digits), is_digit);

  auto first = decimal.digits.find_first_not_of('0');
  if (first == std::string::npos) return Decimal();
  decimal.digits.erase(0, first);
  decimal.point -= static_cast<std::int64_t>(first);
  decimal.digits.erase(decimal.digits.find_last_not_of('0') + 1);
  return decimal;
}

// The fewest digits that read back as `number`, and of those the nearest: what ECMAScript asks for.
Decimal shortest(double number) {
  std::array<char, 32> buffer;
  auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number,
                           std::chars_format::scientific);
  assert(end.ec == std::errc());
  return decimal_of(std::string_view(buffer.data(), end.ptr));
}

// ECMA-262, Number::toString: `digits` is its s, k its length, `point` its n.
std::string ecmascript(const Decimal& decimal) {
  const auto& digits = decimal.digits;
  if (digits.empty()) return "0";
  auto k = static_cast<std::int64_t>(digits.size());
  auto n = decimal.point;
  std::string out = decimal.negative ? "-" : "";
  if (k <= n && n <= 21) {
    out += digits;
    out.append(static_cast<std::size_t>(n - k), '0');
  } else if (0 < n && n <= 21) {
    out += digits;
    out.insert(out.size() - static_cast<std::size_t>(k - n), 1, '.');
  } else if (-6 < n && n <= 0) {
    out += "0.";
    out.append(static_cast<std::size_t>(-n), '0');
    out += digits;
  } else {
    out += digits.front();
    if (k > 1) out.append(".").append(digits, 1);
    out += n > 0 ? "e+" : "e-";
    out += std::to_string(std::abs(n - 1));
  }
  return out;
}

// The canonical form of a literal, or nothing where the double says something else than the
// literal.
std::optional<std::string> number_form(std::string_view literal) {
  auto written = decimal_of(literal);
  if (written.digits.empty())
    return "0";  // 0e999999999 is zero, whatever a parser makes of its exponent
  double number = 0;
  auto end = std::from_chars(literal.data(), literal.data() + literal.size(), number);
  if (end.ec != std::errc() || end.ptr != literal.data() + literal.size()) return std::nullopt;
  if (!std::isfinite(number) || number == 0) return std::nullopt;
  auto held = shortest(number);
  if (held != written) return std::nullopt;
  return ecmascript(held);
}

void append_string(std::string& out, std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  out += '"';
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (byte == '"' || byte == '\\') {
      out += '\\';
      out += c;
    } else if (byte >= 0x20) {
      out += c;
    } else if (auto known = std::string_view("\b\t\n\f\r").find(c);
               known != std::string_view::npos) {
      out += '\\';
      out += std::string_view("btnfr")[known];
    } else {
      out += "\\u00";
      out += hex[byte >> 4];
      out += hex[byte & 15];
    }
  }
  out += '"';
}

// Where UTF-8's first differing bytes stand in the order of UTF-16 code units. The orders differ in
// one place: U+E000..U+FFFF (lead bytes EE, EF) come after the surrogates of U+10000.. (lead bytes
// F0..F4).
unsigned utf16_rank(unsigned char byte) {
  return byte == 0xEE || byte == 0xEF ? byte + 0x10U : byte;
}

bool before_in_utf16(std::string_view a, std::string_view b) {
  auto [at_a, at_b] = std::ranges::mismatch(a, b);
  if (at_b == b.end()) return false;
  if (at_a == a.end()) return true;
  return utf16_rank(static_cast<unsigned char>(*at_a)) <
         utf16_rank(static_cast<unsigned char>(*at_b));
}

Status append(std::string& out, const Value& value);

Status append_object(std::string& out, const Value& object) {
  auto members = object.members();
  std::ranges::sort(members, before_in_utf16, &Member::name);
  out += '{';
  for (bool first = true; const auto& member : members) {
    if (!std::exchange(first, false)) out += ',';
    append_string(out, member.name);
    out += ':';
    auto inner = append(out, member.value);
    if (!inner) return inner;
  }
  out += '}';
  return done();
}

Status append_array(std::string& out, const Value& array) {
  out += '[';
  auto element = array.first();
  while (element) {
    auto inner = append(out, *element);
    if (!inner) return inner;
    element = element->following(array);
    if (element) out += ',';
  }
  out += ']';
  return done();
}

// Recursion is bounded by JsonLimits::depth, which the document was read under.
Status append(std::string& out, const Value& value) {
  switch (value.kind()) {
    case Kind::null:
    case Kind::boolean:
      out += value.raw();
      return done();
    case Kind::string:
      append_string(out, value.text());
      return done();
    case Kind::array:
      return append_array(out, value);
    case Kind::object:
      return append_object(out, value);
    case Kind::number:
      break;
  }
  auto form = number_form(value.raw());
  if (!form) {
    return Refusal(Reason::malformed,
                   "the number at byte " + std::to_string(value.begin()) +
                       " is not held exactly by an IEEE 754 double, so that it has no canonical "
                       "form; write it with fewer digits, or as a string");
  }
  out += *form;
  return done();
}

}  // namespace

Result<std::string> canonical_json(const Value& value) {
  std::string out;
  out.reserve(value.raw().size());
  auto written = append(out, value);
  if (!written) return written.refusal();
  return out;
}

std::string canonical_number(double number) {
  assert(std::isfinite(number));
  return ecmascript(shortest(number));
}

std::string canonical_string(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  append_string(out, text);
  return out;
}

}  // namespace toolgate

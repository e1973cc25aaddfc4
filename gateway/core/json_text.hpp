#pragma once
// How the characters of JSON strings are written and read: UTF-8 (RFC 3629, Unicode table 3-7) and
// the escapes of RFC 8259 section 7. Shared by the reader, its values and the log; nobody else
// needs it.

#include <cstddef>
#include <string>
#include <string_view>

namespace toolgate {

// How many bytes the well-formed UTF-8 sequence at `p` has: 1 to 4, or 0 if it is ill-formed
// (overlong, a surrogate, above U+10FFFF, cut short by `end`). `p` must be before `end`.
inline std::size_t utf8_length(const char* p, const char* end) {
  const auto lead = static_cast<unsigned char>(*p);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  const auto left = end - p;
  auto within = [p](int at, unsigned low, unsigned high) {
    const auto byte = static_cast<unsigned char>(p[at]);
    return byte >= low && byte <= high;
  };
  if (lead < 0xE0) return left >= 2 && within(1, 0x80, 0xBF) ? 2 : 0;
  if (lead < 0xF0) {
    const unsigned low = lead == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = lead == 0xED ? 0x9F : 0xBF;
    return left >= 3 && within(1, low, high) && within(2, 0x80, 0xBF) ? 3 : 0;
  }
  const unsigned low = lead == 0xF0 ? 0x90 : 0x80;
  const unsigned high = lead == 0xF4 ? 0x8F : 0xBF;
  return left >= 4 && within(1, low, high) && within(2, 0x80, 0xBF) && within(3, 0x80, 0xBF) ? 4
                                                                                             : 0;
}

// The code point of a well-formed sequence.
char32_t utf8_code_point(std::string_view sequence);

// Appends a code point that is no surrogate.
void append_utf8(std::string& out, char32_t code_point);

// The value of a hexadecimal digit, or -1.
int hex_value(char digit);

// Decodes what stands between the quotes of a string literal that the reader has accepted.
std::string unescape(std::string_view inner);

// A string literal of printable ASCII alone, whatever `text` holds; bytes that are no UTF-8 become
// U+FFFD. For places where a terminal may look at it.
void append_ascii_quote(std::string& out, std::string_view text);

}  // namespace toolgate

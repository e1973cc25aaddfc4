#include "gateway/core/json_text.hpp"

#include <cassert>

#include "gateway/core/document.hpp"

namespace toolgate {
namespace {

constexpr char32_t replacement = 0xFFFD;

void append_unicode_escape(std::string& out, unsigned unit) {
  constexpr std::string_view digits = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += digits[(unit >> shift) & 0xF];
}

// The two-character escape's letter for what has one, or 0.
char short_escape(char c) {
  switch (c) {
    case '"':
      return '"';
    case '\\':
      return '\\';
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    default:
      return 0;
  }
}

// What append_json_quote() and append_ascii_quote() share: everything below 0x80.
void append_ascii(std::string& out, char c) {
  if (const char letter = short_escape(c)) {
    out += '\\';
    out += letter;
  } else if (static_cast<unsigned char>(c) < 0x20) {
    append_unicode_escape(out, static_cast<unsigned char>(c));
  } else {
    out += c;
  }
}

unsigned hex4(std::string_view digits) {
  unsigned value = 0;
  for (char digit : digits.substr(0, 4)) {
    value = value * 16 + static_cast<unsigned>(hex_value(digit));
  }
  return value;
}

// Decodes the escape whose backslash is inner[at]; returns the offset behind it.
std::size_t append_escape(std::string& out, std::string_view inner, std::size_t at) {
  switch (inner[at + 1]) {
    case 'b':
      out += '\b';
      return at + 2;
    case 'f':
      out += '\f';
      return at + 2;
    case 'n':
      out += '\n';
      return at + 2;
    case 'r':
      out += '\r';
      return at + 2;
    case 't':
      out += '\t';
      return at + 2;
    case 'u':
      break;
    default:
      out += inner[at + 1];
      return at + 2;
  }
  const unsigned unit = hex4(inner.substr(at + 2));
  if (unit < 0xD800 || unit > 0xDFFF) {
    append_utf8(out, unit);
    return at + 6;
  }
  // The reader has made sure that the low surrogate follows as an escape.
  const unsigned low = hex4(inner.substr(at + 8));
  append_utf8(out, 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00));
  return at + 12;
}

}  // namespace

char32_t utf8_code_point(std::string_view sequence) {
  const auto lead = static_cast<unsigned char>(sequence[0]);
  if (sequence.size() == 1) return lead;
  char32_t code_point = lead & (0x7FU >> sequence.size());
  for (char c : sequence.substr(1)) {
    code_point = (code_point << 6) | (static_cast<unsigned char>(c) & 0x3FU);
  }
  return code_point;
}

void append_utf8(std::string& out, char32_t code_point) {
  assert(code_point <= 0x10FFFF && (code_point < 0xD800 || code_point > 0xDFFF));
  if (code_point < 0x80) {
    out += static_cast<char>(code_point);
    return;
  }
  auto tail = [&](int shift) { out += static_cast<char>(0x80 | ((code_point >> shift) & 0x3F)); };
  if (code_point < 0x800) {
    out += static_cast<char>(0xC0 | (code_point >> 6));
  } else if (code_point < 0x10000) {
    out += static_cast<char>(0xE0 | (code_point >> 12));
    tail(6);
  } else {
    out += static_cast<char>(0xF0 | (code_point >> 18));
    tail(12);
    tail(6);
  }
  tail(0);
}

int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

std::string unescape(std::string_view inner) {
  std::string out;
  out.reserve(inner.size());
  for (std::size_t at = 0; at < inner.size();) {
    const std::size_t backslash = std::min(inner.find('\\', at), inner.size());
    out.append(inner, at, backslash - at);
    at = backslash;
    if (at < inner.size()) at = append_escape(out, inner, at);
  }
  return out;
}

void append_ascii_quote(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text.data() + at, text.data() + text.size());
    const char32_t code = length == 0 ? replacement : utf8_code_point(text.substr(at, length));
    if (code < 0x7F) {
      append_ascii(out, static_cast<char>(code));
    } else if (code < 0x10000) {
      append_unicode_escape(out, code);
    } else {
      append_unicode_escape(out, 0xD800 + ((code - 0x10000) >> 10));
      append_unicode_escape(out, 0xDC00 + ((code - 0x10000) & 0x3FF));
    }
    at += length == 0 ? 1 : length;
  }
  out += '"';
}

void append_json_quote(std::string& out, std::string_view text) {
  out.reserve(out.size() + text.size() + 2);
  out += '"';
  for (std::size_t at = 0; at < text.size();) {
    if (static_cast<unsigned char>(text[at]) < 0x80) {
      append_ascii(out, text[at++]);
      continue;
    }
    const std::size_t length = utf8_length(text.data() + at, text.data() + text.size());
    if (length == 0) {
      append_utf8(out, replacement);
    } else {
      out.append(text, at, length);
    }
    at += length == 0 ? 1 : length;
  }
  out += '"';
}

std::string json_quote(std::string_view text) {
  std::string out;
  append_json_quote(out, text);
  return out;
}

bool is_utf8(std::string_view text) {
  const char* end = text.data() + text.size();
  for (const char* p = text.data(); p != end;) {
    const std::size_t length = utf8_length(p, end);
    if (length == 0) return false;
    p += length;
  }
  return true;
}

}  // namespace toolgate

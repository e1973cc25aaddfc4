#include <array>
#include <cstdint>

#include "gateway/core/document.hpp"
#include "gateway/core/json_text.hpp"
#include "inspectors/encodings.hpp"

namespace toolgate {
namespace {

using std::string_view;

constexpr std::size_t base64_least = 24;
constexpr std::size_t base32_least = 28;
constexpr std::size_t hex_least = 28;

constexpr std::array<std::int8_t, 256> base64_digits = [] {
  std::array<std::int8_t, 256> table{};
  table.fill(-1);
  std::int8_t value = 0;
  for (char c = 'A'; c <= 'Z'; ++c) table[static_cast<unsigned char>(c)] = value++;
  for (char c = 'a'; c <= 'z'; ++c) table[static_cast<unsigned char>(c)] = value++;
  for (char c = '0'; c <= '9'; ++c) table[static_cast<unsigned char>(c)] = value++;
  table['+'] = table['-'] = 62;
  table['/'] = table['_'] = 63;
  return table;
}();

int base64_digit(char c) { return base64_digits[static_cast<unsigned char>(c)]; }

int base32_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  return c >= '2' && c <= '7' ? c - '2' + 26 : -1;
}

// Digits of `bits` bits each, most significant first; other characters are passed over.
template <class Digit>
std::string pack(string_view digits, unsigned bits, Digit digit) {
  std::string out;
  out.reserve(digits.size() * bits / 8 + 1);
  std::uint32_t held = 0;
  unsigned count = 0;
  for (char c : digits) {
    int value = digit(c);
    if (value < 0) continue;
    held = held << bits | static_cast<std::uint32_t>(value);
    count += bits;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>(held >> count & 0xFF);
  }
  return out;
}

struct Shape {
  std::size_t upper = 0, lower = 0, digits = 0, others = 0, hex = 0, base32 = 0;
  std::size_t size() const { return upper + lower + digits + others; }
};

Shape shape_of(string_view run) {
  Shape shape;
  for (char c : run) {
    if (base64_digit(c) < 0) continue;
    shape.upper += c >= 'A' && c <= 'Z';
    shape.lower += c >= 'a' && c <= 'z';
    shape.digits += c >= '0' && c <= '9';
    shape.hex += hex_value(c) >= 0;
    shape.base32 += base32_digit(c) >= 0;
  }
  shape.others = 0;
  for (char c : run) shape.others += c == '+' || c == '/' || c == '-' || c == '_';
  return shape;
}

class Finder {
 public:
  Finder(string_view text, std::size_t pieces_most) : text_(text), pieces_most_(pieces_most) {}

  Blobs run() && {
    std::size_t at = 0;
    while (at < text_.size() && !blobs_.more) {
      // A run of base64_least digits covers one of every so many bytes, so that most are skipped.
      auto probe = at + base64_least - 1;
      if (probe < text_.size() && base64_digit(text_[probe]) < 0 && !is_separator(text_[probe])) {
        at = probe + 1;
        continue;
      }
      if (base64_digit(text_[at]) < 0) {
        ++at;
        continue;
      }
      at = run_from(at);
    }
    return std::move(blobs_);
  }

 private:
  static bool is_separator(char c) { return c == ' ' || c == ':' || c == '\n' || c == '\r'; }

  // The run of digits that begins at `begin`, over line ends and single separators.
  std::size_t run_from(std::size_t begin) {
    auto end = digits_end(begin);
    auto first = end - begin;
    if (first == 2 && hex_value(text_[begin]) >= 0) {
      auto pairs = hex_pairs_end(begin);
      if (pairs - begin >= hex_least * 3 / 2) {
        take("hex", Range{.begin = begin, .end = pairs});
        return pairs;
      }
    }
    if (first >= base64_least) {
      for (;;) {
        auto next = line_end(end);
        if (next == end || next >= text_.size()) break;
        auto more = digits_end(next);
        if (more - next < 4) break;
        end = more;
      }
      judge(Range{.begin = begin, .end = end});
    }
    return end;
  }

  std::size_t digits_end(std::size_t at) const {
    while (at < text_.size() && base64_digit(text_[at]) >= 0) ++at;
    return at;
  }

  std::size_t line_end(std::size_t at) const {
    if (at < text_.size() && text_[at] == '\r') ++at;
    return at < text_.size() && text_[at] == '\n' ? at + 1 : at;
  }

  // 69 67 6e, 69:67:6e
  std::size_t hex_pairs_end(std::size_t at) const {
    auto is_pair = [this](std::size_t from) {
      return from + 1 < text_.size() && hex_value(text_[from]) >= 0 &&
             hex_value(text_[from + 1]) >= 0;
    };
    auto end = at;
    while (is_pair(at)) {
      end = at + 2;
      bool separated = end < text_.size() && is_separator(text_[end]);
      if (!separated) break;
      at = end + 1;
    }
    return end;
  }

  void judge(Range range) {
    auto run = text_.substr(range.begin, range.end - range.begin);
    auto shape = shape_of(run);
    if (shape.hex == shape.size() && shape.size() >= hex_least) {
      take("hex", range);
    } else if (shape.base32 == shape.size() && shape.size() >= base32_least && shape.lower == 0) {
      take("base32", range);
    } else if (shape.upper > 0 && shape.lower > 0) {
      take("base64", range);
    }
  }

  void take(string_view encoding, Range range) {
    auto run = text_.substr(range.begin, range.end - range.begin);
    std::string bytes;
    if (encoding == "hex") {
      bytes = pack(run, 4, hex_value);
    } else if (encoding == "base32") {
      bytes = pack(run, 5, base32_digit);
    } else {
      bytes = pack(run, 6, base64_digit);
    }
    if (!is_prose(bytes)) return;
    if (blobs_.found.size() == pieces_most_) {
      blobs_.more = true;
      return;
    }
    blobs_.found.push_back(Decoded{.encoding = encoding, .text = {}});
    blobs_.found.back().text.write(bytes, range);
  }

  string_view text_;
  std::size_t pieces_most_;
  Blobs blobs_;
};

}  // namespace

bool is_prose(string_view bytes) {
  constexpr std::size_t least = 12;
  if (bytes.size() < least) return false;
  // What a blob's last digits make may cut a character in two.
  std::size_t letters = 0, spaces = 0, odd = 0, characters = 0;
  const auto* end = bytes.data() + bytes.size();
  for (const auto* p = bytes.data(); p < end;) {
    auto length = utf8_length(p, end);
    ++characters;
    if (length == 0) {
      if (++odd > 2) return false;
      ++p;
      continue;
    }
    auto byte = static_cast<unsigned char>(*p);
    letters += length > 1 || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
    spaces += byte == ' ' || byte == '\n';
    bool control = byte < 0x20 && byte != '\n' && byte != '\r' && byte != '\t' && byte != 0x1B;
    if (control && ++odd > 2) return false;
    p += length;
  }
  return letters * 10 >= characters * 6 && (spaces * 14 >= characters || letters == characters);
}

Blobs decode_blobs(string_view text, std::size_t pieces_most) {
  return Finder(text, pieces_most).run();
}

}  // namespace toolgate

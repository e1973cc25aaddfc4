#include "inspectors/literal.hpp"

#include <algorithm>
#include <cassert>
#include <cstdint>

namespace toolgate {
namespace {

// An escape in a literal: how many bytes it takes there and in the decoded text.
struct Escape {
  std::size_t raw;
  std::size_t decoded;
};

// \uXXXX, or a pair of them that stands for one character beyond U+FFFF.
Escape unicode_escape(std::string_view digits) {
  auto is_one_of = [](char c, std::string_view set) { return set.contains(c); };
  bool surrogate = is_one_of(digits[0], "dD") && !is_one_of(digits[1], "01234567");
  if (surrogate) return Escape{.raw = 12, .decoded = 4};
  bool ascii = digits.starts_with("00") && is_one_of(digits[2], "01234567");
  if (ascii) return Escape{.raw = 6, .decoded = 1};
  bool two = digits[0] == '0' && is_one_of(digits[1], "01234567");
  return Escape{.raw = 6, .decoded = two ? 2U : 3U};
}

Escape escape_at(std::string_view literal, std::size_t at) {
  if (literal[at + 1] != 'u') return Escape{.raw = 2, .decoded = 1};
  return unicode_escape(literal.substr(at + 2, 4));
}

struct Edge {
  std::size_t* offset;
  bool is_end;
};

// Goes through a literal once, from one escape to the next; what lies between them is as long in
// the decoded text as it is here.
class Cursor {
 public:
  explicit Cursor(std::string_view literal) : literal_(literal) {}

  // Where the character that holds the byte at `decoded` begins, or where the one before it ends.
  // Offsets must not go down from one call to the next.
  std::size_t seek(std::size_t decoded, bool is_end) {
    while (decoded_ < decoded) {
      find_escape();
      if (raw_ == escape_) {
        auto escape = escape_at(literal_, raw_);
        if (decoded_ + escape.decoded > decoded) return is_end ? raw_ + escape.raw : raw_;
        advance(escape.raw, escape.decoded);
      } else {
        auto step = std::min(escape_ - raw_, decoded - decoded_);
        assert(step > 0);
        advance(step, step);
      }
    }
    auto at = raw_;
    while (inside_character(at)) at = is_end ? at + 1 : at - 1;
    return at;
  }

 private:
  void find_escape() {
    if (escape_ >= raw_) return;
    escape_ = std::min(literal_.find('\\', raw_), literal_.size() - 1);
  }
  void advance(std::size_t raw, std::size_t decoded) {
    raw_ += raw;
    decoded_ += decoded;
  }
  bool inside_character(std::size_t at) const {
    return (static_cast<unsigned char>(literal_[at]) & 0xC0) == 0x80;
  }

  std::string_view literal_;
  std::size_t raw_ = 1;  // after the quote
  std::size_t decoded_ = 0;
  std::size_t escape_ = 0;  // the next one from raw_ on, or the closing quote; older: look again
};

}  // namespace

void locate(std::string_view literal, std::vector<Range>& ranges) {
  std::vector<Edge> edges;
  edges.reserve(2 * ranges.size());
  for (auto& range : ranges) {
    edges.push_back({.offset = &range.begin, .is_end = false});
    edges.push_back({.offset = &range.end, .is_end = true});
  }
  auto offset_of = [](const Edge& edge) { return *edge.offset; };
  if (!std::ranges::is_sorted(edges, {}, offset_of)) std::ranges::sort(edges, {}, offset_of);
  Cursor cursor(literal);
  for (auto& edge : edges) *edge.offset = cursor.seek(*edge.offset, edge.is_end);
}

void unite(std::vector<Range>& ranges) {
  if (ranges.empty()) return;
  std::ranges::sort(ranges, {}, &Range::begin);
  auto last = ranges.begin();
  for (auto range = last + 1; range != ranges.end(); ++range) {
    if (range->begin <= last->end) {
      last->end = std::max(last->end, range->end);
    } else {
      *++last = *range;
    }
  }
  ranges.erase(last + 1, ranges.end());
}

std::string without(std::string_view text, const std::vector<Range>& ranges) {
  std::string out;
  out.reserve(text.size());
  std::size_t at = 0;
  for (const auto& range : ranges) {
    out += text.substr(at, range.begin - at);
    at = range.end;
  }
  out += text.substr(at);
  return out;
}

bool is_plain_ascii(std::string_view json) {
  constexpr std::size_t chunk = 32;
  const auto* bytes = reinterpret_cast<const unsigned char*>(json.data());
  for (std::size_t at = 0; at < json.size();) {
    if (json.size() - at >= chunk) {
      unsigned char noticed = 0;  // a loop without branches, which the compiler turns into vectors
      for (std::size_t i = 0; i < chunk; ++i) {
        auto byte = bytes[at + i];
        noticed |= static_cast<unsigned char>((byte >= 0x7F) | (byte == '\\'));
      }
      if (noticed == 0) {
        at += chunk;
        continue;
      }
    }
    auto stop = std::min(json.size(), at + chunk);
    while (at < stop) {
      if (bytes[at] >= 0x7F) return false;
      if (bytes[at] != '\\') {
        ++at;
      } else if (at + 1 < json.size() && std::string_view("nrt\"/").contains(json[at + 1])) {
        at += 2;
      } else {
        return false;
      }
    }
  }
  return true;
}

}  // namespace toolgate

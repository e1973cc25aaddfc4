// The strict reader behind parse_document() and parse_configuration_text(): one pass, no recursion.
//
// The text is a std::string, so a NUL follows its last byte. The reader leans on that: outside of
// strings no rule accepts a NUL, hence reading on until a rule fails cannot run past the end.

#include <algorithm>
#include <bit>
#include <cstring>
#include <forward_list>
#include <limits>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "gateway/core/document.hpp"
#include "gateway/core/json_text.hpp"

namespace toolgate {
namespace {

enum class Dialect { strict, configuration };
enum class Role { element, member };  // a member has a name

// Objects up to this size have their names compared pair by pair; sorting is slower for them.
constexpr std::size_t few_names = 16;

// Most messages are a few values, one of them a long string. A text with more values gets room for
// many at once.
constexpr std::size_t few_nodes = 32;

// A member's name as it decodes. Equal names have equal prints, and unequal ones rarely do; where
// many are made to have one print, comparing the texts is what is left, and its cost is bounded as
// well.
struct MemberName {
  std::uint64_t print;
  std::string_view text;
  std::uint32_t begin;
};

// `text` stands before `end`, the end of readable memory.
std::uint64_t print_of(std::string_view text, const char* end) {
  std::uint64_t first = 0;
  if (text.size() >= sizeof(first)) {
    std::memcpy(&first, text.data(), sizeof(first));
  } else if (static_cast<std::size_t>(end - text.data()) >= sizeof(first)) {
    std::memcpy(&first, text.data(), sizeof(first));
    const std::uint64_t ones = ~std::uint64_t{0};
    const auto surplus = static_cast<int>(8 * (sizeof(first) - text.size()));
    if constexpr (std::endian::native == std::endian::little) {
      first &= surplus == 64 ? 0 : ones >> surplus;
    } else {
      first &= surplus == 64 ? 0 : ones << surplus;
    }
  } else {
    std::memcpy(&first, text.data(), text.size());
  }
  return first ^ (std::uint64_t{text.size()} << 56);
}

bool same(const MemberName& a, const MemberName& b) {
  return a.print == b.print && a.text == b.text;
}

bool before(const MemberName& a, const MemberName& b) {
  if (a.print != b.print) return a.print < b.print;
  const int order = a.text.compare(b.text);
  return order != 0 ? order < 0 : a.begin < b.begin;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

// Needs no thought inside a string: ASCII, but no control character, quote or backslash.
bool is_plain(char c) { return static_cast<signed char>(c) >= 0x20 && c != '"' && c != '\\'; }

const char* skip_plain(const char* p, const char* end) {
#if defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i backslash = _mm_set1_epi8('\\');
  const __m128i space = _mm_set1_epi8(' ');
  for (; end - p >= 16; p += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    // Bytes compare as signed numbers: below a space are the control characters and all but ASCII.
    const __m128i special =
        _mm_or_si128(_mm_cmplt_epi8(bytes, space),
                     _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(special));
    if (mask != 0) return p + std::countr_zero(mask);
  }
#endif
  while (p != end && is_plain(*p)) ++p;
  return p;
}

// Is this a well-formed sequence of three bytes (most text that is not of European languages)? A
// shortcut for utf8_length(): four bytes, which must be readable, are judged at once.
bool is_three_byte_character(const char* p) {
  if constexpr (std::endian::native != std::endian::little) return false;
  std::uint32_t bytes = 0;
  std::memcpy(&bytes, p, sizeof(bytes));
  // The bits that vary between overlong forms (none set), surrogates (0x200D) and all others.
  const std::uint32_t border = bytes & 0x200F;
  return (bytes & 0x00C0'C0F0) == 0x0080'80E0 && border != 0 && border != 0x200D;
}

// The UTF-16 unit of four hexadecimal digits, or -1.
int read_unit(const char* p) {
  int unit = 0;
  for (int i = 0; i < 4; ++i) {
    const int digit = hex_value(p[i]);
    if (digit < 0) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

// Where the first name stands that was there before, or `none`.
std::uint32_t repeated_of_few(const std::vector<MemberName>& names) {
  for (std::size_t i = 1; i < names.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (same(names[i], names[j])) return names[i].begin;
    }
  }
  return none;
}

std::uint32_t repeated_of_many(std::vector<MemberName>& names) {
  std::sort(names.begin(), names.end(), before);
  std::uint32_t repeated = none;
  for (std::size_t i = 1; i < names.size(); ++i) {
    if (same(names[i], names[i - 1])) repeated = std::min(repeated, names[i].begin);
  }
  return repeated;
}

}  // namespace

class DocumentReader {
 public:
  DocumentReader(std::string text, const JsonLimits& limits, Dialect dialect)
      : limits_(limits), dialect_(dialect), data_(std::make_shared<index::Data>()) {
    data_->text = std::move(text);
    begin_ = data_->text.c_str();
    end_ = begin_ + data_->text.size();
  }

  Result<Document> read() &&;

 private:
  const char* read_text();
  const char* read_children(const char* p);
  const char* read_name(const char* p, index::Node& node);
  const char* read_value(const char* p, Role role);
  const char* read_scalar(const char* p, index::Node& node);
  const char* read_string(const char* p);
  const char* read_escape(const char* p);
  const char* read_wide(const char* p);
  const char* read_number(const char* p);
  const char* read_digits(const char* p);
  const char* read_word(const char* p, std::string_view word);
  const char* open_container(const char* p, index::Node& node);
  const char* close_container(const char* p);
  bool check_names(std::uint32_t object);
  const char* skip_space(const char* p);
  const char* skip_comments(const char* p);

  std::nullptr_t fail(std::string_view what, const char* at, Reason reason = Reason::malformed);
  std::uint32_t offset(const char* p) const { return static_cast<std::uint32_t>(p - begin_); }

  const JsonLimits& limits_;
  Dialect dialect_;
  std::shared_ptr<index::Data> data_;
  std::vector<index::Node> nodes_;
  const char* begin_;
  const char* end_;
  std::uint32_t open_ = 0;  // the innermost container that is open, if depth_ > 0
  std::size_t depth_ = 0;
  bool escaped_ = false;
  std::vector<MemberName> names_;             // of the object that was just closed
  std::forward_list<std::string> unescaped_;  // what some of names_ refer to
  bool failed_ = false;
  Refusal refusal_;
};

Result<Document> DocumentReader::read() && {
  if (read_text() == nullptr) return std::move(refusal_);
  data_->nodes = std::move(nodes_);
  return Document(std::move(data_));
}

const char* DocumentReader::read_text() {
  // Offsets have 32 bits.
  const std::size_t size = data_->text.size();
  const std::size_t most = std::min<std::size_t>(limits_.bytes, 0xFFFF'FFFE);
  if (size > most) {
    return fail("larger than " + std::to_string(most) + " bytes", begin_, Reason::too_large);
  }
  if (data_->text.starts_with("\xEF\xBB\xBF")) return fail("byte order mark", begin_);
  nodes_.reserve(few_nodes);
  const char* p = read_value(skip_space(begin_), Role::element);
  if (p != nullptr) p = read_children(p);
  if (p == nullptr) return nullptr;
  p = skip_space(p);
  return p == end_ ? p : fail("bytes after the JSON text", p);
}

// Reads until all containers are closed.
const char* DocumentReader::read_children(const char* p) {
  while (depth_ > 0) {
    index::Node& parent = nodes_[open_];
    const bool in_object = parent.kind == Kind::object;
    const char closing = in_object ? '}' : ']';
    p = skip_space(p);
    if (parent.count > 0 && *p != closing) {
      if (*p != ',') return fail(in_object ? "expected ',' or '}'" : "expected ',' or ']'", p);
      const char* comma = p;
      p = skip_space(p + 1);
      if (*p == closing && dialect_ == Dialect::strict) return fail("trailing comma", comma);
    }
    if (*p == closing) {
      p = close_container(p);
    } else {
      ++parent.count;
      p = read_value(p, in_object ? Role::member : Role::element);
    }
    if (p == nullptr) return nullptr;
  }
  return p;
}

const char* DocumentReader::read_name(const char* p, index::Node& node) {
  if (*p != '"') return fail("expected a member name in quotes", p);
  node.key_begin = offset(p);
  p = read_string(p);
  if (p == nullptr) return nullptr;
  node.key_escaped = escaped_;
  node.key_end = offset(p);
  p = skip_space(p);
  if (*p != ':') return fail("expected ':'", p);
  return skip_space(p + 1);
}

// Reads a scalar, or opens a container whose children read_children() reads.
const char* DocumentReader::read_value(const char* p, Role role) {
  if (nodes_.size() >= limits_.values) {
    return fail("more than " + std::to_string(limits_.values) + " values", p, Reason::too_large);
  }
  if (nodes_.size() == few_nodes) nodes_.reserve(data_->text.size() / 8 + few_nodes);
  index::Node& node = nodes_.emplace_back();
  node.parent = open_;
  if (role == Role::member) {
    p = read_name(p, node);
    if (p == nullptr) return nullptr;
  }
  node.begin = offset(p);
  if (*p == '{' || *p == '[') return open_container(p, node);
  p = read_scalar(p, node);
  if (p == nullptr) return nullptr;
  node.end = offset(p);
  node.next = static_cast<std::uint32_t>(nodes_.size());
  return p;
}

const char* DocumentReader::read_scalar(const char* p, index::Node& node) {
  switch (*p) {
    case '"':
      node.kind = Kind::string;
      p = read_string(p);
      node.count = escaped_ ? 1 : 0;
      return p;
    case 't':
      node.kind = Kind::boolean;
      return read_word(p, "true");
    case 'f':
      node.kind = Kind::boolean;
      return read_word(p, "false");
    case 'n':
      node.kind = Kind::null;
      return read_word(p, "null");
    default:
      node.kind = Kind::number;
      return read_number(p);
  }
}

// Reads the string whose opening quote is at p; escaped_ then says whether it has escapes.
const char* DocumentReader::read_string(const char* p) {
  const char* opening = p++;
  escaped_ = false;
  for (;;) {
    p = skip_plain(p, end_);
    if (*p == '"') return p + 1;
    if (*p == '\\') {
      escaped_ = true;
      p = read_escape(p);
    } else if (static_cast<signed char>(*p) < 0) {
      p = read_wide(p);
    } else {
      if (p == end_) return fail("string without an end", opening);
      return fail("control character in a string", p);
    }
    if (p == nullptr) return nullptr;
  }
}

// Reads all that is not ASCII at p.
const char* DocumentReader::read_wide(const char* p) {
  do {
    while (end_ - p >= 4 && is_three_byte_character(p)) p += 3;
    if (static_cast<signed char>(*p) >= 0) break;
    const std::size_t length = utf8_length(p, end_);
    if (length == 0) return fail("bytes that are no UTF-8", p);
    p += length;
  } while (static_cast<signed char>(*p) < 0);
  return p;
}

// Reads the escape whose backslash is at p.
const char* DocumentReader::read_escape(const char* p) {
  switch (p[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
      return p + 2;
    case 'u':
      break;
    default:
      return fail("unknown escape", p);
  }
  const int unit = read_unit(p + 2);
  if (unit < 0) return fail("escape without four hexadecimal digits", p);
  if (unit < 0xD800 || unit > 0xDFFF) return p + 6;
  const bool paired = unit < 0xDC00 && p[6] == '\\' && p[7] == 'u';
  const int low = paired ? read_unit(p + 8) : -1;
  if (low < 0xDC00 || low > 0xDFFF) return fail("lone surrogate", p);
  return p + 12;
}

const char* DocumentReader::read_number(const char* p) {
  const char* start = p;
  if (*p == '-') ++p;
  if (!is_digit(*p)) return fail(p == start ? "expected a value" : "expected a digit", p);
  if (*p == '0' && is_digit(p[1])) return fail("number with a leading zero", p);
  while (is_digit(*p)) ++p;
  if (*p == '.') {
    p = read_digits(p + 1);
    if (p == nullptr) return nullptr;
  }
  if (*p != 'e' && *p != 'E') return p;
  ++p;
  if (*p == '+' || *p == '-') ++p;
  return read_digits(p);
}

const char* DocumentReader::read_digits(const char* p) {
  if (!is_digit(*p)) return fail("expected a digit", p);
  while (is_digit(*p)) ++p;
  return p;
}

const char* DocumentReader::read_word(const char* p, std::string_view word) {
  if (!std::string_view(p, end_).starts_with(word)) return fail("expected a value", p);
  return p + word.size();
}

const char* DocumentReader::open_container(const char* p, index::Node& node) {
  if (depth_ >= limits_.depth) {
    return fail("nested deeper than " + std::to_string(limits_.depth), p);
  }
  ++depth_;
  node.kind = *p == '{' ? Kind::object : Kind::array;
  open_ = static_cast<std::uint32_t>(nodes_.size()) - 1;
  return p + 1;
}

const char* DocumentReader::close_container(const char* p) {
  const std::uint32_t closed = open_;
  index::Node& node = nodes_[closed];
  open_ = node.parent;
  --depth_;
  node.end = offset(p + 1);
  node.next = static_cast<std::uint32_t>(nodes_.size());
  if (node.kind == Kind::object && node.count > 1 && !check_names(closed)) return nullptr;
  return p + 1;
}

// Compares the names as they decode. Sorting, not hashing: nobody can choose names that make it
// slow.
bool DocumentReader::check_names(std::uint32_t object) {
  names_.clear();
  unescaped_.clear();
  const index::Node* nodes = nodes_.data();
  for (std::uint32_t at = object + 1; at < nodes[object].next; at = nodes[at].next) {
    const index::Node& member = nodes[at];
    std::string_view text(begin_ + member.key_begin + 1, member.key_end - member.key_begin - 2);
    const char* end = end_;
    if (member.key_escaped) {
      text = unescaped_.emplace_front(unescape(text));
      end = text.data() + text.size();
    }
    names_.push_back(MemberName{print_of(text, end), text, member.key_begin});
  }
  const std::uint32_t repeated =
      names_.size() <= few_names ? repeated_of_few(names_) : repeated_of_many(names_);
  if (repeated == none) return true;
  fail("duplicate member name", begin_ + repeated);
  return false;
}

inline const char* DocumentReader::skip_space(const char* p) {
  if (static_cast<unsigned char>(*p) > ' ' && *p != '/') return p;  // mostly nothing to skip
  while (is_space(*p)) ++p;
  return *p == '/' && dialect_ == Dialect::configuration ? skip_comments(p) : p;
}

// Where this fails it returns the position of the slash, which no rule accepts: whoever reads on
// fails too, and the first refusal is the one that counts.
const char* DocumentReader::skip_comments(const char* p) {
  for (;;) {
    while (is_space(*p)) ++p;
    const std::string_view rest(p, end_);
    std::size_t length = 0;
    if (rest.starts_with("//")) {
      length = std::min(rest.find('\n'), rest.size());
    } else if (rest.starts_with("/*")) {
      const std::size_t closing = rest.find("*/", 2);
      if (closing == std::string_view::npos) {
        fail("comment without an end", p);
        return p;
      }
      length = closing + 2;
    } else {
      return p;
    }
    if (!is_utf8(rest.substr(0, length))) {
      fail("comment with bytes that are no UTF-8", p);
      return p;
    }
    p += length;
  }
}

// The first refusal counts.
std::nullptr_t DocumentReader::fail(std::string_view what, const char* at, Reason reason) {
  if (failed_) return nullptr;
  failed_ = true;
  std::string text(what);
  if (at == end_ && at != begin_) text = "the text ends early: " + text;
  if (dialect_ == Dialect::strict) {
    if (at != begin_ || reason != Reason::too_large)
      text += " at byte " + std::to_string(at - begin_);
    refusal_ = Refusal(reason, std::move(text));
  } else {
    const Place place = place_of(data_->text, static_cast<std::size_t>(at - begin_));
    refusal_ =
        Refusal(Reason::bad_configuration, "line " + std::to_string(place.line) + ", column " +
                                               std::to_string(place.column) + ": " + text);
  }
  return nullptr;
}

Result<Document> parse_document(Untrusted<std::string> text, const JsonLimits& limits) {
  return DocumentReader(std::move(text).open_unchecked(), limits, Dialect::strict).read();
}

Result<Document> parse_configuration_text(Untrusted<std::string> text, const JsonLimits& limits) {
  return DocumentReader(std::move(text).open_unchecked(), limits, Dialect::configuration).read();
}

}  // namespace toolgate

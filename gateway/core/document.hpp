#pragma once
// A JSON text that was read strictly, once, and an index over its bytes.
//
// Every value knows the bytes that it was read from, so that what is forwarded is byte for byte
// what was inspected: long integers, decimals and escapes keep their exact text. Accepted is RFC
// 8259 with I-JSON's (RFC 7493) demands: valid UTF-8, no duplicate member names (compared after
// unescaping), no lone surrogates; also no byte order mark, no trailing bytes, bounded size, depth
// and count. Numbers are checked for their grammar and otherwise left alone.
//
// A Document is a handle to shared immutable data (messages of one batch share their bytes); copies
// are cheap. A Value is a view and must not outlive every handle of its Document.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/core/limits.hpp"
#include "gateway/core/result.hpp"
#include "gateway/core/untrusted.hpp"

namespace toolgate {

enum class Kind : std::uint8_t { null, boolean, number, string, array, object };
std::string_view kind_name(Kind kind);

namespace index {

struct Node {
  std::uint32_t begin;      // first byte of the value
  std::uint32_t end;        // one past its last byte
  std::uint32_t next;       // index of the node after this value and all that it holds
  std::uint32_t parent;     // index of the container around this value; the root's is 0
  std::uint32_t count;      // members or elements; for a string: 1 if it has escapes
  std::uint32_t key_begin;  // the member's name with its quotes; 0, 0 for what is no member
  std::uint32_t key_end;
  Kind kind;
  bool key_escaped;
};

struct Data {
  std::string text;
  std::vector<Node> nodes;  // in document order; nodes[0] is the root
};

}  // namespace index

class Value;

// A member of an object. `name` is decoded.
struct Member;

class Value {
 public:
  Kind kind() const { return node().kind; }
  bool is_object() const { return kind() == Kind::object; }
  bool is_array() const { return kind() == Kind::array; }
  bool is_string() const { return kind() == Kind::string; }
  bool is_number() const { return kind() == Kind::number; }
  bool is_boolean() const { return kind() == Kind::boolean; }
  bool is_null() const { return kind() == Kind::null; }

  std::string_view raw() const;                       // the exact bytes
  std::size_t begin() const { return node().begin; }  // byte offsets in Document::text()
  std::size_t end() const { return node().end; }
  std::size_t size() const { return node().count; }  // members or elements

  // Object: the member of that (decoded) name, or nothing. Nothing, too, when this is no object, so
  // that look-ups chain: value.find("params").
  std::optional<Value> find(std::string_view name) const;
  // Object members and array elements in their order. Empty for scalars.
  std::vector<Member> members() const;
  std::vector<Value> elements() const;
  // Iteration without a vector: the first child, and the sibling that follows.
  std::optional<Value> first() const;
  std::optional<Value> following(const Value& parent) const;

  // The decoded text of a string; asserts that it is one, so look at kind() first. `plain` avoids
  // the copy where there is nothing to decode.
  std::string text() const;
  std::optional<std::string_view> plain() const;
  bool equals(std::string_view decoded) const;  // a string with exactly this text?
  bool boolean() const;                         // of a boolean (asserted)
  // Of a number: its value where it is an integer in range ("1.0" and "1e3" are none).
  std::optional<std::int64_t> integer() const;
  double number() const;  // of a number (asserted), rounded

  // Of a member: its own name. Empty for elements and the root.
  bool has_name() const { return node().key_end != 0; }
  bool is_named(std::string_view name) const;  // is name() this, without the copy
  std::string name() const;
  std::size_t name_begin() const { return node().key_begin; }
  std::size_t name_end() const { return node().key_end; }

 private:
  friend class Document;
  Value(const index::Data* data, std::uint32_t at) : data_(data), at_(at) {}
  const index::Node& node() const { return data_->nodes[at_]; }
  const index::Data* data_;
  std::uint32_t at_;
};

struct Member {
  std::string name;
  Value value;
};

class Document {
 public:
  Value root() const { return Value(data_.get(), 0); }
  const std::string& text() const { return data_->text; }

 private:
  friend class DocumentReader;
  explicit Document(std::shared_ptr<const index::Data> data) : data_(std::move(data)) {}
  std::shared_ptr<const index::Data> data_;
};

// Strict JSON, for everything on the wire. The refusal's detail names the reason and the byte
// offset.
Result<Document> parse_document(Untrusted<std::string> text, const JsonLimits& limits);

// The configuration's dialect: the same, but // and /* */ comments, and trailing commas, are
// accepted. The refusal's detail starts with "line L, column C: ".
Result<Document> parse_configuration_text(Untrusted<std::string> text, const JsonLimits& limits);

// Line and column (from 1; columns count bytes) of a byte offset, for error messages about a file.
struct Place {
  std::size_t line;
  std::size_t column;
};
Place place_of(std::string_view text, std::size_t offset);

// A JSON string literal, with its quotes, for `text`: escapes what RFC 8259 demands and nothing
// else. Bytes that are no UTF-8 become U+FFFD, so that what the broker writes can always be read.
std::string json_quote(std::string_view text);
// Appends instead of returning.
void append_json_quote(std::string& out, std::string_view text);

// Well-formed UTF-8 (RFC 3629), no surrogates, no overlong forms?
bool is_utf8(std::string_view text);

}  // namespace toolgate

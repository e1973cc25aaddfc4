#pragma once
// What an administrator signs: statements, as canonical JSON objects of one type and version. One
// text for each meaning: a reader writes what it read again and compares the bytes, so that nothing
// in them was overlooked or read another way.
//
//   StatementWriter out;                        StatementReader in(document->root());
//   out.text("name", key.name);                 key.name = in.text("name");
//   out.nanoseconds("time_ns", key.time_ns);    key.time_ns = in.nanoseconds("time_ns");
//   auto text = out.finish();                   if (!in.sound()) ...
//
// Times are decimal strings, since JSON's numbers do not hold nanoseconds.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/core/document.hpp"
#include "gateway/core/result.hpp"
#include "signing/digest.hpp"

namespace toolgate {

// A statement and who signed it. What was read proves nothing yet.
struct SignedText {
  std::string text;
  std::string key_id;     // 16 hex digits
  std::string signature;  // base64 of the Ed25519 signature over the digest of text in its domain
  friend bool operator==(const SignedText&, const SignedText&) = default;
};

// As one line of a file, without its end: TEXT KEYID SIGNATURE.
std::string signed_line(const SignedText& signed_text);
std::optional<SignedText> parse_signed_line(std::string_view line);

// Members are added in the order of their names, which is RFC 8785's as long as they are ASCII.
class StatementWriter {
 public:
  void text(std::string_view name, std::string_view value);
  void texts(std::string_view name, const std::vector<std::string>& values);
  void digest(std::string_view name, const Digest& value) { text(name, value.text()); }
  void nanoseconds(std::string_view name, std::int64_t time);  // not negative
  void number(std::string_view name, std::int64_t value);      // from 0 to 2^53
  void canonical(std::string_view name, std::string_view json);
  // Refuses with `malformed` a text that is no UTF-8 and a number out of range.
  Result<std::string> finish();

 private:
  void begin(std::string_view name);
  std::string out_ = "{";
  std::string last_;
  std::string problem_;
};

// Reads members of a statement; remembers whether all of them were there and well-formed.
class StatementReader {
 public:
  explicit StatementReader(const Value& root) : root_(root) {}
  bool sound() const { return sound_; }
  void spoil() { sound_ = false; }
  // Does it say that it is of this type and version?
  bool is(std::string_view type, std::string_view version) const;

  std::string text(std::string_view name);
  std::vector<std::string> texts(std::string_view name);
  Digest digest(std::string_view name);
  std::int64_t nanoseconds(std::string_view name);
  std::int64_t number(std::string_view name);
  std::string array(std::string_view name);  // its exact bytes

 private:
  Value root_;
  bool sound_ = true;
};

}  // namespace toolgate

#include "gateway/core/document.hpp"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cstdlib>

#include "gateway/core/json_text.hpp"

namespace toolgate {
namespace {

// What stands between the quotes of the literal at text[begin, end).
std::string_view inside(std::string_view text, std::uint32_t begin, std::uint32_t end) {
  return text.substr(begin + 1, end - begin - 2);
}

}  // namespace

std::string_view kind_name(Kind kind) {
  switch (kind) {
    case Kind::null:
      return "null";
    case Kind::boolean:
      return "boolean";
    case Kind::number:
      return "number";
    case Kind::string:
      return "string";
    case Kind::array:
      return "array";
    case Kind::object:
      return "object";
  }
  return "";
}

std::string_view Value::raw() const {
  return std::string_view(data_->text).substr(node().begin, node().end - node().begin);
}

bool Value::is_named(std::string_view name) const {
  if (!has_name()) return false;
  const std::string_view inner = inside(data_->text, node().key_begin, node().key_end);
  return node().key_escaped ? unescape(inner) == name : inner == name;
}

std::optional<Value> Value::find(std::string_view name) const {
  if (!is_object()) return std::nullopt;
  for (auto child = first(); child; child = child->following(*this)) {
    if (child->is_named(name)) return child;
  }
  return std::nullopt;
}

std::vector<Member> Value::members() const {
  std::vector<Member> result;
  if (!is_object()) return result;
  result.reserve(size());
  for (auto child = first(); child; child = child->following(*this)) {
    result.push_back(Member{child->name(), *child});
  }
  return result;
}

std::vector<Value> Value::elements() const {
  std::vector<Value> result;
  if (!is_array()) return result;
  result.reserve(size());
  for (auto child = first(); child; child = child->following(*this)) result.push_back(*child);
  return result;
}

std::optional<Value> Value::first() const {
  if (!(is_object() || is_array()) || size() == 0) return std::nullopt;
  return Value(data_, at_ + 1);
}

std::optional<Value> Value::following(const Value& parent) const {
  if (node().next >= parent.node().next) return std::nullopt;
  return Value(data_, node().next);
}

std::string Value::text() const {
  assert(is_string());
  const std::string_view inner = inside(data_->text, node().begin, node().end);
  return node().count == 0 ? std::string(inner) : unescape(inner);
}

std::optional<std::string_view> Value::plain() const {
  if (!is_string() || node().count != 0) return std::nullopt;
  return inside(data_->text, node().begin, node().end);
}

bool Value::equals(std::string_view decoded) const {
  if (!is_string()) return false;
  const std::string_view inner = inside(data_->text, node().begin, node().end);
  return node().count == 0 ? inner == decoded : unescape(inner) == decoded;
}

bool Value::boolean() const {
  assert(is_boolean());
  return raw() == "true";
}

std::optional<std::int64_t> Value::integer() const {
  if (!is_number()) return std::nullopt;
  const std::string_view digits = raw();
  std::int64_t value = 0;
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || stop != digits.data() + digits.size()) return std::nullopt;
  return value;
}

double Value::number() const {
  assert(is_number());
  const std::string_view digits = raw();
  double value = 0;
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  // from_chars() does not say on which side a number left the range; strtod() rounds it to infinity
  // or 0.
  if (error != std::errc()) return std::strtod(std::string(digits).c_str(), nullptr);
  return value;
}

std::string Value::name() const {
  if (!has_name()) return std::string();
  const std::string_view inner = inside(data_->text, node().key_begin, node().key_end);
  return node().key_escaped ? unescape(inner) : std::string(inner);
}

Place place_of(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const auto lines = std::count(before.begin(), before.end(), '\n');
  const std::size_t line_begin = before.rfind('\n') + 1;  // npos + 1 is 0: the first line
  return Place{static_cast<std::size_t>(lines) + 1, before.size() - line_begin + 1};
}

}  // namespace toolgate

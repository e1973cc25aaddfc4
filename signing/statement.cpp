#include "signing/statement.hpp"

#include <cassert>
#include <charconv>

#include "signing/canonical.hpp"

namespace toolgate {
namespace {

constexpr std::int64_t exact_most = std::int64_t{1} << 53;

}  // namespace

std::string signed_line(const SignedText& signed_text) {
  return signed_text.text + ' ' + signed_text.key_id + ' ' + signed_text.signature;
}

std::optional<SignedText> parse_signed_line(std::string_view line) {
  const auto second = line.rfind(' ');
  if (second == std::string_view::npos || second == 0) return std::nullopt;
  const auto first = line.rfind(' ', second - 1);
  if (first == std::string_view::npos || first == 0) return std::nullopt;
  return SignedText{.text = std::string(line.substr(0, first)),
                    .key_id = std::string(line.substr(first + 1, second - first - 1)),
                    .signature = std::string(line.substr(second + 1))};
}

void StatementWriter::begin(std::string_view name) {
  assert(last_.empty() || last_ < name);
  last_ = name;
  if (out_.size() > 1) out_ += ',';
  out_.append(canonical_string(name)).append(":");
}

void StatementWriter::text(std::string_view name, std::string_view value) {
  begin(name);
  if (is_utf8(value)) {
    out_ += canonical_string(value);
  } else {
    problem_ = "the member \"" + std::string(name) + "\" is no UTF-8";
  }
}

void StatementWriter::texts(std::string_view name, const std::vector<std::string>& values) {
  begin(name);
  out_ += '[';
  for (const std::string& value : values) {
    if (out_.back() != '[') out_ += ',';
    if (is_utf8(value)) {
      out_ += canonical_string(value);
    } else {
      problem_ = "the member \"" + std::string(name) + "\" is no UTF-8";
    }
  }
  out_ += ']';
}

void StatementWriter::nanoseconds(std::string_view name, std::int64_t time) {
  if (time < 0) problem_ = "the time \"" + std::string(name) + "\" is negative";
  text(name, std::to_string(time));
}

void StatementWriter::number(std::string_view name, std::int64_t value) {
  if (value < 0 || value > exact_most) {
    problem_ = "the number \"" + std::string(name) + "\" is out of range";
  }
  begin(name);
  out_ += std::to_string(value);
}

void StatementWriter::canonical(std::string_view name, std::string_view json) {
  begin(name);
  out_ += json;
}

Result<std::string> StatementWriter::finish() {
  if (!problem_.empty()) return Refusal(Reason::malformed, problem_);
  return out_ + "}";
}

bool StatementReader::is(std::string_view type, std::string_view version) const {
  const auto own_type = root_.find("type");
  const auto own_version = root_.find("v");
  return own_type && own_type->is_string() && own_type->equals(type) && own_version &&
         own_version->is_number() && own_version->raw() == version;
}

std::string StatementReader::text(std::string_view name) {
  const auto value = root_.find(name);
  if (value && value->is_string()) return value->text();
  sound_ = false;
  return "";
}

std::vector<std::string> StatementReader::texts(std::string_view name) {
  std::vector<std::string> all;
  const auto value = root_.find(name);
  if (!value || !value->is_array()) {
    sound_ = false;
    return all;
  }
  for (const Value& one : value->elements()) {
    if (!one.is_string()) sound_ = false;
    all.push_back(one.is_string() ? one.text() : "");
  }
  return all;
}

Digest StatementReader::digest(std::string_view name) {
  auto parsed = Digest::parse(text(name));
  if (parsed) return *parsed;
  sound_ = false;
  return Digest();
}

std::int64_t StatementReader::nanoseconds(std::string_view name) {
  const auto digits = text(name);
  std::int64_t number = 0;
  const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (end.ec != std::errc() || end.ptr != digits.data() + digits.size()) sound_ = false;
  return number;
}

std::int64_t StatementReader::number(std::string_view name) {
  const auto value = root_.find(name);
  const auto integer = value && value->is_number() ? value->integer() : std::nullopt;
  if (!integer) sound_ = false;
  return integer.value_or(0);
}

std::string StatementReader::array(std::string_view name) {
  const auto value = root_.find(name);
  if (value && value->is_array()) return std::string(value->raw());
  sound_ = false;
  return "[]";
}

}  // namespace toolgate

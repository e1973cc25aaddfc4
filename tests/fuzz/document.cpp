// What parse_document() promises, checked by other means: by reading every slice again, and by
// Boost.JSON, a reader that shares no code with ours.
#include "gateway/core/document.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "gateway/core/rewrite.hpp"

namespace toolgate {
namespace {

void check(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

const JsonLimits limits{.bytes = 1 << 16, .depth = 64, .values = 20'000};

Result<Document> parse(std::string text) {
  return parse_document(Untrusted<std::string>(std::move(text)), limits);
}

// A slice, read alone, is the same value.
void check_slice(const Value& value) {
  auto again = parse(std::string(value.raw()));
  check(static_cast<bool>(again), "a value's bytes are a JSON text");
  check(again->root().kind() == value.kind(), "a value's bytes are a text of its kind");
  check(again->root().size() == value.size(), "and have as many members");
  if (value.is_string()) {
    auto quoted = parse(json_quote(value.text()));
    check(quoted && quoted->root().equals(value.text()), "quoting is the reverse of decoding");
    check(is_utf8(value.text()), "decoded text is UTF-8");
    check(!value.plain() || *value.plain() == value.text(), "plain text is the text");
  }
  if (value.has_name()) {
    check(value.is_named(value.name()), "a member has its name");
  }
}

void check_tree(const Document& document, const Value& value) {
  check_slice(value);
  std::size_t at = value.begin();
  std::size_t count = 0;
  for (auto child = value.first(); child; child = child->following(value)) {
    const std::size_t begin = child->has_name() ? child->name_begin() : child->begin();
    check(begin > at && child->end() < value.end(), "children stand in their parent, in order");
    check(child->has_name() == value.is_object(), "members have names and elements have none");
    if (child->has_name()) {
      const auto length = child->name_end() - child->name_begin();
      auto name = parse(document.text().substr(child->name_begin(), length));
      check(name && name->root().equals(child->name()), "a name's bytes decode to the name");
      auto found = value.find(child->name());
      check(found && found->begin() == child->begin(), "a member is found by its name");
    }
    check_tree(document, *child);
    at = child->end();
    ++count;
  }
  check(!(value.is_array() || value.is_object()) || count == value.size(), "children are counted");
}

bool close(double a, double b) {
  return a == b || std::abs(a - b) <= 1e-12 * std::max(std::abs(a), std::abs(b)) ||
         std::abs(a) < 1e-300;
}

void check_same(const Value& ours, const boost::json::value& theirs) {
  switch (ours.kind()) {
    case Kind::null:
      return check(theirs.is_null(), "both read null");
    case Kind::boolean:
      return check(theirs.is_bool() && theirs.get_bool() == ours.boolean(),
                   "both read one boolean");
    case Kind::string:
      return check(theirs.is_string() && ours.equals(theirs.get_string()), "both read one string");
    case Kind::number:
      check(theirs.is_number(), "both read a number");
      if (theirs.is_int64())
        return check(ours.integer() == theirs.get_int64(), "both read one integer");
      if (std::isfinite(theirs.to_number<double>()) && std::isfinite(ours.number())) {
        check(close(ours.number(), theirs.to_number<double>()), "both read nearly one number");
      }
      return;
    case Kind::array: {
      check(theirs.is_array() && theirs.get_array().size() == ours.size(), "both read one array");
      std::size_t at = 0;
      for (const Value& element : ours.elements()) check_same(element, theirs.get_array()[at++]);
      return;
    }
    case Kind::object:
      check(theirs.is_object() && theirs.get_object().size() == ours.size(),
            "both read one object");
      for (const Member& member : ours.members()) {
        const boost::json::value* other = theirs.get_object().if_contains(member.name);
        check(other != nullptr, "both read the same names");
        check_same(member.value, *other);
      }
  }
}

void check_against_boost(const std::string& text, const Result<Document>& ours) {
  boost::json::parse_options options;
  options.max_depth = 65;
  boost::json::error_code error;
  const boost::json::value theirs = boost::json::parse(text, error, {}, options);
  if (ours) {
    // Boost.JSON has a limit for exponents; ours keeps the text.
    if (error == boost::json::error::exponent_overflow) return;
    check(!error, "what we accept, others accept");
    return check_same(ours->root(), theirs);
  }
  if (error) return;
  const std::string& detail = ours.refusal().detail;
  const bool stricter = detail.starts_with("duplicate member name") ||
                        detail.starts_with("nested deeper") || detail.starts_with("larger than") ||
                        detail.starts_with("more than");
  check(stricter, "what we refuse alone, we refuse for a rule of our own");
}

void check_rewrites(const Document& document) {
  Rewrite same(document.text());
  Rewrite nulls(document.text());
  std::size_t children = 0;
  const Value root = document.root();
  for (auto child = root.first(); child; child = child->following(root)) {
    same.replace(*child, std::string(child->raw()));
    nulls.replace(*child, "null");
    ++children;
  }
  check(std::move(same).apply() == document.text(),
        "replacing values by themselves changes nothing");
  auto rewritten = parse(std::move(nulls).apply());
  check(rewritten || rewritten.refusal().reason == Reason::too_large, "a rewritten text is a text");
  if (!rewritten) return;
  check(rewritten->root().size() == (children > 0 ? children : root.size()), "with as many values");
  const Value changed = rewritten->root();
  for (auto child = changed.first(); child; child = child->following(changed)) {
    check(child->is_null(), "that are the new ones");
  }
}

void check_configuration(const std::string& text, const Result<Document>& strict) {
  auto relaxed = parse_configuration_text(Untrusted<std::string>(text), limits);
  if (!relaxed) {
    check(!strict, "the configuration's dialect accepts what the strict reader does");
    return check(relaxed.refusal().detail.starts_with("line "), "a refusal names its line");
  }
  check(is_utf8(text), "a configuration is UTF-8, comments too");
  if (strict) check(relaxed->root().raw() == strict->root().raw(), "and reads the same value");
}

}  // namespace
}  // namespace toolgate

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace toolgate;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto document = parse(text);
  check_against_boost(text, document);
  check_configuration(text, document);
  if (!document) {
    check(is_utf8(document.refusal().detail), "a refusal is in the broker's own words");
    return 0;
  }
  check(document->text() == text, "a document keeps its bytes");
  check(is_utf8(text), "a document is UTF-8");
  check_rewrites(*document);
  if (size <= 4096) check_tree(*document, document->root());
  return 0;
}

// What canonical_json promises: its output is JSON of the same meaning, is its own canonical form,
// and does not depend on the order of members.

#include "signing/canonical.hpp"

#include <cassert>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace {

using namespace toolgate;

std::string text_of(const Result<std::string>& result) {
  assert(result);
  return *result;
}

std::string canonical(const std::string& text) {
  auto document = parse_document(Untrusted<std::string>(text), JsonLimits());
  assert(document);
  return text_of(canonical_json(document->root()));
}

// The same value with the members of every object in reverse order.
std::string reversed(const Value& value) {
  if (!value.is_object() && !value.is_array()) return std::string(value.raw());
  std::string inner;
  if (value.is_array()) {
    for (const auto& element : value.elements()) {
      inner += (inner.empty() ? "" : ",") + reversed(element);
    }
    return "[" + inner + "]";
  }
  for (const auto& member : value.members()) {
    auto text = json_quote(member.name) + " : " + reversed(member.value);
    inner = inner.empty() ? text : text + "," + inner;
  }
  return "{" + inner + "}";
}

// The form of any double reads back as that double, and as a literal is its own form.
void check_number(const std::uint8_t* data, std::size_t size) {
  double number = 0;
  if (size < sizeof number) return;
  std::memcpy(&number, data, sizeof number);
  if (!std::isfinite(number)) return;
  auto text = canonical_number(number);
  assert(std::strtod(text.c_str(), nullptr) == number);
  assert(canonical(text) == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check_number(data, size);
  std::string text(reinterpret_cast<const char*>(data), size);
  auto document = parse_document(Untrusted<std::string>(std::move(text)), JsonLimits());
  if (!document) return 0;
  auto first = canonical_json(document->root());
  if (!first) return 0;
  assert(canonical(*first) == *first);
  assert(canonical(reversed(document->root())) == *first);
  return 0;
}

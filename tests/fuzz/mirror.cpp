// Header values, and schemas with arguments, held to what mirror.hpp promises: what was encoded is
// decoded again and holds only what a header may hold, and the headers that are made from arguments
// are found to agree with them, and not with others.
#include "gateway/core/mirror.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "gateway/core/base64.hpp"
#include "gateway/core/safe_integer.hpp"

namespace toolgate {
namespace {

void check(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

const JsonLimits limits{.bytes = 1 << 16, .depth = 64, .values = 20'000, .batch_messages = 16};

void check_value(const std::string& text) {
  if (is_utf8(text)) {
    const std::string value = encode_header_value(text);
    check(std::ranges::all_of(value, [](char c) { return c >= ' ' && c <= '~'; }),
          "an encoded value is printable ASCII");
    check(!value.empty() && value.front() != ' ' && value.back() != ' ', "without outer spaces");
    check(decode_header_value(value) == text, "what was encoded is decoded again");
  }
  if (const auto decoded = decode_header_value(text)) {
    check(is_utf8(*decoded), "a decoded value is UTF-8");
    check(decode_header_value(encode_header_value(*decoded)) == *decoded, "and can be sent again");
  }
  check(base64_bytes(base64_text(text)) == text, "base64 is read back");
  if (const auto bytes = base64_bytes(text)) {
    check(base64_text(*bytes) == text, "bytes have one base64 text");
  }
  if (const auto number = safe_integer(text)) {
    check(safe_integer(std::to_string(*number)) == *number, "an integer has a plain form");
    check(std::abs(*number) < std::int64_t{1} << 53, "within what a double holds");
  }
}

void check_arguments(const std::vector<MirroredArgument>& mirrored, const Value& arguments) {
  auto lines = argument_headers(mirrored, arguments);
  if (!lines) {
    check(lines.refusal().reason == Reason::invalid_params, "what no header can say is refused");
    check(!check_argument_headers(mirrored, arguments, {}), "on the other side as well");
    return;
  }
  check(static_cast<bool>(check_argument_headers(mirrored, arguments, *lines)),
        "headers agree with the arguments they were made from");
  for (std::size_t at = 0; at < lines->size(); ++at) {
    std::vector<HeaderField> changed = *lines;
    changed[at].value += "x";
    check(!check_argument_headers(mirrored, arguments, changed), "a changed line disagrees");
    changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(at));
    check(!check_argument_headers(mirrored, arguments, changed), "a missing one, too");
    changed = *lines;
    changed.push_back((*lines)[at]);
    check(!check_argument_headers(mirrored, arguments, changed), "and one that came twice");
  }
}

}  // namespace
}  // namespace toolgate

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace toolgate;
  const std::string text(reinterpret_cast<const char*>(data), size);
  check_value(text);
  auto document = parse_document(Untrusted<std::string>(text), limits);
  if (!document) return 0;
  // [schema, arguments], or a schema that is its own arguments.
  const Value root = document->root();
  const Value schema = root.is_array() && root.size() == 2 ? *root.first() : root;
  const auto second = root.is_array() && root.size() == 2 ? schema.following(root) : std::nullopt;
  auto mirrored = mirrored_arguments(schema);
  if (!mirrored) {
    check(mirrored.refusal().reason == Reason::bad_answer, "a bad schema is the server's fault");
    return 0;
  }
  check(mirrored->size() <= most_mirrored_arguments, "annotations are bounded");
  for (const MirroredArgument& argument : *mirrored) {
    check(!argument.header.empty() && !argument.path.empty(), "an annotation has both ends");
  }
  check_arguments(*mirrored, second ? *second : schema);
  return 0;
}

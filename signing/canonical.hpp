#pragma once
// The canonical form of JSON: RFC 8785 (JCS). Two texts with the same meaning have the same
// canonical bytes, so a digest over them pins a meaning.
//
// JCS reads every number as an IEEE 754 double, and so would give 9007199254740993 and
// 9007199254740992 the same bytes: two different definitions would look the same. Hence a number is
// accepted only when the shortest decimal that reads back as its double (which is what JCS writes)
// denotes the very decimal value that the literal denotes. 0.1, 1.50, 1e3, -0 and 5e-324 are
// accepted; 9007199254740993, 0.1000000000000000055511151231257827, 0.10000000000000001, 1e400 and
// 1e-400 are refused.
//
//   auto document = parse_document(Untrusted<std::string>(R"({"b":1.0,"a":[]})"), JsonLimits());
//   auto bytes = canonical_json(document->root());      // {"a":[],"b":1}

#include <string>
#include <string_view>

#include "gateway/core/document.hpp"
#include "gateway/core/result.hpp"

namespace toolgate {

// Refuses with `malformed` and the byte offset of the number that has no canonical form.
Result<std::string> canonical_json(const Value& value);

// The ECMAScript form of a finite double (RFC 8785, 3.2.2.3): 1e21 -> "1e+21", -0 -> "0".
std::string canonical_number(double number);

// The canonical literal of a string, with its quotes (RFC 8785, 3.2.2.2). `text` must be UTF-8.
std::string canonical_string(std::string_view text);

}  // namespace toolgate

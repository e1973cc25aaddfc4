#pragma once
// Integers as all JSON implementations agree about them: within -(2^53-1) .. 2^53-1, however they
// are written.

#include <cstdint>
#include <optional>
#include <string_view>

namespace toolgate {

// The value of a JSON number that is an integer in that range: 42, 42.0, 4.2e1 and 420e-1 are 42.
// Exact: 42.00000000000000000001 is none. Nothing for other numbers, and for text that is no JSON
// number. Linear in the text, whatever its exponent.
std::optional<std::int64_t> safe_integer(std::string_view number);

}  // namespace toolgate

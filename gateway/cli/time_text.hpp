#pragma once
// Times as people type them.

#include <cstdint>
#include <string_view>

#include "gateway/core/result.hpp"

namespace toolgate {

// RFC 3339 ("2026-11-21T03:40:17.5+01:00", also with a space for the T) or a date alone (its first
// moment, UTC): nanoseconds since 1970. Refuses with `usage`.
Result<std::int64_t> parse_time(std::string_view text);

// "90s", "10m", "2h", "1d", "1w": nanoseconds. Refuses with `usage`.
Result<std::int64_t> parse_duration(std::string_view text);

// The end of something, as a time or as a duration from now; it lies in the future.
Result<std::int64_t> parse_end(std::string_view text, std::int64_t now_ns);

}  // namespace toolgate

#pragma once
// Time and identifiers made from it.

#include <cstdint>
#include <string>
#include <string_view>

namespace toolgate {

// Nanoseconds since 1970-01-01 UTC.
std::int64_t now_utc_ns();
// "2026-11-21T03:40:17.123456789Z"
std::string utc_text(std::int64_t utc_ns);
// A UUIDv7 (RFC 9562): sorts by time, and strictly upwards within one process.
std::string make_uuid_v7();

}  // namespace toolgate

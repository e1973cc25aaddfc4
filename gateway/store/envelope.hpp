#pragma once
// A record as it is stored and printed.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/store/audit.hpp"

namespace toolgate {

// The version 1 envelope. Every string is written as UTF-8 (what is none is replaced), on one line.
std::string envelope_json(const Record& record, std::string_view id, std::int64_t time_ns);

// The 16 bytes of a UUID's text; nothing for what is no UUID.
std::optional<std::array<char, 16>> uuid_bytes(std::string_view text);

}  // namespace toolgate

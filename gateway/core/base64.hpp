#pragma once
// Base64 with the standard alphabet and padding (RFC 4648 section 4).

#include <optional>
#include <string>
#include <string_view>

namespace toolgate {

std::string base64_text(std::string_view bytes);
// Canonical text alone: complete padding, no bits left over, nothing between the digits. So every
// byte sequence has exactly one text, and two readers cannot disagree about it.
std::optional<std::string> base64_bytes(std::string_view text);

}  // namespace toolgate

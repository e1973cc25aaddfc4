#pragma once
// Base64 by libsodium, read strictly: one text for each sequence of bytes.
//
// libsodium 1.0.18 reads each byte beyond ASCII as '_' or '/', so that many texts would be the same
// signature, key or box: such bytes are refused here, before it sees them.

#include <sodium/utils.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace toolgate {

// How many bytes `text` stands for; nothing when it is no base64 of this variant
// (sodium_base64_VARIANT_…) or does not fit into `out`.
inline std::optional<std::size_t> read_base64(std::string_view text, std::span<unsigned char> out,
                                              int variant) {
  bool ascii = std::ranges::all_of(text, [](char c) { return static_cast<signed char>(c) >= 0; });
  std::size_t size = 0;
  if (!ascii || sodium_base642bin(out.data(), out.size(), text.data(), text.size(), nullptr, &size,
                                  nullptr, variant) != 0) {
    return std::nullopt;
  }
  return size;
}

}  // namespace toolgate

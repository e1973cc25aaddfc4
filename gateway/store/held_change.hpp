#pragma once
// What becomes of a refused change when a person allows it: it is made here, by the administrator's
// own process, exactly as it was asked for, or not at all.

#include <optional>
#include <string>

#include "gateway/core/result.hpp"
#include "gateway/store/custody_book.hpp"

namespace toolgate {

// Removes, moves or replaces. The content that disappears with it is kept before: its id is the
// result (nothing: no content of a file disappeared). Refused: something else stands there by now,
// something stands where nothing did, or the path leads over a symbolic link.
Result<std::optional<std::string>> make_held_change(CustodyBook& book, const HeldChange& change);

// Writes a kept content to a path, at once or not at all, with the permissions that it had; as root
// also with its owner. What stands there is kept before: its id is the result.
Result<std::optional<std::string>> restore_content(CustodyBook& book, const KeptContent& content,
                                                   const std::string& path);

}  // namespace toolgate

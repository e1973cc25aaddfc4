#pragma once
// Kept content, back on the host.

#include <optional>
#include <string>

#include "gateway/core/result.hpp"
#include "gateway/store/custody_book.hpp"

namespace toolgate {

// Writes a kept content to a path, at once or not at all, with the permissions that it had; as root
// also with its owner (where that is not known, the owner of what stands there, or of the
// directory). What stands there is kept before: its id is the result.
Result<std::optional<std::string>> restore_content(CustodyBook& book, const KeptContent& content,
                                                   const std::string& path);

}  // namespace toolgate

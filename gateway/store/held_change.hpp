#pragma once
// What becomes of a refused change when a person allows it: it is made here, by the administrator's
// own process, exactly as it was asked for, or not at all.

#include <optional>
#include <string>

#include "connectors/sandbox/protected_names.hpp"
#include "gateway/core/result.hpp"
#include "gateway/store/custody_book.hpp"

namespace toolgate {

// Removes, moves or replaces. The content that disappears with it is kept before: its id is the
// result (nothing: no content disappeared). Refused: something else stands at one of the places by
// now, something stands where nothing did, a path leads over a symbolic link, or a protected name
// would be made, however deep in what is moved (moved_names.hpp).
Result<std::optional<std::string>> make_held_change(CustodyBook& book, const HeldChange& change,
                                                    const ProtectedNames& names);

}  // namespace toolgate

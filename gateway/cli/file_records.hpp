#pragma once
// What came of a file that an administrator decided about: the record after the act, beside the one
// before it.

#include <optional>
#include <string>

#include "gateway/cli/commands.hpp"
#include "gateway/core/result.hpp"
#include "gateway/store/audit.hpp"

namespace toolgate {

// `about` has the server, the method and the arguments. Made: with the id of the content that was
// kept for it, if there is one. Refused: why.
Status record_file_outcome(const Invocation& call, Record about,
                           const Result<std::optional<std::string>>& made);

}  // namespace toolgate

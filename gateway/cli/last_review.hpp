#pragma once
// Which review of a server was the last: a file outside of the store (reviews/SERVER in the home)
// holds one seal over all that it showed. So who can write the store can neither put an earlier
// review's rows back, which an administrator saw and did not approve, nor take some away.

#include <filesystem>
#include <string>
#include <vector>

#include "gateway/core/result.hpp"
#include "gateway/store/store.hpp"
#include "signing/review_seal.hpp"

namespace toolgate {

// `shown` is as the store has it, with its seals.
Status remember_review(const std::filesystem::path& home, const std::string& server,
                       const std::vector<Shown>& shown, const ReviewSeal& seal);

// Is this all that the last review of the server showed, and nothing else?
bool is_last_review(const std::filesystem::path& home, const std::string& server,
                    const std::vector<Shown>& shown, const ReviewSeal& seal);

}  // namespace toolgate

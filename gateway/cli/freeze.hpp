#pragma once
// Freezing from the command line: for `freeze`, and before a review.

#include <vector>

#include "gateway/broker/probe.hpp"
#include "gateway/cli/commands.hpp"
#include "gateway/config/configuration.hpp"

namespace toolgate {

// Must this server be frozen before it may be started for a review? So must one that runs in a
// sandbox, where npx could fetch nothing, and has not been frozen.
bool needs_freeze(const ServerEntry& entry);

// Freezes those of `entries` that need it, and says so on stderr. What could not be frozen is taken
// out of `entries` and comes back, with the reason in the place of an offer.
std::vector<Probed> freeze_for_review(const Invocation& call, std::vector<ServerEntry>& entries);

}  // namespace toolgate

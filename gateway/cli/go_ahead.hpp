#pragma once
// Whose server may be started or contacted for a review. Whatever was imported is data until an
// administrator says so: nothing of it runs, is contacted or is resolved before. Said so has who
// names the server, passes --yes or answers the question on the terminal, which comes once for all
// that are unknown, after their command lines were shown; and who reviewed just this command with
// just these scopes before, or approved something of it.

#include <string>
#include <vector>

#include "gateway/broker/approved.hpp"
#include "gateway/broker/probe.hpp"
#include "gateway/cli/commands.hpp"
#include "gateway/store/store.hpp"
#include "signing/review_seal.hpp"

namespace toolgate {

// Was exactly this, with the same scopes, reviewed or approved before? The store is believed
// nothing that is not sealed or signed.
bool is_known(const Invocation& call, Store& store, const ReviewSeal& seal,
              const Approved& approved, const ServerEntry& entry);

// Takes those out of `entries` that may not be started, and answers them with the reason in the
// place of an offer. `unknown`: names of those that are not known.
std::vector<Probed> without_go_ahead(const Invocation& call, std::vector<ServerEntry>& entries,
                                     const std::vector<std::string>& unknown);

}  // namespace toolgate

#pragma once
// A server on the page of a review, before anything of it runs: the exact command line or address,
// what is suspicious about it, and all that it may reach.

#include <optional>
#include <string>
#include <vector>

#include "gateway/cli/console.hpp"
#include "gateway/config/configuration.hpp"
#include "gateway/core/finding.hpp"

namespace toolgate {

// As a shell would have to be told it, whole: "node '/opt/a b.js' -x". What hides is written out.
std::string shell_line(const std::vector<std::string>& words);

// The publisher whose signature its configuration asks for, if that is there and holds now.
std::optional<std::string> signed_by(const ServerEntry& entry);
// The same for people, with what is wrong; nothing where no signature is asked for.
void print_signer(Console& console, std::ostream& out, const ServerEntry& entry);

// On `out`, which is one of the console's streams.
void print_start(Console& console, std::ostream& out, const ServerEntry& entry,
                 const std::vector<Finding>& findings);

}  // namespace toolgate

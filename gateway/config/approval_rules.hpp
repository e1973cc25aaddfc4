#pragma once
// Which approvals count, by the class of the change that they accept: some classes need two keys,
// and some keys may approve some classes alone ("approvals" in the configuration).
//
// A class is what `review` said of the change, and stands in what was signed: the names in
// change_class.hpp, several of them with commas between, or nothing where the change was not
// classed. One that was not classed counts as of every class: it needs two keys where any class
// does, and a key that may approve some classes alone may not approve it.
//
// It does not protect against a holder of a trusted key who signs with a program of his own and
// calls a change what it is not; "dual": ["*"] does, since no class is exempt from it.

#include <string>
#include <string_view>

#include "gateway/config/configuration.hpp"
#include "gateway/core/result.hpp"
#include "signing/keyring.hpp"

namespace toolgate {

inline constexpr std::string_view any_class = "*";
// Does a change of this class need approvals of two keys? What is riskier than a class that needs
// them (change_class.hpp has the order) needs them as well: a revocation, another name or another
// command makes whatever it was a new thing.
bool needs_two_keys(const ApprovalRules& rules, std::string_view change_class);

// Refuses with `denied` a class that this key may not approve.
Status may_approve(const ApprovalRules& rules, const TrustedKey& key,
                   std::string_view change_class);

// Refuses with `bad_configuration` rules about a key that the keyring does not have: a restriction
// of nobody would be none.
Status check_rules(const ApprovalRules& rules, const Keyring& keyring);

}  // namespace toolgate

#pragma once
// Whether a file or a whole directory may lie at another path, as far as protected names go. A
// server may make names freely in a directory whose own name is free; moved to another one, the
// same names may be those of a hook.

#include <string>

#include "connectors/sandbox/protected_names.hpp"
#include "gateway/core/result.hpp"
#include "gateway/store/host_place.hpp"

namespace toolgate {

// Looks through what stands at `there`, without following links, as if it lay at `to`. A name
// counts where it ends below the directory that `from` and `to` have in common: what is above that
// does not change. Refused: a protected name, something that is no directory where one may follow,
// and what cannot be looked through to its end.
Status may_lie_at(const HostPlace& there, const std::string& from, const std::string& to,
                  const ProtectedNames& names);

}  // namespace toolgate

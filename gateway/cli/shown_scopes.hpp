#pragma once
// What a server may reach, as `review` shows it: all that the scope digest of its entry covers,
// since an approval is for that.

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "gateway/cli/console.hpp"
#include "gateway/config/configuration.hpp"

namespace toolgate {

// `program`: what a sandbox shows of the host for the program itself.
boost::json::object scopes_json(const ServerEntry& entry, const std::vector<std::string>& program);

void print_scopes(Console& console, const ServerEntry& entry);

}  // namespace toolgate

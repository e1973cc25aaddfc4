#pragma once
// Where a remote server may be.

#include <string_view>

#include "gateway/core/result.hpp"

namespace toolgate::config {

// May a remote server have this URL? One that parse_url() of the connectors accepts, since they use
// it; and http only for loopback hosts: 127.0.0.0/8, [::1], localhost. Refusals
// (`bad_configuration`) never repeat the URL, whose query may be a secret.
Status check_url(std::string_view url);

}  // namespace toolgate::config

#pragma once
// The gateway that a command is to be, from its home and configuration.

#include <memory>

#include "gateway/broker/gateway.hpp"
#include "gateway/cli/commands.hpp"

namespace toolgate {

Result<std::unique_ptr<Gateway>> open_gateway(const Invocation& call);

}  // namespace toolgate

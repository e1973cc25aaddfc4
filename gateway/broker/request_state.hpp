#pragma once
// What the broker must remember between an input_required result and the request that brings the
// answers. It travels with the agent, sealed (signing/sealed_state.hpp), so that any gateway with
// the same key can go on: the agent can neither read nor change it, and it opens for the same agent
// and the same request alone (MCP 2026-07-28, "Multi Round-Trip Requests", server requirements 4
// and 5).

#include <cstdint>
#include <optional>
#include <string>

#include "gateway/broker/input_requests.hpp"
#include "gateway/core/message.hpp"
#include "gateway/core/names.hpp"
#include "gateway/core/result.hpp"
#include "signing/sealed_state.hpp"

namespace toolgate {

struct RequestState {
  // A call of a legacy server that still waits in this very process, by its name there; or empty.
  std::string parked;
  // Whose state it is: the identity of the modern server; or empty.
  std::string server;
  // What a modern server gave to be given back; nothing when it gave none.
  std::optional<std::string> server_state;
  // Questions that the broker answers itself (roots/list): their answers go with the agent's.
  InputResponses own_answers;
  std::int64_t expires_ns = 0;  // UTC
};

// How long an agent may take for its answers.
inline constexpr std::int64_t request_state_ns = 600'000'000'000;

// What a state is bound to: the agent, the method, the item and the arguments of the request (in
// their RFC 8785 form where they have one), not its id, its answers or its metadata.
std::string request_binding(const AgentName& agent, const Message& request);

// Refuses with `too_large` a server's state that is too long to be carried.
Result<std::string> seal_request_state(const StateSeal& seal, const RequestState& state,
                                       const std::string& binding);
// Refuses with `invalid_params` what was not sealed here for this agent and request, and what has
// expired.
Result<RequestState> open_request_state(const StateSeal& seal, const std::string& sealed,
                                        const std::string& binding, std::int64_t now_ns);

}  // namespace toolgate

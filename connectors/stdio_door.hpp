#pragma once
// The agent's side of stdio: be an MCP server on stdin and stdout (connectors/line_session.hpp has
// the rules).

#include "gateway/core/agent.hpp"
#include "gateway/core/limits.hpp"
#include "gateway/core/names.hpp"
#include "gateway/core/result.hpp"
#include "gateway/core/task.hpp"

namespace toolgate {

// Serves one agent until its input ends, its output breaks or the task is cancelled; returns when
// the conversation is closed and all is unwound. `input` and `output` are descriptors that the
// program was started with: pipes, sockets, terminals or files. They are neither closed nor left
// non-blocking. Refuses when one of them cannot be used. All references outlive the task.
Task<Status> serve_stdio(Conversations& conversations, AgentName agent, int input, int output,
                         const Limits& limits);

}  // namespace toolgate

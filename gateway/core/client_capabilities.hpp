#pragma once
// What a client of MCP says that it can do, as far as the broker acts on it: what servers may ask
// of it, and the extensions that it understands. In the legacy era it is said once, in
// `initialize`; in the modern era with every request.

#include <string>
#include <string_view>

#include "gateway/core/document.hpp"

namespace toolgate {

// Extensions of MCP that the broker carries, by their identifiers.
inline constexpr std::string_view tasks_extension = "io.modelcontextprotocol/tasks";
inline constexpr std::string_view apps_extension = "io.modelcontextprotocol/ui";
// Servers alone declare this one: a client asks for skills when it sees that there are some, and
// has nothing to say of itself.
inline constexpr std::string_view skills_extension = "io.modelcontextprotocol/skills";

struct ClientCapabilities {
  bool elicitation_form = false;  // also meant by an elicitation capability without any mode
  bool elicitation_url = false;
  bool sampling = false;
  bool sampling_tools = false;
  bool sampling_context = false;
  bool tasks = false;
  bool apps = false;  // shows HTML of the apps extension

  // Unknown members are ignored: nothing that the broker does not act on goes on to a server.
  static ClientCapabilities from(const Value& object);
  // What the broker tells a server: only what the agent can do, and `roots`, which the broker
  // answers itself. A client of the tasks extension has no roots: a task's questions come with its
  // status, where only the agent could answer them.
  std::string json() const;
  // May a server ask this of the client? `params` are those of elicitation/create or
  // sampling/createMessage.
  bool answers(std::string_view method, const Value& params) const;
};

// What every server is told where no agent's call is behind a request: real servers change their
// lists with it, and a pin must not depend on who calls.
ClientCapabilities fixed_capabilities();

}  // namespace toolgate

#include "gateway/broker/policy.hpp"

#include <algorithm>

namespace toolgate {
namespace {

bool contains(const std::vector<std::string>& list, const std::string& text) {
  return std::ranges::find(list, text) != list.end();
}

}  // namespace

bool Policy::sees(const AgentName& agent, const CatalogueItem& item) const {
  if (item.hidden) return false;
  auto profile = configuration_.agents.find(agent.text());
  if (profile == configuration_.agents.end()) return true;
  const AgentEntry& entry = profile->second;
  if (!entry.servers.empty() && !contains(entry.servers, item.server.text())) return false;
  bool by_tool = item.kind == ItemKind::tool && !entry.tools.empty();
  return !by_tool || contains(entry.tools, item.exposed);
}

Result<Permit> Policy::decide(const AgentName& agent, const CatalogueItem& item) const {
  if (!sees(agent, item)) {
    return Refusal(Reason::denied,
                   "agent '" + agent.text() + "' may not use '" + item.exposed + "'");
  }
  const ServerEntry* server = configuration_.find(item.server);
  if (!server) return Refusal(Reason::denied, "the server is not configured any more");
  if (item.kind != ItemKind::tool) return Permit("default");
  auto policy = server->tools.find(item.key);
  if (policy == server->tools.end()) return Permit("default");
  if (policy->second.decision == ToolPolicy::Decision::deny) {
    std::string why = policy->second.reason.empty() ? "" : ": " + policy->second.reason;
    return Refusal(Reason::denied, "the configuration denies '" + item.exposed + "'" + why);
  }
  return Permit("mcpServers." + item.server.text() + ".toolgate.tools");
}

}  // namespace toolgate

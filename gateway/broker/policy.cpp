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
  const std::string own = "mcpServers." + item.server.text() + ".toolgate.";
  const std::string otherwise = item.missing.empty() ? "default" : own + "when_missing";
  if (item.kind != ItemKind::tool) return Permit("default");
  auto policy = server->tools.find(item.key);
  if (policy == server->tools.end()) return Permit(otherwise);
  if (policy->second.decision == ToolPolicy::Decision::deny) {
    std::string why = policy->second.reason.empty() ? "" : ": " + policy->second.reason;
    return Refusal(Reason::denied, "the configuration denies '" + item.exposed + "'" + why);
  }
  return Permit(item.missing.empty() ? own + "tools" : otherwise);
}

}  // namespace toolgate

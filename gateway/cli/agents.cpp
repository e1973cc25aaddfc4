#include "gateway/cli/commands.hpp"
#include "gateway/cli/home.hpp"
#include "gateway/core/clock.hpp"
#include "gateway/core/document.hpp"

namespace toolgate {
namespace {

Status record_agent(const Invocation& call, const std::string& name, std::string reason) {
  Record record;
  record.kind = "agent";
  record.agent = name;
  record.decision = "allow";
  record.reason = std::move(reason);
  return record_act(call, std::move(record));
}

Status check_name(const std::string& name) {
  auto plain = check_plain_name(name, "an agent's");
  if (!plain) return plain;
  if (name == "local") {
    return Refusal(Reason::usage,
                   "`local` is the gateway's own user, who needs no token: choose another name");
  }
  return done();
}

}  // namespace

int agent_add_command(const Invocation& call) {
  Console& console = call.console;
  const std::string& name = call.arguments[0];
  auto sound = check_name(name);
  if (!sound) return fail(console, sound.refusal());
  auto store = open_store(call);
  if (!store) return fail(console, store.refusal());
  const std::string token = random_token();
  auto added = (*store)->add_agent(AgentName(name), token_hash(token), now_utc_ns());
  if (!added) return fail(console, added.refusal());
  auto recorded = record_agent(call, name, "an agent was added");
  if (!recorded) {
    auto undone = (*store)->remove_agent(AgentName(name));
    return fail(console, undone ? recorded.refusal() : undone.refusal());
  }
  if (call.has("json")) {
    console.out << "{\"agent\":" << json_quote(name) << ",\"token\":" << json_quote(token) << "}"
                << std::endl;
    return exit_status::done;
  }
  console.out << token << std::endl;
  console.error << "The bearer token of " << name
                << ", shown this once: it goes into the header \"Authorization: Bearer ...\""
                << std::endl;
  return exit_status::done;
}

int agent_list_command(const Invocation& call) {
  auto store = open_store(call);
  if (!store) return fail(call.console, store.refusal());
  auto agents = (*store)->agents();
  if (!agents) return fail(call.console, agents.refusal());
  Table table({{"AGENT", Table::Fit::keep}, {"ADDED", Table::Fit::keep}});
  for (const StoredAgent& agent : *agents) {
    if (call.has("json")) {
      call.console.out << "{\"agent\":" << json_quote(agent.name.text())
                       << ",\"added\":" << json_quote(utc_text(agent.created_ns)) << "}\n";
    } else {
      table.add({agent.name.text(), short_time(agent.created_ns)});
    }
  }
  if (!table.empty()) table.print(call.console);
  return exit_status::done;
}

int agent_remove_command(const Invocation& call) {
  const std::string& name = call.arguments[0];
  auto store = open_store(call);
  if (!store) return fail(call.console, store.refusal());
  auto removed = (*store)->remove_agent(AgentName(name));
  if (!removed) return fail(call.console, removed.refusal());
  if (!*removed) {
    return fail(call.console, Refusal(Reason::not_found,
                                      "there is no agent " + visible(name) +
                                          ": `toolgate agent list` shows those that there are"));
  }
  auto recorded = record_agent(call, name, "an agent was removed");
  if (!recorded) return fail(call.console, recorded.refusal());
  call.console.out << "removed " << name << ": its token is worthless now" << std::endl;
  return exit_status::done;
}

}  // namespace toolgate

// What a server gets to read of an agent's request: names and ids become the server's own, what the
// agent says of itself stays here, and every other byte stays as the agent wrote it.

#include "gateway/broker/broker.hpp"
#include "gateway/broker/call_path.hpp"
#include "gateway/core/envelope.hpp"
#include "gateway/core/mirror.hpp"
#include "gateway/core/rewrite.hpp"

namespace toolgate {
namespace {

// The related task is translated by the task book.
bool belongs_to_the_agent(const Value& member) {
  std::string name = member.name();
  return name.starts_with(reserved_meta_prefix) && name != meta_related_task;
}

void append_member(std::string& members, std::string_view name, std::string_view json) {
  if (!members.empty()) members += ',';
  members.append(json_quote(name)).append(":").append(json);
}

}  // namespace

Result<std::string> CallPath::params_for(const AgentCall& call, const Message& message,
                                         const Target& target, BrokerId id,
                                         const Round& round) const {
  Value params = *message.params();
  Rewrite rewrite(params.raw(), params.begin());
  auto meta = params.find("_meta");
  if (meta && !meta->is_object()) {
    return Refusal(Reason::invalid_params, "'_meta' must be an object");
  }
  auto token = meta ? meta->find("progressToken") : std::nullopt;
  if (token) rewrite.replace(*token, std::to_string(id));
  std::optional<Value> name = params.find("name");
  auto reference = params.find("ref");
  if (message.method() == "completion/complete" && reference) name = reference->find("name");
  bool named = message.method() == "tools/call" || target.kind == ItemKind::prompt;
  if (named && name && target.exposed != target.key) rewrite.replace(*name, json_quote(target.key));
  Status translated = broker_.tasks().rewrite_for_server(rewrite, params, call.agent(),
                                                         target.upstream->entry().name);
  if (!translated) return translated.refusal();

  bool modern = target.upstream->is_modern();
  if (!modern && !is_modern(call.revision())) return std::move(rewrite).apply();
  std::string envelope = modern ? envelope_members(call.capabilities(), call.log_level()) : "";
  std::string added;
  if (meta) {
    rewrite.reshape(*meta, belongs_to_the_agent, std::move(envelope));
  } else if (modern) {
    append_member(added, "_meta", "{" + envelope + "}");
  }
  bool updates_task = message.method() == "tasks/update";
  if (!round.responses.empty() && !updates_task) {
    append_member(added, "inputResponses", input_responses_json(round.responses));
  }
  if (round.server_state) append_member(added, "requestState", json_quote(*round.server_state));
  rewrite.reshape(
      params,
      [&](const Value& member) {
        if (member.is_named("requestState")) return true;
        if (member.is_named("inputResponses")) return !updates_task;
        return modern && member.is_named("task");  // of the 2025-11-25 tasks
      },
      std::move(added));
  return std::move(rewrite).apply();
}

Result<Carriage> CallPath::carriage_for(const CatalogueItem& item, const Message& message,
                                        const Target& target) const {
  if (!target.upstream->is_modern()) return Carriage();
  const std::string& method = message.method();
  std::string name = target.key;
  if (method == "resources/read") name = message.params()->find("uri")->text();
  if (method.starts_with("tasks/")) {
    name = broker_.tasks().find(message.params()->find("taskId")->text())->server_id;
  }
  bool nameless = method == "completion/complete" || target.kind == ItemKind::skill ||
                  method == "resources/directory/read";
  if (nameless && method != "resources/read") name.clear();
  Carriage carriage = target.upstream->carriage(method, name);
  if (method != "tools/call") return carriage;
  auto arguments = argument_headers(item.mirrored, message.params()->find("arguments"));
  if (!arguments) return arguments.refusal();
  for (HeaderField& field : *arguments) carriage.headers.push_back(std::move(field));
  return carriage;
}

}  // namespace toolgate

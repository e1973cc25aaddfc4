// Which item of which server a request means.

#include <functional>

#include "gateway/broker/broker.hpp"
#include "gateway/broker/call_path.hpp"

namespace toolgate {
namespace {

Result<std::string> string_member(const Value& object, std::string_view name) {
  auto member = object.find(name);
  if (!member || !member->is_string()) {
    return Refusal(Reason::invalid_params, "'" + std::string(name) + "' must be a string");
  }
  return member->text();
}

}  // namespace

Refusal ambiguous(std::string_view what, const std::vector<const CatalogueItem*>& items) {
  std::string servers;
  for (const CatalogueItem* item : items) {
    servers += (servers.empty() ? "'" : ", '") + item->server.text() + "'";
  }
  bool prefixed = items.front()->kind == ItemKind::tool || items.front()->kind == ItemKind::prompt;
  return Refusal(Reason::ambiguous,
                 "this " + std::string(what) + " is offered by " + servers +
                     (prefixed ? ": give them different prefixes, or leave one out"
                               : ": leave one of them out"));
}

Refusal held(const CatalogueItem& item) {
  if (item.standing == Standing::unheld) {
    return Refusal(Reason::uncontained, "'" + item.exposed +
                                            "' is not to be had, since this host cannot hold '" +
                                            item.server.text() + "' as is asked for: " + item.why);
  }
  if (item.standing == Standing::unlisted) {
    return Refusal(Reason::held, "'" + item.exposed + "' is held until '" + item.server.text() +
                                     "' says again what it offers: " + item.why);
  }
  return Refusal(Reason::held, "'" + item.exposed + "' is held for review: " + item.why +
                                   ". An administrator decides with `toolgate review " +
                                   item.server.text() + "`");
}

Result<Target> CallPath::resolve(const AgentName& agent, const Message& message) const {
  auto params = message.params();
  if (!params) return Refusal(Reason::invalid_params, "params are missing");
  const std::string& method = message.method();
  if (method.starts_with("tasks/")) return resolve_task(agent, *params);
  if (method == "completion/complete") return resolve_reference(agent, *params);
  if (method.starts_with("resources/") || method == "skills/get") {
    auto uri = string_member(*params, "uri");
    if (!uri) return uri.refusal();
    if (method == "skills/get") return resolve_item(agent, ItemKind::skill, *uri, Channel::skill);
    if (method == "resources/directory/read") return resolve_directory(agent, *uri);
    return resolve_uri(agent, *uri, Channel::resource);
  }
  auto name = string_member(*params, "name");
  if (!name) return name.refusal();
  auto arguments = params->find("arguments");
  if (arguments && !arguments->is_object()) {
    return Refusal(Reason::invalid_params, "'arguments' must be an object");
  }
  bool tool = method == "tools/call";
  return resolve_item(agent, tool ? ItemKind::tool : ItemKind::prompt, *name,
                      tool ? Channel::tool_result : Channel::prompt);
}

Result<Target> CallPath::resolve_item(const AgentName& agent, ItemKind kind,
                                      const std::string& exposed, Channel channel) const {
  std::vector<const CatalogueItem*> seen;
  std::vector<const CatalogueItem*> approved;
  for (const CatalogueItem* item : broker_.catalogue().find(kind, exposed)) {
    if (!broker_.policy().sees(agent, *item)) continue;
    seen.push_back(item);
    if (item->standing == Standing::approved) approved.push_back(item);
  }
  if (approved.size() > 1) return ambiguous(item_kind_name(kind), approved);
  if (approved.size() == 1) return target_of(*approved.front(), channel);
  if (!seen.empty() && broker_.upstream(seen.front()->server)) {
    return target_of(*seen.front(), channel);
  }
  if (!seen.empty()) return held(*seen.front());  // its server does not even run
  return Refusal(Reason::invalid_params, "unknown " + std::string(item_kind_name(kind)) +
                                             ": the list has those that are approved");
}

Result<Target> CallPath::resolve_uri(const AgentName& agent, const std::string& uri,
                                     Channel channel) const {
  auto sees = [&](const CatalogueItem* item) {
    return item->standing == Standing::approved && broker_.policy().sees(agent, *item);
  };
  auto found = broker_.catalogue().find(ItemKind::resource, uri);
  std::erase_if(found, std::not_fn(sees));
  for (const CatalogueItem& skill : broker_.catalogue().items(ItemKind::skill)) {
    if (skill.skill && skill.skill->covers(uri) && sees(&skill)) found.push_back(&skill);
  }
  if (found.empty()) {
    found = broker_.catalogue().templates_for(uri);
    std::erase_if(found, std::not_fn(sees));
  }
  // Several templates of one server are no ambiguity.
  std::vector<const CatalogueItem*> servers;
  for (const CatalogueItem* item : found) {
    bool known = false;
    for (const CatalogueItem* other : servers) known = known || other->server == item->server;
    if (!known) servers.push_back(item);
  }
  if (servers.empty()) return unknown_resource(agent, uri);
  if (servers.size() > 1) return ambiguous("resource", servers);
  auto target = target_of(*servers.front(), channel);
  if (!target) return target.refusal();
  return through_skill(uri, std::move(*target));
}

Result<Target> CallPath::resolve_reference(const AgentName& agent, const Value& params) const {
  auto reference = params.find("ref");
  auto type = reference ? reference->find("type") : std::nullopt;
  if (!type || !type->is_string()) {
    return Refusal(Reason::invalid_params, "'ref' must have a type");
  }
  if (type->equals("ref/prompt")) {
    auto name = string_member(*reference, "name");
    if (!name) return name.refusal();
    return resolve_item(agent, ItemKind::prompt, *name, Channel::completion);
  }
  if (!type->equals("ref/resource")) {
    return Refusal(Reason::invalid_params, "'ref' must be a ref/prompt or a ref/resource");
  }
  auto uri = string_member(*reference, "uri");
  if (!uri) return uri.refusal();
  auto by_template = resolve_item(agent, ItemKind::resource_template, *uri, Channel::completion);
  if (by_template || by_template.refusal().reason == Reason::ambiguous) return by_template;
  return resolve_uri(agent, *uri, Channel::completion);
}

Result<Target> CallPath::resolve_task(const AgentName& agent, const Value& params) const {
  auto id = string_member(params, "taskId");
  if (!id) return id.refusal();
  const TaskEntry* task = broker_.tasks().find(*id);
  if (!task || task->agent != agent) return Refusal(Reason::invalid_params, "unknown task");
  auto upstream = broker_.upstream(task->server);
  if (!upstream) {
    auto held = broker_.held().find(task->server);
    if (held != broker_.held().end()) return Refusal(Reason::held, held->second);
    return Refusal(Reason::invalid_params, "unknown task");
  }
  Target target;
  target.upstream = upstream;
  target.kind = ItemKind::tool;
  target.key = task->tool;
  target.exposed = exposed_name(upstream->entry().prefix, target.key);
  target.channel = Channel::task;
  return target;
}

Result<Target> CallPath::target_of(const CatalogueItem& item, Channel channel) const {
  Target target;
  target.upstream = broker_.upstream(item.server);
  if (!target.upstream)
    return Refusal(Reason::unavailable, "the server is not configured any more");
  target.kind = item.kind;
  target.key = item.key;
  target.exposed = item.exposed;
  target.channel = channel;
  return target;
}

}  // namespace toolgate

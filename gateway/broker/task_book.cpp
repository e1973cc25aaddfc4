#include "gateway/broker/task_book.hpp"

#include <algorithm>

#include "gateway/core/clock.hpp"
#include "gateway/core/envelope.hpp"
#include "signing/keys.hpp"

namespace toolgate {
namespace {

constexpr std::size_t most_tasks = 10'000;
constexpr std::string_view id_prefix = "tg-";
constexpr std::int64_t id_lasts_ns = std::int64_t{24} * 3'600 * 1'000'000'000;
constexpr std::string_view sealed_for = "task";

std::optional<Value> string_member(const std::optional<Value>& object, std::string_view name) {
  if (!object) return std::nullopt;
  auto member = object->find(name);
  if (!member || !member->is_string()) return std::nullopt;
  return member;
}

// Every place of an id, but for lists of tasks.
std::vector<Value> id_places(const Value& object) {
  std::vector<Value> places;
  auto meta = object.find("_meta");
  auto related = meta ? meta->find(meta_related_task) : std::nullopt;
  for (const auto& holder : {std::optional<Value>(object), object.find("task"), related}) {
    if (auto id = string_member(holder, "taskId")) places.push_back(*id);
  }
  return places;
}

}  // namespace

std::optional<std::string> created_task(const Value& result) {
  auto type = result.find("resultType");
  bool flat = type && type->equals("task");  // the extension's form
  auto id = string_member(flat ? std::optional<Value>(result) : result.find("task"), "taskId");
  if (!id) return std::nullopt;
  return id->text();
}

std::string TaskBook::add(TaskEntry entry) {
  std::pair<ServerName, std::string> place(entry.server, entry.server_id);
  auto known = by_server_.find(place);
  if (known != by_server_.end()) {
    const TaskEntry& task = tasks_.at(known->second);
    bool same = task.agent == entry.agent && task.tool == entry.tool;
    if (same) return known->second;
    forget(std::string(known->second));
  }
  std::string id = visible(entry);
  keep(id, std::move(entry));
  return id;
}

std::string TaskBook::visible(const TaskEntry& entry) const {
  std::string text = R"({"agent":)" + json_quote(entry.agent.text()) + R"(,"server":)" +
                     json_quote(entry.server.text()) + R"(,"id":)" + json_quote(entry.server_id) +
                     R"(,"tool":)" + json_quote(entry.tool) + R"(,"made":)" +
                     std::to_string(now_utc_ns()) + "}";
  auto sealed = seal_.seal(text, sealed_for);
  // An id that is too long to be carried is known to this gateway alone.
  return std::string(id_prefix) + (sealed ? *sealed : random_token());
}

std::optional<TaskEntry> TaskBook::opened(const std::string& visible_id) const {
  if (!visible_id.starts_with(id_prefix)) return std::nullopt;
  auto text = seal_.open(std::string_view(visible_id).substr(id_prefix.size()), sealed_for);
  if (!text) return std::nullopt;
  auto document = parse_document(Untrusted<std::string>(std::move(*text)), JsonLimits());
  if (!document) return std::nullopt;
  Value root = document->root();
  auto made = root.find("made")->integer();
  // A server may use an id again, some day: an old one of ours must not stand for that task.
  if (!made || *made + id_lasts_ns < now_utc_ns()) return std::nullopt;
  auto member = [&](std::string_view name) { return root.find(name)->text(); };
  return TaskEntry{ServerName(member("server")), member("id"), AgentName(member("agent")),
                   member("tool")};
}

void TaskBook::keep(const std::string& visible_id, TaskEntry entry) const {
  if (order_.size() >= most_tasks) forget(std::string(order_.front()));
  by_server_.emplace(std::pair(entry.server, entry.server_id), visible_id);
  tasks_.emplace(visible_id, std::move(entry));
  order_.push_back(visible_id);
}

void TaskBook::forget(const std::string& visible_id) const {
  auto task = tasks_.find(visible_id);
  by_server_.erase({task->second.server, task->second.server_id});
  tasks_.erase(task);
  std::erase(order_, visible_id);
}

bool TaskBook::has_tasks(const AgentName& agent, const ServerName& server) const {
  return std::ranges::any_of(tasks_, [&](const auto& task) {
    return task.second.agent == agent && task.second.server == server;
  });
}

const TaskEntry* TaskBook::find(const std::string& visible_id) const {
  auto found = tasks_.find(visible_id);
  if (found != tasks_.end()) return &found->second;
  auto entry = opened(visible_id);
  if (!entry) return nullptr;
  auto known = by_server_.find({entry->server, entry->server_id});
  if (known == by_server_.end()) {
    keep(visible_id, std::move(*entry));
    return &tasks_.at(visible_id);
  }
  // Another gateway's id for a task that is known here; or of one that came before it.
  const TaskEntry& task = tasks_.at(known->second);
  return task.agent == entry->agent && task.tool == entry->tool ? &task : nullptr;
}

std::optional<std::string> TaskBook::visible_id(const ServerName& server,
                                                const std::string& server_id) const {
  auto found = by_server_.find({server, server_id});
  if (found == by_server_.end()) return std::nullopt;
  return found->second;
}

std::optional<std::string> TaskBook::to_agent(const Value& object, const ServerName& server,
                                              const AgentName& agent) const {
  Rewrite rewrite(object.raw(), object.begin());
  rewrite_for_agent(rewrite, object, server, agent);
  if (rewrite.empty()) return std::nullopt;
  return std::move(rewrite).apply();
}

std::string TaskBook::id_for(const AgentName& agent, const ServerName& server,
                             const std::string& server_id) const {
  auto visible = visible_id(server, server_id);
  return visible && find(*visible)->agent == agent ? *visible : "unknown";
}

void TaskBook::rewrite_for_agent(Rewrite& rewrite, const Value& object, const ServerName& server,
                                 const AgentName& agent) const {
  for (const Value& id : id_places(object)) {
    rewrite.replace(id, json_quote(id_for(agent, server, id.text())));
  }
  auto tasks = object.find("tasks");
  if (!tasks || !tasks->is_array()) return;
  std::string own;
  for (const Value& task : tasks->elements()) {
    auto id = string_member(task, "taskId");
    auto visible = id ? visible_id(server, id->text()) : std::nullopt;
    if (!visible || find(*visible)->agent != agent) continue;
    Rewrite one(task.raw(), task.begin());
    one.replace(*id, json_quote(*visible));
    if (!own.empty()) own += ',';
    own += std::move(one).apply();
  }
  rewrite.replace(*tasks, "[" + own + "]");
}

Status TaskBook::rewrite_for_server(Rewrite& rewrite, const Value& params, const AgentName& agent,
                                    const ServerName& server) const {
  for (const Value& id : id_places(params)) {
    const TaskEntry* task = find(id.text());
    if (!task || task->agent != agent || task->server != server) {
      return Refusal(Reason::invalid_params, "unknown task");
    }
    rewrite.replace(id, json_quote(task->server_id));
  }
  return done();
}

}  // namespace toolgate

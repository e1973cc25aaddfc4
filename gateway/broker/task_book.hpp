#pragma once
// Tasks across servers (MCP 2025-11-25, and the tasks extension of 2026-07-28): ids that agents see
// are the broker's own, so that two servers may use the same one and no agent reaches another's
// task. Such an id is a sealed TaskEntry, so that any gateway with the same key knows what it
// means.

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "gateway/broker/upstream.hpp"
#include "gateway/core/document.hpp"
#include "gateway/core/names.hpp"
#include "gateway/core/rewrite.hpp"
#include "signing/sealed_state.hpp"

namespace toolgate {

struct TaskEntry {
  ServerName server;
  std::string server_id;  // as the server calls it
  AgentName agent;
  std::string tool;  // whose call made it, as the server calls it
};

class TaskBook {
 public:
  explicit TaskBook(const StateSeal& seal) : seal_(seal) {}

  // A call of this tool made a task; returns the id for the agent. A server that uses an id again,
  // for another tool or agent, has a new task: what was known under that id is forgotten. So is the
  // oldest of 10,000.
  std::string add(TaskEntry entry);
  // Nothing for what no gateway with this key has given out, or what belongs to a newer task now.
  const TaskEntry* find(const std::string& visible_id) const;
  std::optional<std::string> visible_id(const ServerName& server,
                                        const std::string& server_id) const;

  // Did a call of this agent's make a task on this server?
  bool has_tasks(const AgentName& agent, const ServerName& server) const;

  // Text of `object` (a result or params) with the ids in its known places replaced: taskId,
  // task.taskId, tasks[].taskId and the related-task of _meta. Nothing when there is none of them.
  // Of a list of tasks, those of other agents are left out. An id that is no task of this agent's
  // becomes `unknown`.
  std::optional<std::string> to_agent(const Value& object, const ServerName& server,
                                      const AgentName& agent) const;
  // The same, into a rewrite of a text that `object` stands in.
  void rewrite_for_agent(Rewrite& rewrite, const Value& object, const ServerName& server,
                         const AgentName& agent) const;
  // The other way, for params of the agent's that go to `server`. Refuses an id that is no task of
  // this agent's there.
  Status rewrite_for_server(Rewrite& rewrite, const Value& params, const AgentName& agent,
                            const ServerName& server) const;

 private:
  std::string id_for(const AgentName& agent, const ServerName& server,
                     const std::string& server_id) const;
  std::string visible(const TaskEntry& entry) const;
  std::optional<TaskEntry> opened(const std::string& visible_id) const;
  void keep(const std::string& visible_id, TaskEntry entry) const;
  void forget(const std::string& visible_id) const;

  const StateSeal& seal_;
  // What is known of tasks, so that their ids need not be opened each time: learned by looking.
  mutable std::map<std::string, TaskEntry> tasks_;
  mutable std::map<std::pair<ServerName, std::string>, std::string> by_server_;
  mutable std::deque<std::string> order_;
};

// The taskId of a CreateTaskResult, if `result` is one.
std::optional<std::string> created_task(const Value& result);

}  // namespace toolgate

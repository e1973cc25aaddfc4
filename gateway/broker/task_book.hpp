#pragma once
// Tasks of MCP 2025-11-25 across servers: ids that agents see are the broker's own, so that two
// servers may use the same one and no agent reaches another's task.

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "gateway/broker/upstream.hpp"
#include "gateway/core/document.hpp"
#include "gateway/core/names.hpp"
#include "gateway/core/rewrite.hpp"
#include "signing/pins.hpp"

namespace toolgate {

struct TaskEntry {
  ServerName server;
  std::string server_id;  // as the server calls it
  AgentName agent;
  Verified<Definition> definition;  // of the tool whose call made it
};

class TaskBook {
 public:
  // A call of this tool made a task; returns the id for the agent. A server that uses an id again,
  // for another tool or agent, has a new task: what was known under that id is forgotten. So is the
  // oldest of 10,000.
  std::string add(TaskEntry entry);
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
  void forget(const std::string& visible_id);
  std::map<std::string, TaskEntry> tasks_;
  std::map<std::pair<ServerName, std::string>, std::string> by_server_;
  std::deque<std::string> order_;
};

// The taskId of a CreateTaskResult, if `result` is one.
std::optional<std::string> created_task(const Value& result);

}  // namespace toolgate

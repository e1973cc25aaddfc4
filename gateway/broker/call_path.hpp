#pragma once
// What happens to a call, from the parsed request to the answer, in one function. Every stage is a
// step with a typed result; a step that says no ends the path with a recorded reason.

#include <chrono>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/broker/admitted.hpp"
#include "gateway/broker/agent_call.hpp"
#include "gateway/broker/answer.hpp"
#include "gateway/broker/input_requests.hpp"
#include "gateway/broker/task_book.hpp"

namespace toolgate {

class Broker;
struct CatalogueItem;

// The item that a request names, on its server.
struct Target {
  std::shared_ptr<Upstream> upstream;
  ItemKind kind = ItemKind::tool;
  std::string key;
  std::string exposed;
  Channel channel = Channel::tool_result;
};

// One way to the server and back, of a call that may need several: what the server gets besides the
// agent's own params. Towards legacy servers always empty.
struct Round {
  InputResponses responses;
  std::optional<std::string> server_state;
};

// What is known of a request when it ends, for the record. Everything outlives it.
struct Ending {
  explicit Ending(const Message& request) : message(request) {}
  const Message& message;
  const Target* target = nullptr;      // once it is resolved
  const Admitted* admitted = nullptr;  // then the record is an outcome, else a refusal
  std::vector<Finding> findings;
  std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
};

// Is it an input_required result of a modern server?
bool asks_for_input(const Target& target, const Reply& reply);

// Why this item, which is not approved as it is, cannot be called.
Refusal held(const CatalogueItem& item);
// Several servers answer to one name.
Refusal ambiguous(std::string_view what, const std::vector<const CatalogueItem*>& items);
// Was this skill approved with a digest for each of its files? Then nothing of it may be changed.
bool is_by_digest(const Admitted& admitted);

class CallPath {
 public:
  explicit CallPath(Broker& broker) : broker_(broker) {}

  // tools/call, prompts/get, resources/read, /subscribe and /directory/read, skills/get,
  // completion/complete, tasks/get, /result, /update and /cancel. Nothing when the agent cancelled
  // the request. Call and message outlive the task.
  Task<std::optional<Answer>> run(AgentCall& call, const Message& message);
  // Ends a call before its path begins, for a reason of the agents' side.
  Task<std::optional<Answer>> refuse(AgentCall& call, const Message& message, Refusal why);
  // A call that was stopped for input goes on with this request's answers: is it still approved and
  // permitted? On record when this returns.
  Task<Status> go_on(AgentCall& call, const Message& message);
  // May this agent be told of the task, now?
  Status may_hear_of(const AgentName& agent, const TaskEntry& task) const;
  // tasks/list: every server's list, narrowed to this agent's tasks.
  Task<std::optional<Answer>> list_tasks(AgentCall& call, const Message& message);
  // The one server that listed this resource or has it in a skill, or whose template it matches.
  Result<Target> resolve_uri(const AgentName& agent, const std::string& uri, Channel channel) const;

  // Is what changes there within the server's file scopes?
  Status may_watch(const Target& target, const std::string& uri) const;

 private:
  Result<Target> resolve(const AgentName& agent, const Message& message) const;
  Result<Target> resolve_item(const AgentName& agent, ItemKind kind, const std::string& exposed,
                              Channel channel) const;
  Result<Target> resolve_reference(const AgentName& agent, const Value& params) const;
  Result<Target> resolve_task(const AgentName& agent, const Value& params) const;
  Result<Target> target_of(const CatalogueItem& item, Channel channel) const;

  // Skills: what is read of them, and what comes back (skills.cpp).
  Result<Target> resolve_directory(const AgentName& agent, const std::string& uri) const;
  Result<Target> through_skill(const std::string& uri, Target target) const;
  Refusal unknown_resource(const AgentName& agent, const std::string& uri) const;
  Status still_leads_there(const Message& message, const Target& target) const;
  Status check_skill(const Admitted& admitted, const Message& message, const Target& target,
                     const Reply& reply) const;

  // Live and approved: what the server says now is what an administrator signed.
  Result<CatalogueItem> verified(const AgentName& agent, const Target& target) const;
  Task<Result<Admitted>> admit(const AgentCall& call, const Message& message, Target target,
                               BrokerId id, const Round& round);

  Status headers_agree(const AgentCall& call, const Message& message,
                       const CatalogueItem& item) const;
  // Every path in the request is within the server's file scopes (confine.cpp).
  Result<Confined> confine(const Message& message, const CatalogueItem& item) const;

  // What the server gets (server_params.cpp).
  Result<std::string> params_for(const AgentCall& call, const Message& message,
                                 const Target& target, BrokerId id, const Round& round) const;
  Result<Carriage> carriage_for(const CatalogueItem& item, const Message& message,
                                const Target& target) const;

  // To the server and back, as often as it needs answers first (rounds.cpp).
  Result<Round> first_round(const AgentCall& call, const Message& message,
                            const Target& target) const;
  Task<Result<Reply>> forward(const Admitted& admitted, const Target& target, BrokerId id,
                              AgentCall& call, const Message& message, Round& round);
  Task<Result<Reply>> forward_once(const Admitted& admitted, const Target& target, BrokerId id,
                                   AgentCall& call, std::string params);
  Task<Result<InputResponses>> ask_agent(AgentCall& call, const Target& target,
                                         const std::vector<InputRequest>& requests);
  Result<Cleared> clear_question(const AgentCall& call, const Target& target,
                                 const InputRequest& request);
  Result<Answer> hand_over(const AgentCall& call, const Message& message, const Target& target,
                           const Reply& reply, const Round& round, Inspection& inspection);

  Task<std::string> tasks_of(std::shared_ptr<Upstream> upstream, AgentCall& call,
                             std::vector<Finding>& findings);
  Inspection inspect(const AgentCall& call, const Admitted& admitted, const Target& target,
                     const Reply& reply);
  Inspection inspect_error(const AgentCall& call, const Target& target, const Value& error) const;
  std::int64_t code_for(const AgentCall& call, const Target& target, const Value& error) const;
  // What the agent's era wants beside the server's result.
  std::string added_members(const AgentCall& call, const Target& target, const Reply& reply) const;
  std::string asked_for(const Message& message,
                        std::initializer_list<std::string_view> members) const;
  Record intent_of(const AgentCall& call, const Message& message, const Target& target) const;
  // Takes the findings out of the inspection.
  Record outcome_of(const AgentCall& call, const Ending& ending, const Reply& reply,
                    Inspection& inspection) const;
  void name_held(const AgentName& agent, Record& record) const;
  // Records why a call ends and makes the agent's answer; nothing when it was cancelled.
  Task<std::optional<Answer>> refused(AgentCall& call, const Ending& ending, Refusal why);

  Broker& broker_;
};

}  // namespace toolgate

// tasks/list over several servers: each agent sees the tasks that its own calls made.

#include <algorithm>
#include <iterator>

#include "gateway/broker/broker.hpp"
#include "gateway/broker/call_path.hpp"

namespace toolgate {
namespace {

constexpr std::size_t most_pages = 20;  // of one server

}  // namespace

Task<std::optional<Answer>> CallPath::list_tasks(AgentCall& call, const Message& message) {
  Ending ending(message);
  Record intent;
  intent.kind = "call.intent";
  intent.agent = call.agent().text();
  intent.session = call.session_id();
  intent.method = message.method();
  intent.decision = "allow";
  intent.policy = broker_.policy_digest();
  Record outcome = intent;
  outcome.kind = "call.outcome";
  auto receipt = co_await broker_.audit().write(std::move(intent));
  if (!receipt) co_return co_await refused(call, ending, receipt.refusal());

  std::string all;
  for (const auto& [name, upstream] : std::map(broker_.upstreams())) {
    bool none = upstream->is_modern() || !broker_.tasks().has_tasks(call.agent(), name);
    if (none) continue;
    std::string tasks = co_await tasks_of(upstream, call, outcome.findings);
    if (!tasks.empty()) all += (all.empty() ? "" : ",") + tasks;
    if (call.cancelled()) break;
  }
  outcome.intent = receipt->id();
  if (call.cancelled()) {
    outcome.decision = "error";
    outcome.reason = "cancelled: the agent cancelled the request";
  }
  auto recorded = co_await broker_.audit().write(std::move(outcome));
  if (!recorded) co_return co_await refused(call, ending, recorded.refusal());
  if (call.cancelled()) co_return std::nullopt;
  co_return Answer::own(R"({"tasks":[)" + all + "]}");
}

// One server's tasks of this agent, inspected: the inside of a JSON array. A server that fails has
// none.
Task<std::string> CallPath::tasks_of(std::shared_ptr<Upstream> upstream, AgentCall& call,
                                     std::vector<Finding>& findings) {
  const ServerName name = upstream->entry().name;
  std::string all;
  std::string params = "{}";
  for (std::size_t page = 0; page < most_pages; ++page) {
    BrokerId id = upstream->next_id();
    call.sent(upstream, id);
    auto reply = co_await upstream->request(id, "tasks/list", params,
                                            upstream->entry().limits.call_ms, &call);
    if (call.cancelled() || !reply || reply->is_error()) break;
    Value result = reply->message.body();
    auto own = broker_.tasks().to_agent(result, name, call.agent());
    if (!own) break;
    JsonLimits limits;
    limits.bytes = own->size();
    auto document = parse_document(Untrusted<std::string>(std::move(*own)), limits);
    auto tasks = document ? document->root().find("tasks") : std::nullopt;
    if (!tasks) break;
    Inspection inspection = broker_.gate().inspect(Channel::task, *tasks);
    std::ranges::move(inspection.findings, std::back_inserter(findings));
    if (inspection.cleared) {
      const std::string& json = inspection.cleared->json();
      std::string inside = json.substr(1, json.size() - 2);
      if (!inside.empty()) all += (all.empty() ? "" : ",") + inside;
    }
    auto cursor = result.find("nextCursor");
    if (!cursor || !cursor->is_string()) break;
    params = R"({"cursor":)" + std::string(cursor->raw()) + "}";
  }
  co_return all;
}

}  // namespace toolgate

#include "gateway/broker/call_path.hpp"

#include <chrono>

#include "gateway/broker/broker.hpp"
#include "gateway/core/clock.hpp"
#include "gateway/core/log.hpp"

namespace toolgate {
namespace {

using Clock = std::chrono::steady_clock;

std::int64_t microseconds_since(Clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start).count();
}

// W3C trace context, where the agent sends it and it looks like one.
std::string traceparent_of(const Message& message) {
  auto params = message.params();
  auto meta = params ? params->find("_meta") : std::nullopt;
  auto trace = meta ? meta->find("traceparent") : std::nullopt;
  if (!trace || !trace->is_string()) return "";
  std::string text = trace->text();
  bool plain =
      text.size() <= 64 && text.find_first_not_of("0123456789abcdef-") == std::string::npos;
  return plain ? text : "";
}

std::string finding_ids(const std::vector<Finding>& findings) {
  std::set<std::string> ids;
  for (const Finding& finding : findings) ids.insert(finding.id);
  std::string text;
  for (const std::string& id : ids) text += (text.empty() ? "" : ", ") + id;
  return text;
}

// The name or URI that a request asks for: for the record of a request that could not be resolved.
std::string requested_name(const Message& message) {
  constexpr std::size_t most_bytes = 256;
  auto params = message.params();
  for (std::string_view member : {"name", "uri", "taskId"}) {
    auto name = params ? params->find(member) : std::nullopt;
    if (!name || !name->is_string() || name->raw().size() > most_bytes) continue;
    return name->text();
  }
  return "";
}

// What an agent's model reads when a call was refused by a decision: the reason and where to look
// it up, never what was withheld.
bool is_decision(Reason reason) {
  return reason == Reason::held || reason == Reason::denied || reason == Reason::inspection;
}

std::string refused_result(const Refusal& why, const std::string& record) {
  std::string text = "toolgate refused this call: " + why.detail;
  if (!record.empty()) text += " (record " + record + ")";
  return R"({"content":[{"type":"text","text":)" + json_quote(text) + R"(}],"isError":true})";
}

std::string_view decision_word(const Inspection& inspection, const Reply& reply) {
  if (inspection.verdict == Verdict::withhold) return "withhold";
  if (inspection.verdict == Verdict::sanitise) return "sanitise";
  return reply.is_error() ? "error" : "allow";
}

}  // namespace

Task<std::optional<Inspected>> CallPath::run(SessionCall& call, const Message& message) {
  Session& session = call.session();
  Ending ending(message);

  // Which item of which server?
  auto target = resolve(session, message);
  if (!target) co_return co_await refused(call, ending, target.refusal());
  ending.target = &*target;

  // Is the server up, so that what it says now can be held against what was approved?
  std::shared_ptr<Upstream> upstream = target->upstream;
  Status up = co_await upstream->ready([&] { return call.cancelled() || session.is_closed(); });
  if (!up) co_return co_await refused(call, ending, up.refusal());

  // Pin approved, policy permits, intent durable.
  BrokerId id = upstream->next_id();
  auto admitted = co_await admit(session, message, *target, id);
  if (!admitted) co_return co_await refused(call, ending, admitted.refusal());
  ending.admitted = &*admitted;

  // Forward, with a deadline.
  auto reply = co_await forward(*admitted, *target, id, call);
  if (!reply) co_return co_await refused(call, ending, reply.refusal());

  // Inspect every string of the answer.
  Inspection inspection = inspect(*admitted, *target, *reply);
  if (!inspection.cleared) {
    Refusal why(Reason::inspection,
                "the answer of '" + upstream->name() +
                    "' was withheld by inspection: " + finding_ids(inspection.findings));
    ending.findings = std::move(inspection.findings);
    co_return co_await refused(call, ending, why);
  }

  // The outcome is durable before the agent gets the answer.
  Record outcome = outcome_of(session, ending, *reply, inspection);
  auto recorded = co_await broker_.audit().write(std::move(outcome));
  if (!recorded) co_return co_await refused(call, ending, recorded.refusal());

  if (call.cancelled()) co_return std::nullopt;
  if (reply->is_error()) {
    co_return InspectionGate::error(message.id(), std::move(*inspection.cleared));
  }
  call.succeed();
  co_return InspectionGate::result(message.id(), std::move(*inspection.cleared));
}

Record CallPath::outcome_of(const Session& session, const Ending& ending, const Reply& reply,
                            Inspection& inspection) const {
  const Admitted& admitted = *ending.admitted;
  Record outcome;
  outcome.kind = "call.outcome";
  outcome.agent = session.agent().text();
  outcome.session = session.id();
  outcome.server = admitted.call().server.text();
  outcome.tool = admitted.call().item;
  outcome.method = admitted.call().method;
  outcome.decision = decision_word(inspection, reply);
  outcome.rule = admitted.permit().rule();
  outcome.findings = std::move(inspection.findings);
  outcome.result =
      AuditLog::detail(broker_.configuration().audit.results, reply.message.body().raw());
  outcome.pin = admitted.definition().pin().text();
  outcome.policy = broker_.policy_digest();
  outcome.trace = traceparent_of(ending.message);
  outcome.intent = admitted.receipt().id();
  outcome.latency_us = microseconds_since(ending.started);
  return outcome;
}

Task<Result<Admitted>> CallPath::admit(const Session& session, const Message& message,
                                       Target target, BrokerId id) {
  auto item = verified(session, target);
  if (!item) co_return item.refusal();
  auto permit = broker_.policy().decide(session.agent(), *item);
  if (!permit) co_return permit.refusal();
  auto params = params_for(session, message, target, id);
  if (!params) co_return params.refusal();

  Record intent;
  intent.kind = "call.intent";
  intent.agent = session.agent().text();
  intent.session = session.id();
  intent.server = target.upstream->name();
  intent.tool = target.key;
  intent.method = message.method();
  intent.decision = "allow";
  intent.rule = permit->rule();
  auto arguments = message.params()->find("arguments");
  if (arguments) {
    intent.arguments = AuditLog::detail(broker_.configuration().audit.arguments, arguments->raw());
  }
  intent.pin = item->pin->text();
  intent.policy = broker_.policy_digest();
  intent.trace = traceparent_of(message);
  auto receipt = co_await broker_.audit().write(std::move(intent));
  if (!receipt) co_return receipt.refusal();

  ToolCall call{session.agent(), session.id(), message.method(),
                item->server,    target.key,   std::move(*params)};
  co_return Admitted(std::move(call), std::move(*item->verified), std::move(*permit),
                     std::move(*receipt));
}

Task<Result<Reply>> CallPath::forward(const Admitted& admitted, const Target& target, BrokerId id,
                                      SessionCall& call) {
  if (call.cancelled()) co_return Refusal(Reason::cancelled, "the agent cancelled the request");
  // While the intent was written, the server or the administrator may have changed their mind.
  auto still = verified(call.session(), target);
  if (!still) co_return still.refusal();
  auto permit = broker_.policy().decide(call.session().agent(), *still);
  if (!permit) co_return permit.refusal();
  if (still->verified->pin() != admitted.definition().pin()) {
    co_return Refusal(Reason::held, "'" + target.exposed + "' changed while it was called");
  }
  call.sent(target.upstream, id);
  co_return co_await target.upstream->request(id, admitted.call().method, admitted.call().params,
                                              target.upstream->entry().limits.call_ms, &call);
}

Inspection CallPath::inspect(const Admitted& admitted, const Target& target, const Reply& reply) {
  Value body = reply.message.body();
  if (reply.is_error()) return broker_.gate().inspect(Channel::error, body);
  const AgentName& agent = admitted.call().agent;
  if (auto task = created_task(body); task && admitted.call().method == "tools/call") {
    broker_.tasks().add(TaskEntry{admitted.call().server, *task, agent, admitted.definition()});
  }
  auto translated = broker_.tasks().to_agent(body, admitted.call().server, agent);
  if (!translated) return broker_.gate().inspect(target.channel, body);
  JsonLimits limits;
  limits.bytes = translated->size();
  auto document = parse_document(Untrusted<std::string>(std::move(*translated)), limits);
  if (!document) return Inspection{};
  return broker_.gate().inspect(target.channel, document->root());
}

Task<std::optional<Inspected>> CallPath::refused(SessionCall& call, const Ending& ending,
                                                 Refusal why) {
  const Message& message = ending.message;
  Record record;
  record.kind = ending.admitted ? "call.outcome" : "refusal";
  record.agent = call.session().agent().text();
  record.session = call.session().id();
  record.method = message.method();
  if (ending.target) {
    record.server = ending.target->upstream->name();
    record.tool = ending.target->key;
  } else {
    record.tool = requested_name(message);
  }
  if (ending.admitted) {
    record.rule = ending.admitted->permit().rule();
    record.intent = ending.admitted->receipt().id();
    record.pin = ending.admitted->definition().pin().text();
    record.latency_us = microseconds_since(ending.started);
  }
  record.decision = why.reason == Reason::inspection ? "withhold"
                    : is_decision(why.reason)        ? "deny"
                                                     : "error";
  record.reason = std::string(reason_name(why.reason)) + ": " + why.detail;
  record.findings = ending.findings;
  record.policy = broker_.policy_digest();
  record.trace = traceparent_of(message);
  Result<Receipt> receipt = co_await broker_.audit().write(std::move(record));
  if (call.cancelled()) co_return std::nullopt;
  // What is in no log is not told: the agent learns that the log failed, and nothing else.
  if (!receipt) why = receipt.refusal();
  std::string id = receipt ? receipt->id() : "";
  if (is_decision(why.reason) && message.method() == "tools/call") {
    co_return InspectionGate::own(result_text(message.id().raw(), refused_result(why, id)));
  }
  co_return InspectionGate::own(error_text(message.id().raw(), why, id));
}

Result<CatalogueItem> CallPath::verified(const Session& session, const Target& target) const {
  const ServerName& server = target.upstream->entry().name;
  for (const CatalogueItem* item : broker_.catalogue().find(target.kind, target.exposed)) {
    if (item->server != server || item->key != target.key) continue;
    if (!broker_.policy().sees(session.agent(), *item)) break;
    bool expired = item->is_expired(now_utc_ns());
    if (item->standing == Standing::approved && item->verified && !expired) return *item;
    CatalogueItem why = *item;
    if (expired) why.why = "its approval has expired";
    return held(why);
  }
  return Refusal(Reason::invalid_params, "unknown name");
}

}  // namespace toolgate

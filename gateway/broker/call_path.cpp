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

Task<std::optional<Inspected>> CallPath::run(Session& session, const Message& message,
                                             AgentStream& related) {
  auto started = Clock::now();
  SessionCall call(session, message, related);

  // Which item of which server?
  auto target = resolve(session, message);
  if (!target) co_return co_await refused(session, message, target.refusal(), nullptr, nullptr, 0);

  // Is the server up, so that what it says now can be held against what was approved?
  std::shared_ptr<Upstream> upstream = target->upstream;
  Status up = co_await upstream->ready([&] { return call.cancelled() || session.is_closed(); });
  if (!up) co_return co_await refused(session, message, up.refusal(), &*target, nullptr, 0);

  // Pin approved, policy permits, intent durable.
  BrokerId id = upstream->next_id();
  auto admitted = co_await admit(session, message, *target, id);
  if (!admitted)
    co_return co_await refused(session, message, admitted.refusal(), &*target, nullptr, 0);

  // Forward, with a deadline.
  auto reply = co_await forward(*admitted, *upstream, id, call);
  if (!reply) {
    auto refusal = co_await refused(session, message, reply.refusal(), &*target, &*admitted,
                                    microseconds_since(started));
    if (call.cancelled()) co_return std::nullopt;
    co_return refusal;
  }

  // Inspect every string of the answer.
  Inspection inspection = inspect(*admitted, *target, *reply);
  if (!inspection.cleared) {
    Refusal why(Reason::inspection,
                "the answer of '" + target->upstream->name() +
                    "' was withheld by inspection: " + finding_ids(inspection.findings));
    co_return co_await refused(session, message, why, &*target, &*admitted,
                               microseconds_since(started));
  }

  // The outcome is durable before the agent gets the answer.
  Record outcome;
  outcome.kind = "call.outcome";
  outcome.agent = session.agent().text();
  outcome.session = session.id();
  outcome.server = target->upstream->name();
  outcome.tool = target->key;
  outcome.method = message.method();
  outcome.decision = decision_word(inspection, *reply);
  outcome.rule = admitted->permit().rule();
  outcome.findings = std::move(inspection.findings);
  outcome.result =
      AuditLog::detail(broker_.configuration().audit.results, reply->message.body().raw());
  outcome.pin = admitted->definition().pin().text();
  outcome.policy = broker_.policy_digest();
  outcome.trace = traceparent_of(message);
  outcome.intent = admitted->receipt().id();
  outcome.latency_us = microseconds_since(started);
  auto recorded = co_await broker_.audit().write(std::move(outcome));
  if (!recorded)
    co_return co_await refused(session, message, recorded.refusal(), &*target, nullptr, 0);

  if (call.cancelled()) co_return std::nullopt;
  if (reply->is_error()) {
    co_return InspectionGate::error(message.id(), std::move(*inspection.cleared));
  }
  co_return InspectionGate::result(message.id(), std::move(*inspection.cleared));
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

Task<Result<Reply>> CallPath::forward(const Admitted& admitted, Upstream& upstream, BrokerId id,
                                      SessionCall& call) {
  if (call.cancelled()) co_return Refusal(Reason::cancelled, "the agent cancelled the request");
  call.sent(upstream.shared_from_this(), id);
  co_return co_await upstream.request(id, admitted.call().method, admitted.call().params,
                                      upstream.entry().limits.call_ms, &call);
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

Task<std::optional<Inspected>> CallPath::refused(const Session& session, const Message& message,
                                                 const Refusal& why, const Target* target,
                                                 const Admitted* admitted,
                                                 std::int64_t latency_us) {
  Record record;
  record.kind = admitted ? "call.outcome" : "refusal";
  record.agent = session.agent().text();
  record.session = session.id();
  record.method = message.method();
  if (target) {
    record.server = target->upstream->name();
    record.tool = target->key;
  }
  if (admitted) {
    record.intent = admitted->receipt().id();
    record.pin = admitted->definition().pin().text();
    record.latency_us = latency_us;
  }
  record.decision = why.reason == Reason::inspection ? "withhold"
                    : is_decision(why.reason)        ? "deny"
                                                     : "error";
  record.reason = std::string(reason_name(why.reason)) + ": " + why.detail;
  record.policy = broker_.policy_digest();
  record.trace = traceparent_of(message);
  Result<Receipt> receipt = co_await broker_.audit().write(std::move(record));
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
    bool expired = item->expires_ns != 0 && item->expires_ns <= now_utc_ns();
    if (item->standing == Standing::approved && item->verified && !expired) return *item;
    std::string why = expired ? "its approval has expired" : item->why;
    return Refusal(Reason::held, "'" + target.exposed + "' is held for review: " + why +
                                     ". An administrator decides with `toolgate review " +
                                     server.text() + "`");
  }
  return Refusal(Reason::invalid_params, "unknown name");
}

}  // namespace toolgate

#include "gateway/broker/call_path.hpp"

#include <chrono>

#include "gateway/broker/broker.hpp"
#include "gateway/core/clock.hpp"
#include "gateway/core/log.hpp"
#include "gateway/core/rewrite.hpp"

namespace toolgate {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t echoed_uri_bytes = 2'048;
constexpr std::int64_t most_ttl_ms = 10'000;  // an agent's copy is no older than that

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
  return reason == Reason::held || reason == Reason::denied || reason == Reason::out_of_scope ||
         reason == Reason::inspection || reason == Reason::uncontained;
}

std::string refused_result(const Refusal& why, const std::string& record, Revision revision) {
  std::string text = "toolgate refused this call: " + why.detail;
  if (!record.empty()) text += " (record " + record + ")";
  return std::string(is_modern(revision) ? R"({"resultType":"complete",)" : "{") +
         R"("content":[{"type":"text","text":)" + json_quote(text) + R"(}],"isError":true})";
}

std::string_view decision_word(const Inspection& inspection, const Reply& reply) {
  if (inspection.verdict == Verdict::withhold) return "withhold";
  if (inspection.verdict == Verdict::sanitise) return "sanitise";
  return reply.is_error() ? "error" : "allow";
}

bool is_cacheable(const Target& target) {
  return target.channel == Channel::resource || target.channel == Channel::skill;
}

std::int64_t code_of(const Value& error) {
  auto code = error.find("code");
  return code ? code->integer().value_or(0) : 0;
}

}  // namespace

Task<std::optional<Answer>> CallPath::run(AgentCall& call, const Message& message) {
  Ending ending(message);

  // Which item of which server?
  auto target = resolve(call.agent(), message);
  if (!target) co_return co_await refused(call, ending, target.refusal());
  ending.target = &*target;

  // Is the server up, so that what it says now can be held against what was approved?
  std::shared_ptr<Upstream> upstream = target->upstream;
  Status up = co_await upstream->ready([&] { return call.cancelled(); });
  if (!up) co_return co_await refused(call, ending, up.refusal());

  // Does it bring the answers to what the server asked in an earlier round?
  auto round = first_round(call, message, *target);
  if (!round) co_return co_await refused(call, ending, round.refusal());

  // Pin approved, arguments within the scopes, policy permits, intent durable.
  BrokerId id = upstream->next_id();
  auto admitted = co_await admit(call, message, *target, id, *round);
  if (!admitted) co_return co_await refused(call, ending, admitted.refusal());
  ending.admitted = &*admitted;

  // Forward, with a deadline.
  auto reply = co_await forward(*admitted, *target, id, call, message, *round);
  if (!reply) co_return co_await refused(call, ending, reply.refusal());

  // What was approved by its digest is what came?
  Status same = check_skill(*admitted, message, *target, *reply);
  if (!same) co_return co_await refused(call, ending, same.refusal());

  // Inspect every string of the answer.
  Inspection inspection;
  std::optional<Result<Answer>> handed_over;
  if (asks_for_input(*target, *reply)) {
    handed_over = hand_over(call, message, *target, *reply, *round, inspection);
    if (!*handed_over) co_return co_await refused(call, ending, handed_over->refusal());
  } else {
    inspection = inspect(call, *admitted, *target, *reply);
  }
  if (!inspection.cleared || (is_by_digest(*admitted) && inspection.verdict != Verdict::allow)) {
    Refusal why(Reason::inspection,
                "the answer of '" + upstream->name() +
                    "' was withheld by inspection: " + finding_ids(inspection.findings));
    ending.findings = std::move(inspection.findings);
    co_return co_await refused(call, ending, why);
  }

  // The outcome is durable before the agent gets the answer.
  Record outcome = outcome_of(call, ending, *reply, inspection);
  if (handed_over) outcome.reason = "the server needs input first";
  auto recorded = co_await broker_.audit().write(std::move(outcome));
  if (!recorded) co_return co_await refused(call, ending, recorded.refusal());

  if (call.cancelled()) co_return std::nullopt;
  if (handed_over) co_return std::move(**handed_over);
  if (reply->is_error()) {
    co_return Answer::error(std::move(*inspection.cleared),
                            code_for(call, *target, reply->message.body()));
  }
  call.succeed();
  co_return Answer::result(std::move(*inspection.cleared), added_members(call, *target, *reply));
}

// The code of a legacy server's error as the agent's era knows it.
std::int64_t CallPath::code_for(const AgentCall& call, const Target& target,
                                const Value& error) const {
  constexpr std::int64_t resource_not_found = -32002;
  constexpr std::int64_t url_elicitation_required = -32042;
  std::int64_t code = code_of(error);
  if (!is_modern(call.revision()) || target.upstream->is_modern()) return code;
  if (code == resource_not_found) return json_rpc_code(Reason::invalid_params);
  if (code == url_elicitation_required) return json_rpc_code(Reason::unanswered);
  // The modern era's own: a legacy server means something else by them.
  if (code <= -32020 && code >= -32099) return json_rpc_code(Reason::bad_answer);
  return code;
}

Inspection CallPath::inspect_error(const AgentCall& call, const Target& target,
                                   const Value& error) const {
  std::int64_t code = code_for(call, target, error);
  if (code == code_of(error)) return broker_.gate().inspect(Channel::error, error);
  Rewrite rewrite(error.raw(), error.begin());
  rewrite.replace(*error.find("code"), std::to_string(code));
  JsonLimits limits;
  limits.bytes = error.raw().size() + 16;
  auto document = parse_document(Untrusted<std::string>(std::move(rewrite).apply()), limits);
  if (!document) return Inspection{};
  return broker_.gate().inspect(Channel::error, document->root());
}

Task<std::optional<Answer>> CallPath::refuse(AgentCall& call, const Message& message, Refusal why) {
  Ending ending(message);
  co_return co_await refused(call, ending, std::move(why));
}

// While its server waited for the answers, an administrator may have decided otherwise.
Task<Status> CallPath::go_on(AgentCall& call, const Message& message) {
  auto target = resolve(call.agent(), message);
  if (!target) co_return target.refusal();
  auto item = verified(call.agent(), *target);
  if (!item) co_return item.refusal();
  auto permit = broker_.policy().decide(call.agent(), *item);
  if (!permit) co_return permit.refusal();
  Status agree = headers_agree(call, message, *item);
  if (!agree) co_return agree.refusal();
  Record answer = intent_of(call, message, *target);
  answer.kind = "call.answer";
  answer.rule = permit->rule();
  answer.pin = item->pin->text();
  if (auto responses = message.params()->find("inputResponses")) {
    answer.arguments = AuditLog::detail(broker_.configuration().audit.arguments, responses->raw());
  }
  auto receipt = co_await broker_.audit().write(std::move(answer));
  if (!receipt) co_return receipt.refusal();
  co_return done();
}

Status CallPath::headers_agree(const AgentCall& call, const Message& message,
                               const CatalogueItem& item) const {
  const auto* given = call.argument_headers();
  if (!given) return done();
  return check_argument_headers(item.mirrored, message.params()->find("arguments"), *given);
}

// What a task's status may hold is what tasks/get would answer.
Status CallPath::may_hear_of(const AgentName& agent, const TaskEntry& task) const {
  auto upstream = broker_.upstream(task.server);
  if (!upstream) return Refusal(Reason::unavailable, "its server is not configured any more");
  Target target;
  target.upstream = upstream;
  target.key = task.tool;
  target.exposed = exposed_name(upstream->entry().prefix, task.tool);
  auto item = verified(agent, target);
  if (!item) return item.refusal();
  auto permit = broker_.policy().decide(agent, *item);
  if (!permit) return permit.refusal();
  return done();
}

// What was asked for, as the log keeps it: the first of these members that there is.
std::string CallPath::asked_for(const Message& message,
                                std::initializer_list<std::string_view> members) const {
  for (std::string_view member : members) {
    auto value = message.params()->find(member);
    if (!value) continue;
    return AuditLog::detail(broker_.configuration().audit.arguments, value->raw());
  }
  return "";
}

Record CallPath::intent_of(const AgentCall& call, const Message& message,
                           const Target& target) const {
  Record intent;
  intent.kind = "call.intent";
  intent.agent = call.agent().text();
  intent.session = call.session_id();
  intent.server = target.upstream->name();
  intent.tool = target.key;
  intent.method = message.method();
  intent.decision = "allow";
  // Of a file or directory of a skill, which: the item is the skill.
  const bool names_skill = target.channel == Channel::skill;
  intent.arguments = names_skill ? asked_for(message, {"uri"}) : asked_for(message, {"arguments"});
  intent.policy = broker_.policy_digest();
  intent.trace = traceparent_of(message);
  return intent;
}

Record CallPath::outcome_of(const AgentCall& call, const Ending& ending, const Reply& reply,
                            Inspection& inspection) const {
  const Admitted& admitted = *ending.admitted;
  Record outcome;
  outcome.kind = "call.outcome";
  outcome.agent = call.agent().text();
  outcome.session = call.session_id();
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
  outcome.files = call.files();
  const Containment& containment = ending.target->upstream->containment();
  if (!containment.is_as_asked()) {
    outcome.reason = std::string(reason_name(Reason::uncontained)) + ": " + containment.missing;
  }
  return outcome;
}

Task<Result<Admitted>> CallPath::admit(const AgentCall& call, const Message& message, Target target,
                                       BrokerId id, const Round& round) {
  auto item = verified(call.agent(), target);
  if (!item) co_return item.refusal();
  Status leads = still_leads_there(message, target);
  if (!leads) co_return leads.refusal();
  Status agree = headers_agree(call, message, *item);
  if (!agree) co_return agree.refusal();
  auto confined = confine(message, *item);
  if (!confined) co_return confined.refusal();
  auto permit = broker_.policy().decide(call.agent(), *item);
  if (!permit) co_return permit.refusal();
  auto params = params_for(call, message, target, id, round);
  if (!params) co_return params.refusal();
  auto carriage = carriage_for(*item, message, target);
  if (!carriage) co_return carriage.refusal();

  Record intent = intent_of(call, message, target);
  intent.rule = permit->rule();
  intent.pin = item->pin->text();
  auto receipt = co_await broker_.audit().write(std::move(intent));
  if (!receipt) co_return receipt.refusal();

  ToolCall what{call.agent(), call.session_id(),  message.method(),    item->server,
                target.key,   std::move(*params), std::move(*carriage)};
  co_return Admitted(std::move(what), std::move(*item->verified), *confined, std::move(*permit),
                     std::move(*receipt));
}

Inspection CallPath::inspect(const AgentCall& call, const Admitted& admitted, const Target& target,
                             const Reply& reply) {
  static constexpr std::string_view typed[] = {"resultType"};
  static constexpr std::string_view cacheable[] = {"resultType", "ttlMs", "cacheScope"};
  Value body = reply.message.body();
  if (reply.is_error()) return inspect_error(call, target, body);
  const AgentName& agent = admitted.call().agent;
  std::span<const std::string_view> omitted;
  if (target.upstream->is_modern() || is_modern(call.revision())) {
    omitted = is_cacheable(target) ? std::span<const std::string_view>(cacheable)
                                   : std::span<const std::string_view>(typed);
  }
  if (auto task = created_task(body); task && admitted.call().method == "tools/call") {
    broker_.tasks().add(TaskEntry{admitted.call().server, *task, agent, admitted.call().item});
  }
  auto translated = broker_.tasks().to_agent(body, admitted.call().server, agent);
  if (!translated) return broker_.gate().inspect(target.channel, body, omitted);
  JsonLimits limits;
  limits.bytes = translated->size();
  auto document = parse_document(Untrusted<std::string>(std::move(*translated)), limits);
  if (!document) return Inspection{};
  return broker_.gate().inspect(target.channel, document->root(), omitted);
}

std::string CallPath::added_members(const AgentCall& call, const Target& target,
                                    const Reply& reply) const {
  if (!is_modern(call.revision())) return "";
  Value body = reply.message.body();
  auto type = target.upstream->is_modern() ? result_type(body) : ResultType::complete;
  std::string added =
      type && *type == ResultType::task ? R"("resultType":"task")" : R"("resultType":"complete")";
  if (!is_cacheable(target)) return added;
  auto ttl = target.upstream->is_modern() ? body.find("ttlMs") : std::nullopt;
  std::int64_t ttl_ms = ttl && ttl->is_number() ? ttl->integer().value_or(0) : 0;
  ttl_ms = std::clamp<std::int64_t>(ttl_ms, 0, most_ttl_ms);
  return added + R"(,"ttlMs":)" + std::to_string(ttl_ms) + R"(,"cacheScope":"private")";
}

// Nothing of a server that does not run is resolved; the record names it all the same.
void CallPath::name_held(const AgentName& agent, Record& record) const {
  const ItemKind kind = record.method == "tools/call"    ? ItemKind::tool
                        : record.method == "prompts/get" ? ItemKind::prompt
                        : record.method == "skills/get"  ? ItemKind::skill
                                                         : ItemKind::resource;
  for (const CatalogueItem* item : broker_.catalogue().find(kind, record.tool)) {
    if (!broker_.policy().sees(agent, *item)) continue;
    record.server = item->server.text();
    record.tool = item->key;
    return;
  }
}

Task<std::optional<Answer>> CallPath::refused(AgentCall& call, const Ending& ending, Refusal why) {
  const Message& message = ending.message;
  Record record;
  record.kind = ending.admitted ? "call.outcome" : "refusal";
  record.agent = call.agent().text();
  record.session = call.session_id();
  record.method = message.method();
  if (ending.target) {
    record.server = ending.target->upstream->name();
    record.tool = ending.target->key;
  } else {
    record.tool = requested_name(message);
    if (why.reason == Reason::held) name_held(call.agent(), record);
  }
  if (ending.admitted) {
    record.rule = ending.admitted->permit().rule();
    record.intent = ending.admitted->receipt().id();
    record.pin = ending.admitted->definition().pin().text();
    record.latency_us = microseconds_since(ending.started);
    record.files = call.files();
  }
  if (why.reason == Reason::out_of_scope) {
    record.rule = "mcpServers." + record.server + ".toolgate.files";
    record.arguments = asked_for(message, {"arguments", "argument", "uri"});
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
    co_return Answer::own(refused_result(why, id, call.revision()));
  }
  std::string data;
  if (why.reason == Reason::not_found) {
    auto uri = message.params()->find("uri");
    bool short_enough = uri && uri->raw().size() <= echoed_uri_bytes;
    if (short_enough && uri->is_string()) data = R"("uri":)" + json_quote(uri->text());
  }
  co_return Answer::refusal(std::move(why), id, std::move(data));
}

Result<CatalogueItem> CallPath::verified(const AgentName& agent, const Target& target) const {
  const ServerName& server = target.upstream->entry().name;
  for (const CatalogueItem* item : broker_.catalogue().find(target.kind, target.exposed)) {
    if (item->server != server || item->key != target.key) continue;
    if (!broker_.policy().sees(agent, *item)) break;
    bool expired = item->is_expired(now_utc_ns());
    if (item->standing == Standing::approved && item->verified && !expired) return *item;
    CatalogueItem why = *item;
    if (expired) why.why = "its approval has expired";
    return held(why);
  }
  return Refusal(Reason::invalid_params, "unknown name");
}

}  // namespace toolgate

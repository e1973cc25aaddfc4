// What servers say besides answers: progress, log messages, updates, questions to the agent. Every
// one is inspected, and goes to the session that it belongs to or to nobody.

#include "gateway/broker/broker.hpp"
#include "gateway/core/log.hpp"
#include "gateway/core/rewrite.hpp"
#include "gateway/core/syslog_level.hpp"

namespace toolgate {
namespace {

// A modern server names the broker's own subscription, which is nobody else's.
std::string without_subscription(const Upstream& server, std::string params) {
  if (!server.is_modern()) return params;
  auto document = parse_document(Untrusted<std::string>(params), JsonLimits());
  if (!document) return params;
  Rewrite rewrite(document->text());
  rewrite.reshape(
      document->root(), [](const Value& member) { return member.is_named("_meta"); }, "");
  return std::move(rewrite).apply();
}

}  // namespace

void Broker::notified(Upstream& server, const Message& message, CallRoute* route) {
  if (!message.params()) return;
  const std::string& method = message.method();
  auto* call = static_cast<AgentCall*>(route);
  if (method == "notifications/progress") {
    if (call) pass_progress(server, message, *call);
  } else if (method == "notifications/message") {
    pass_log(server, message, route);
  } else if (method == "notifications/resources/updated") {
    pass_update(server, message);
  } else if (method == "notifications/tasks/status" || method == "notifications/tasks") {
    pass_task_status(server, message);
  } else if (method == "notifications/cancelled") {
    auto id = message.params()->find("requestId");
    if (!id || (!id->is_string() && !id->integer())) return;
    RequestId withdrawn(*id);
    for (Session* session : sessions_) session->withdraw(server, withdrawn);
    server.each_route(
        [&](CallRoute& one) { static_cast<AgentCall&>(one).withdraw(server, withdrawn); });
  } else if (method == "notifications/elicitation/complete") {
    Addressee to = addressee(server, route);
    if (!to.session) return;  // the modern era has no such message
    auto cleared = clear_for(to.agent(), server, message, Channel::elicitation);
    if (!cleared) return;
    to.session->general().send(InspectionGate::notification(method, std::move(*cleared)));
  }
}

Broker::Addressee Broker::addressee(const Upstream& server, CallRoute* route) const {
  Addressee to;
  if (route) {
    to.call = static_cast<AgentCall*>(route);
    to.stream = &to.call->related();
    to.session = to.call->session_or_null();
    return to;
  }
  // It names no call. The newest one will do, as long as all are of one agent's one conversation;
  // where there is none, requests of one agent are as near to that as can be.
  std::size_t calls = 0;
  bool several = false;
  server.each_route([&](CallRoute& one) {
    auto& call = static_cast<AgentCall&>(one);
    several = several || (to.call && (to.call->session_or_null() != call.session_or_null() ||
                                      to.call->session_id() != call.session_id() ||
                                      to.call->agent() != call.agent()));
    to.call = &call;
    to.session = call.session_or_null();
    ++calls;
  });
  // Of several agents nobody can say whose it is: better lost than told to a stranger.
  if (several) return Addressee{};
  if (calls == 0 && !stateless_seen_ && sessions_.size() == 1 &&
      may_hear(*sessions_.front(), server)) {
    to.session = sessions_.front();
  }
  if (calls > 1 && to.session) to.call = nullptr;
  if (to.call) {
    to.stream = &to.call->related();
  } else if (to.session) {
    to.stream = &to.session->general();
  }
  return to;
}

// A server whose items an agent does not get has nothing to say to it either.
bool Broker::may_hear(const Session& session, const Upstream& server) const {
  if (!session.revision()) return false;
  for (ItemKind kind : {ItemKind::tool, ItemKind::prompt, ItemKind::resource,
                        ItemKind::resource_template, ItemKind::skill, ItemKind::instructions}) {
    for (const CatalogueItem& item : catalogue_.items(kind)) {
      bool own = item.server == server.entry().name && item.standing == Standing::approved;
      if (own && policy().sees(session.agent(), item)) return true;
    }
  }
  return false;
}

std::optional<Cleared> Broker::clear_for(const AgentName& agent, Upstream& server,
                                         const Message& message, Channel channel) {
  auto json = tasks_.to_agent(*message.params(), server.entry().name, agent);
  return clear(server, message, channel, json.value_or(std::string(message.params()->raw())));
}

std::optional<Cleared> Broker::clear(Upstream& server, const Message& message, Channel channel,
                                     const std::string& json) {
  JsonLimits limits;
  limits.bytes = json.size();
  auto document = parse_document(Untrusted<std::string>(json), limits);
  if (!document) return std::nullopt;
  Inspection inspection = gate_.inspect(channel, document->root());
  if (inspection.verdict != Verdict::allow) {
    Record finding;
    finding.kind = "finding";
    finding.server = server.name();
    finding.method = message.method();
    finding.decision = verdict_name(inspection.verdict);
    finding.findings = inspection.findings;
    record(std::move(finding));
  }
  return std::move(inspection.cleared);
}

void Broker::pass_progress(Upstream& server, const Message& message, AgentCall& call) {
  Value params = *message.params();
  auto token = params.find("progressToken");
  if (!token || call.progress_token().empty()) return;
  Rewrite rewrite(params.raw(), params.begin());
  rewrite.replace(*token, call.progress_token());
  tasks_.rewrite_for_agent(rewrite, params, server.entry().name, call.agent());
  auto cleared = clear(server, message, Channel::progress, std::move(rewrite).apply());
  if (!cleared) return;
  call.related().send(InspectionGate::notification(message.method(), std::move(*cleared)));
}

void Broker::pass_log(Upstream& server, const Message& message, CallRoute* route) {
  auto level = message.params()->find("level");
  auto severity = level && level->is_string() ? syslog_level(level->text()) : std::nullopt;
  if (!severity) return;
  Addressee to = addressee(server, route);
  if (!to) return;
  bool wanted = to.call ? to.call->wants_log(*severity) : to.session->wants_log(*severity);
  if (!wanted) return;
  auto cleared = clear_for(to.agent(), server, message, Channel::log_message);
  if (!cleared) return;
  to.stream->send(InspectionGate::notification("notifications/message", std::move(*cleared)));
}

void Broker::pass_update(Upstream& server, const Message& message) {
  auto uri = message.params()->find("uri");
  if (!uri || !uri->is_string()) return;
  auto cleared = clear(server, message, Channel::notification,
                       without_subscription(server, std::string(message.params()->raw())));
  if (!cleared) return;
  std::string text = uri->text();
  for (Listener* listener : std::vector(listeners_)) {
    const std::string* wish =
        subscription_for(listener->subscriptions(), server.entry().name, text);
    bool still = wish && calls_.resolve_uri(listener->agent(), *wish, Channel::resource);
    if (still) listener->resource_updated(*cleared);
  }
}

void Broker::pass_task_status(Upstream& server, const Message& message) {
  auto id = message.params()->find("taskId");
  if (!id || !id->is_string()) return;
  auto visible = tasks_.visible_id(server.entry().name, id->text());
  // With questions it is fetched, where they are held against what the agent declared.
  if (!visible || message.params()->find("inputRequests")) return;
  const AgentName agent = tasks_.find(*visible)->agent;
  auto json = tasks_.to_agent(*message.params(), server.entry().name, agent);
  if (!json) return;
  auto cleared = clear(server, message, Channel::task, without_subscription(server, *json));
  if (!cleared) return;
  records_.spawn(tell_task(server.name(), message.method(), *visible, std::move(*cleared)));
}

// A status may hold the task's result: it is told as tasks/get would tell it, approved, permitted
// and on record.
Task<> Broker::tell_task(std::string server, std::string method, std::string visible_id,
                         Cleared params) {
  const TaskEntry* task = tasks_.find(visible_id);
  if (!task) co_return;
  const AgentName agent = task->agent;
  Status may = calls_.may_hear_of(agent, *task);
  Record status;
  status.kind = "task.status";
  status.agent = agent.text();
  status.server = std::move(server);
  status.tool = task->tool;
  status.method = method;
  status.decision = may ? "allow" : "deny";
  if (!may) status.reason = may.refusal().detail;
  status.policy = policy_digest_;
  status.result = AuditLog::detail(configuration_->audit.results, params.json());
  auto receipt = co_await audit_.write(std::move(status));
  if (!receipt || !may) co_return;
  for (Listener* listener : std::vector(listeners_)) {
    if (listener->agent() == agent) listener->task_changed(method, visible_id, params);
  }
}

void Broker::asked(Upstream& server, Message message, CallRoute* route) {
  auto refuse = [&](Reason reason, std::string why) {
    server.answer(error_text(message.id().raw(), Refusal(reason, std::move(why))));
  };
  bool sampling = message.method() == "sampling/createMessage";
  bool elicitation = message.method() == "elicitation/create";
  if (!sampling && !elicitation) return refuse(Reason::unknown_method, "no such method");
  if (!message.params()) return refuse(Reason::invalid_params, "params are missing");
  Addressee to = addressee(server, route);
  if (!to) return refuse(Reason::ambiguous, "it cannot be told which agent this is for");
  if (!to.capabilities().answers(message.method(), *message.params())) {
    return refuse(Reason::unknown_method, "the agent does not offer this");
  }
  auto cleared =
      clear_for(to.agent(), server, message, sampling ? Channel::sampling : Channel::elicitation);
  if (!cleared) return refuse(Reason::inspection, "withheld by inspection");
  Record question;
  question.kind = "server.question";
  question.agent = to.agent().text();
  question.session = to.call ? to.call->session_id() : to.session->id();
  question.server = server.name();
  question.method = message.method();
  question.decision = "allow";
  record(std::move(question));

  std::weak_ptr<Upstream> asker = server.weak_from_this();
  auto answered = [asker, id = message.id()](Result<Reply> reply) {
    auto upstream = asker.lock();
    if (!upstream) return;
    if (!reply) return upstream->answer(error_text(id.raw(), reply.refusal()));
    std::string text = R"({"jsonrpc":"2.0","id":)" + id.raw();
    text.append(reply->is_error() ? R"(,"error":)" : R"(,"result":)");
    upstream->answer(text.append(reply->message.body().raw()).append("}"));
  };
  Question asked{message.method(), std::move(*cleared), std::move(answered), asker, message.id()};
  bool put = to.call ? to.call->ask(std::move(asked))
                     : to.session->ask(std::move(asked), nullptr, *to.stream);
  if (!put) refuse(Reason::overloaded, "the agent cannot be asked now");
}

}  // namespace toolgate

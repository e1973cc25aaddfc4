// What servers say besides answers: progress, log messages, updates, questions to the agent. Every
// one is inspected, and goes to the session that it belongs to or to nobody.

#include "gateway/broker/broker.hpp"
#include "gateway/core/log.hpp"
#include "gateway/core/rewrite.hpp"

namespace toolgate {

void Broker::notified(Upstream& server, const Message& message, CallRoute* route) {
  if (!message.params()) return;
  const std::string& method = message.method();
  auto* call = static_cast<SessionCall*>(route);
  if (method == "notifications/progress") {
    if (call) pass_progress(server, message, *call);
  } else if (method == "notifications/message") {
    pass_log(server, message, route);
  } else if (method == "notifications/resources/updated") {
    pass_update(server, message);
  } else if (method == "notifications/tasks/status") {
    pass_task_status(server, message);
  } else if (method == "notifications/cancelled") {
    auto id = message.params()->find("requestId");
    if (!id || (!id->is_string() && !id->integer())) return;
    for (Session* session : sessions_) session->withdraw(server, RequestId(*id));
  } else if (method == "notifications/elicitation/complete") {
    Addressee to = addressee(server, route);
    if (!to.session) return;
    auto cleared = clear_for(*to.session, server, message, Channel::elicitation);
    if (cleared) {
      to.session->general().send(InspectionGate::notification(method, std::move(*cleared)));
    }
  }
}

Broker::Addressee Broker::addressee(const Upstream& server, CallRoute* route) const {
  Addressee to;
  if (route) {
    to.call = static_cast<SessionCall*>(route);
    to.session = &to.call->session();
    to.stream = &to.call->related();
    return to;
  }
  std::size_t calls = 0;
  bool several = false;
  server.each_route([&](CallRoute& one) {
    auto& call = static_cast<SessionCall&>(one);
    several = several || (to.session && to.session != &call.session());
    to.session = &call.session();
    to.call = &call;
    ++calls;
  });
  // Of several agents nobody can say whose it is: better lost than told to a stranger.
  if (several) return Addressee{};
  if (calls == 0 && sessions_.size() == 1 && may_hear(*sessions_.front(), server)) {
    to.session = sessions_.front();
  }
  if (calls != 1) to.call = nullptr;
  if (to.session) to.stream = to.call ? &to.call->related() : &to.session->general();
  return to;
}

// A server whose items an agent does not get has nothing to say to it either.
bool Broker::may_hear(const Session& session, const Upstream& server) const {
  if (!session.revision()) return false;
  for (ItemKind kind : {ItemKind::tool, ItemKind::prompt, ItemKind::resource,
                        ItemKind::resource_template, ItemKind::instructions}) {
    for (const CatalogueItem& item : catalogue_.items(kind)) {
      bool own = item.server == server.entry().name && item.standing == Standing::approved;
      if (own && policy().sees(session.agent(), item)) return true;
    }
  }
  return false;
}

std::optional<Cleared> Broker::clear_for(const Session& session, Upstream& server,
                                         const Message& message, Channel channel) {
  auto json = tasks_.to_agent(*message.params(), server.entry().name, session.agent());
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

void Broker::pass_progress(Upstream& server, const Message& message, SessionCall& call) {
  Value params = *message.params();
  auto token = params.find("progressToken");
  if (!token || call.progress_token().empty()) return;
  Rewrite rewrite(params.raw(), params.begin());
  rewrite.replace(*token, call.progress_token());
  tasks_.rewrite_for_agent(rewrite, params, server.entry().name, call.session().agent());
  auto cleared = clear(server, message, Channel::progress, std::move(rewrite).apply());
  if (!cleared) return;
  call.related().send(InspectionGate::notification(message.method(), std::move(*cleared)));
}

void Broker::pass_log(Upstream& server, const Message& message, CallRoute* route) {
  auto level = message.params()->find("level");
  if (!level || !level->is_string()) return;
  Addressee to = addressee(server, route);
  if (!to.session || !to.session->wants_log(level->text())) return;
  auto cleared = clear_for(*to.session, server, message, Channel::log_message);
  if (!cleared) return;
  to.stream->send(InspectionGate::notification("notifications/message", std::move(*cleared)));
}

void Broker::pass_update(Upstream& server, const Message& message) {
  auto uri = message.params()->find("uri");
  if (!uri || !uri->is_string()) return;
  auto cleared =
      clear(server, message, Channel::notification, std::string(message.params()->raw()));
  if (!cleared) return;
  std::string text = uri->text();
  for (Session* session : sessions_) {
    session->resource_updated(server.entry().name, text, *cleared);
  }
}

void Broker::pass_task_status(Upstream& server, const Message& message) {
  auto id = message.params()->find("taskId");
  if (!id || !id->is_string()) return;
  auto visible = tasks_.visible_id(server.entry().name, id->text());
  if (!visible) return;
  const AgentName agent = tasks_.find(*visible)->agent;
  auto json = tasks_.to_agent(*message.params(), server.entry().name, agent);
  if (!json) return;
  auto cleared = clear(server, message, Channel::task, *json);
  if (!cleared) return;
  for (Session* session : sessions_) {
    if (session->agent() != agent) continue;
    session->general().send(InspectionGate::notification(message.method(), *cleared));
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
  if (!to.session) {
    return refuse(Reason::ambiguous, "it cannot be told which agent this is for");
  }
  if (!to.session->offers(sampling ? "sampling" : "elicitation")) {
    return refuse(Reason::unknown_method, "the agent does not offer this");
  }
  auto cleared =
      clear_for(*to.session, server, message, sampling ? Channel::sampling : Channel::elicitation);
  if (!cleared) return refuse(Reason::inspection, "withheld by inspection");
  Record question;
  question.kind = "server.question";
  question.agent = to.session->agent().text();
  question.session = to.session->id();
  question.server = server.name();
  question.method = message.method();
  question.decision = "allow";
  record(std::move(question));
  if (!to.session->ask(server.shared_from_this(), message, std::move(*cleared), to.call,
                       *to.stream)) {
    refuse(Reason::overloaded, "the agent cannot be asked now");
  }
}

}  // namespace toolgate

// What sessions together want from a server: updates of resources and a level of log messages. A
// server has one client, the broker, so the wishes of all sessions are joined.

#include <algorithm>

#include "gateway/broker/broker.hpp"

namespace toolgate {
namespace {

constexpr std::string_view level_words[] = {"debug", "info",     "notice", "warning",
                                            "error", "critical", "alert",  "emergency"};

Task<> tell(std::shared_ptr<Upstream> server, std::string method, std::string params) {
  BrokerId id = server->next_id();
  // The answer holds nothing; a server that refuses simply does not send.
  Result<Reply> reply = co_await server->request(id, std::move(method), std::move(params),
                                                 server->entry().limits.call_ms, nullptr);
  if (!reply) co_return;
}

}  // namespace

Task<std::optional<Inspected>> Session::subscribe(const Message& message, AgentStream& related,
                                                  bool on) {
  auto params = message.params();
  auto uri = params ? params->find("uri") : std::nullopt;
  if (!uri || !uri->is_string()) {
    co_return error(message, Refusal(Reason::invalid_params, "'uri' must be a string"));
  }
  std::string text = uri->text();
  auto target = broker_.calls().resolve_uri(*this, text, Channel::resource);
  if (!target) co_return error(message, target.refusal());
  SessionCall call(*this, message, related);
  std::shared_ptr<Upstream> server = target->upstream;
  Status up = co_await server->ready([&] { return call.cancelled() || closed_; });
  if (!up) co_return error(message, up.refusal());

  std::pair<ServerName, std::string> wish(server->entry().name, text);
  if (on && subscriptions_.size() >= broker_.limits().session.subscriptions) {
    co_return error(message, Refusal(Reason::overloaded, "too many subscriptions"));
  }
  bool others = broker_.anybody_subscribes(wish.first, wish.second);
  if (!on) {
    subscriptions_.erase(wish);
    others = broker_.anybody_subscribes(wish.first, wish.second);
  }
  if (!others) {
    BrokerId id = server->next_id();
    call.sent(server, id);
    auto reply =
        co_await server->request(id, message.method(), R"({"uri":)" + json_quote(text) + "}",
                                 server->entry().limits.call_ms, &call);
    if (!reply) co_return error(message, reply.refusal());
    if (reply->is_error()) {
      Inspection inspection = broker_.gate().inspect(Channel::error, reply->message.body());
      if (inspection.cleared) {
        co_return InspectionGate::error(message.id(), std::move(*inspection.cleared));
      }
      co_return error(message,
                      Refusal(Reason::inspection, "the answer was withheld by inspection"));
    }
  }
  if (on && !closed_) subscriptions_.insert(std::move(wish));
  co_return InspectionGate::own(result_text(message.id().raw(), "{}"));
}

bool Broker::anybody_subscribes(const ServerName& server, const std::string& uri) const {
  return std::ranges::any_of(sessions_,
                             [&](const Session* one) { return one->subscribes(server, uri); });
}

void Broker::unsubscribed(const ServerName& server, const std::string& uri) {
  auto upstream_of = upstream(server);
  if (stopping_ || !upstream_of || anybody_subscribes(server, uri)) return;
  records_.spawn(tell(upstream_of, "resources/unsubscribe", R"({"uri":)" + json_quote(uri) + "}"));
}

void Broker::resubscribe(Upstream& server) {
  std::set<std::string> wanted;
  for (const Session* session : sessions_) {
    for (const auto& [name, uri] : session->subscriptions()) {
      if (name == server.entry().name) wanted.insert(uri);
    }
  }
  for (const std::string& uri : wanted) {
    records_.spawn(tell(server.shared_from_this(), "resources/subscribe",
                        R"({"uri":)" + json_quote(uri) + "}"));
  }
}

void Broker::levels_changed() {
  if (!stopping_) records_.spawn(tell_levels());
}

Task<> Broker::tell_levels() {
  std::optional<int> least;
  for (const Session* session : sessions_) {
    if (session->log_level() && (!least || *session->log_level() < *least)) {
      least = session->log_level();
    }
  }
  if (!least) co_return;
  std::string level(level_words[static_cast<std::size_t>(*least)]);
  for (const auto& [name, server] : std::map(upstreams_)) {
    bool ready = server->state() == Upstream::State::ready && server->offer();
    if (!ready || server->offer()->capabilities.find("\"logging\"") == std::string::npos) continue;
    co_await tell(server, "logging/setLevel", R"({"level":")" + level + R"("})");
  }
}

}  // namespace toolgate

// What sessions together want from a server: updates of resources and a level of log messages. A
// server has one client, the broker, so the wishes of all sessions are joined.

#include <algorithm>

#include "gateway/broker/broker.hpp"

namespace toolgate {
namespace {

constexpr std::string_view level_words[] = {"debug", "info",     "notice", "warning",
                                            "error", "critical", "alert",  "emergency"};

constexpr Milliseconds tell_ms{5'000};  // a server that hangs holds nobody up for longer

Task<> tell(std::shared_ptr<Upstream> server, std::string method, std::string params) {
  BrokerId id = server->next_id();
  // The answer holds nothing; a server that refuses simply does not send.
  Result<Reply> reply =
      co_await server->request(id, std::move(method), std::move(params), tell_ms, nullptr);
  if (!reply) co_return;
}

}  // namespace

Task<std::optional<Inspected>> Session::subscribe(const Message& message, AgentStream& related) {
  auto params = message.params();
  auto uri = params ? params->find("uri") : std::nullopt;
  if (!uri || !uri->is_string()) {
    co_return error(message, Refusal(Reason::invalid_params, "'uri' must be a string"));
  }
  std::string text = uri->text();
  auto target = broker_.calls().resolve_uri(*this, text, Channel::resource);
  if (!target) co_return error(message, target.refusal());
  if (subscriptions_.size() >= broker_.limits().session.subscriptions) {
    co_return error(message, Refusal(Reason::overloaded, "too many subscriptions"));
  }
  std::pair<ServerName, std::string> wish(target->upstream->entry().name, text);
  if (broker_.anybody_subscribes(wish.first, wish.second)) {
    subscriptions_.insert(std::move(wish));
    co_return InspectionGate::own(result_text(message.id().raw(), "{}"));
  }
  SessionCall call(*this, message, related);
  auto answer = co_await broker_.calls().run(call, message);
  if (!call.succeeded()) co_return answer;
  if (closed_) {
    broker_.unsubscribed(wish.first, wish.second);
  } else {
    subscriptions_.insert(std::move(wish));
  }
  co_return answer;
}

// Needs no approval, so that what was subscribed to can be left when the approval has gone.
Inspected Session::unsubscribe(const Message& message) {
  auto params = message.params();
  auto uri = params ? params->find("uri") : std::nullopt;
  if (!uri || !uri->is_string()) {
    return error(message, Refusal(Reason::invalid_params, "'uri' must be a string"));
  }
  std::string text = uri->text();
  std::set<std::pair<ServerName, std::string>> left;
  for (const auto& wish : subscriptions_) {
    if (wish.second == text) left.insert(wish);
  }
  for (const auto& wish : left) subscriptions_.erase(wish);
  for (const auto& [server, what] : left) broker_.unsubscribed(server, what);
  return InspectionGate::own(result_text(message.id().raw(), "{}"));
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

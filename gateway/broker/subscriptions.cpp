// What sessions together want from a server: updates of resources and a level of log messages. A
// server has one client, the broker, so the wishes of all sessions are joined.

#include <algorithm>

#include "gateway/broker/broker.hpp"
#include "gateway/core/syslog_level.hpp"

namespace toolgate {
namespace {

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
  auto target = broker_.calls().resolve_uri(agent_, text, Channel::resource);
  if (!target) co_return error(message, target.refusal());
  // How it is told of the wish depends on the era that it speaks.
  Status up = co_await target->upstream->ready([this] { return closed_; });
  if (!up) co_return error(message, up.refusal());
  if (subscriptions_.size() >= broker_.limits().session.subscriptions) {
    co_return error(message, Refusal(Reason::overloaded, "too many subscriptions"));
  }
  std::pair<ServerName, std::string> wish(target->upstream->entry().name, text);
  bool asks_nobody =
      target->upstream->is_modern() || broker_.anybody_subscribes(wish.first, wish.second);
  if (asks_nobody) {
    SubscriptionFilter granted;
    granted.watched.insert(wish);
    Status recorded = co_await broker_.record_subscription(agent_, id_, message.method(), granted);
    if (!recorded) co_return error(message, recorded.refusal());
    if (closed_) co_return error(message, Refusal(Reason::cancelled, "the session has ended"));
    ServerName server = wish.first;
    subscriptions_.insert(std::move(wish));
    broker_.wishes_changed(server);
    co_return InspectionGate::own(result_text(message.id().raw(), "{}"));
  }
  SessionCall call(*this, message, related);
  auto answer = co_await broker_.calls().run(call, message);
  if (call.succeeded() && closed_) broker_.unsubscribed(wish.first, wish.second);
  if (call.succeeded() && !closed_) subscriptions_.insert(std::move(wish));
  if (!answer) co_return std::nullopt;
  co_return std::move(*answer).message(message.id(), *revision_);
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

const std::string* subscription_for(const Listener::Resources& resources, const ServerName& server,
                                    const std::string& uri) {
  for (const auto& [from, subscribed] : resources) {
    bool part = uri.size() > subscribed.size() && uri.starts_with(subscribed) &&
                (subscribed.ends_with('/') || uri[subscribed.size()] == '/');
    if (from == server && (uri == subscribed || part)) return &subscribed;
  }
  return nullptr;
}

void Broker::listen(Listener& listener) {
  std::set<ServerName> modern;
  for (const auto& [server, uri] : listener.subscriptions()) {
    auto upstream_of = upstream(server);
    if (!upstream_of) continue;
    if (upstream_of->is_modern()) {
      modern.insert(server);
    } else if (!anybody_subscribes(server, uri)) {
      records_.spawn(
          tell(upstream_of, "resources/subscribe", R"({"uri":)" + json_quote(uri) + "}"));
    }
  }
  for (const std::string& id : listener.watched_tasks()) {
    if (const TaskEntry* task = tasks_.find(id)) modern.insert(task->server);
  }
  listeners_.push_back(&listener);
  for (const ServerName& server : modern) wishes_changed(server);
}

void Broker::unlisten(Listener& listener) {
  if (std::erase(listeners_, &listener) == 0) return;
  std::set<ServerName> modern;
  for (const auto& [server, uri] : listener.subscriptions()) {
    auto upstream_of = upstream(server);
    if (upstream_of && upstream_of->is_modern()) {
      modern.insert(server);
    } else {
      unsubscribed(server, uri);
    }
  }
  for (const std::string& id : listener.watched_tasks()) {
    if (const TaskEntry* task = tasks_.find(id)) modern.insert(task->server);
  }
  for (const ServerName& server : modern) wishes_changed(server);
}

std::size_t Broker::watched_by(const AgentName& agent) const {
  std::size_t count = 0;
  for (const Listener* listener : listeners_) {
    if (listener->agent() == agent) count += listener->subscriptions().size();
  }
  return count;
}

void Broker::wishes_changed(const ServerName& server) {
  auto upstream_of = upstream(server);
  if (stopping_ || !upstream_of || !upstream_of->is_modern()) return;
  std::set<std::string> resources;
  std::set<std::string> tasks;
  for (const Listener* listener : listeners_) {
    for (const auto& [from, uri] : listener->subscriptions()) {
      if (from == server) resources.insert(uri);
    }
    for (const std::string& id : listener->watched_tasks()) {
      const TaskEntry* task = tasks_.find(id);
      if (task && task->server == server) tasks.insert(task->server_id);
    }
  }
  upstream_of->watch(std::move(resources), std::move(tasks));
}

bool Broker::tells_updates(const Upstream& server) const {
  if (!server.offer()) return false;
  auto document =
      parse_document(Untrusted<std::string>(server.offer()->capabilities), limits_.json);
  auto resources = document ? document->root().find("resources") : std::nullopt;
  auto subscribe = resources ? resources->find("subscribe") : std::nullopt;
  return subscribe && subscribe->is_boolean() && subscribe->boolean();
}

bool Broker::anybody_subscribes(const ServerName& server, const std::string& uri) const {
  return std::ranges::any_of(listeners_, [&](const Listener* one) {
    return one->subscriptions().contains({server, uri});
  });
}

void Broker::unsubscribed(const ServerName& server, const std::string& uri) {
  auto upstream_of = upstream(server);
  if (stopping_ || !upstream_of || anybody_subscribes(server, uri)) return;
  if (upstream_of->is_modern()) return wishes_changed(server);
  records_.spawn(tell(upstream_of, "resources/unsubscribe", R"({"uri":)" + json_quote(uri) + "}"));
}

void Broker::resubscribe(Upstream& server) {
  if (server.is_modern()) return wishes_changed(server.entry().name);
  std::set<std::string> wanted;
  for (const Listener* listener : listeners_) {
    for (const auto& [name, uri] : listener->subscriptions()) {
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
  told_levels_.clear();
  for (const auto& [name, server] : std::map(upstreams_)) co_await tell_level(server, *least);
}

Task<> Broker::tell_level(std::shared_ptr<Upstream> server, int level) {
  bool legacy = server->state() == Upstream::State::ready && server->offer() &&
                !server->is_modern() &&
                server->offer()->capabilities.find("\"logging\"") != std::string::npos;
  auto told = told_levels_.find(server->entry().name);
  if (!legacy || (told != told_levels_.end() && told->second <= level)) co_return;
  told_levels_[server->entry().name] = level;
  std::string word(syslog_levels[level]);
  co_await tell(server, "logging/setLevel", R"({"level":")" + word + R"("})");
}

}  // namespace toolgate

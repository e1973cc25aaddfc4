#include "gateway/broker/session.hpp"

#include <algorithm>

#include "gateway/broker/broker.hpp"
#include "gateway/core/clock.hpp"
#include "gateway/core/log.hpp"
#include "signing/digest.hpp"

namespace toolgate {
namespace {

constexpr std::size_t most_asks = 64;

std::optional<Value> string_param(const Message& message, std::string_view name) {
  auto params = message.params();
  auto value = params ? params->find(name) : std::nullopt;
  if (!value || !value->is_string()) return std::nullopt;
  return value;
}

// Counts a handle() that runs, whatever way it ends.
class Active {
 public:
  Active(std::size_t& count, asio::steady_timer& changed) : count_(count), changed_(changed) {
    ++count_;
  }
  ~Active() {
    --count_;
    changed_.cancel();
  }
  Active(const Active&) = delete;

 private:
  std::size_t& count_;
  asio::steady_timer& changed_;
};

// Takes a request's id out of the set again.
class Claimed {
 public:
  Claimed(std::set<std::string>& keys, std::string key) : keys_(keys), key_(std::move(key)) {
    fresh_ = keys_.insert(key_).second;
  }
  ~Claimed() {
    if (fresh_) keys_.erase(key_);
  }
  Claimed(const Claimed&) = delete;
  bool fresh() const { return fresh_; }

 private:
  std::set<std::string>& keys_;
  std::string key_;
  bool fresh_ = false;
};

}  // namespace

std::optional<int> log_severity(std::string_view level) {
  static constexpr std::string_view levels[] = {"debug", "info",     "notice", "warning",
                                                "error", "critical", "alert",  "emergency"};
  for (std::size_t at = 0; at < std::size(levels); ++at) {
    if (levels[at] == level) return static_cast<int>(at);
  }
  return std::nullopt;
}

SessionCall::SessionCall(Session& session, const Message& request, AgentStream& related)
    : session_(session), related_(related), key_(request.id().key()) {
  auto params = request.params();
  auto meta = params ? params->find("_meta") : std::nullopt;
  auto token = meta ? meta->find("progressToken") : std::nullopt;
  if (token && (token->is_string() || token->is_number())) progress_token_ = token->raw();
  session_.calls_[key_] = this;
}

SessionCall::~SessionCall() {
  session_.calls_.erase(key_);
  session_.end_asks(this, "the call that asked has ended");
}

void SessionCall::sent(std::shared_ptr<Upstream> upstream, BrokerId id) {
  upstream_ = std::move(upstream);
  id_ = id;
}

void SessionCall::cancel(std::string why) {
  cancelled_ = true;
  if (upstream_) upstream_->cancel(id_, Refusal(Reason::cancelled, std::move(why)));
}

Session::Session(Broker& broker, AgentName agent, AgentStream& general, std::string transport)
    : broker_(broker),
      agent_(std::move(agent)),
      general_(general),
      transport_(std::move(transport)),
      id_(make_uuid_v7()),
      idle_(broker.executor()) {
  idle_.expires_at(std::chrono::steady_clock::time_point::max());
}

Session::~Session() { broker_.forget(*this); }

Task<> Session::close() {
  closed_ = true;
  for (auto& [key, call] : std::map(calls_)) call->cancel("the session ended");
  for (const auto& [name, upstream] : broker_.upstreams()) upstream->wake();
  auto subscriptions = std::exchange(subscriptions_, {});
  for (const auto& [server, uri] : subscriptions) broker_.unsubscribed(server, uri);
  while (active_ > 0) {
    idle_.expires_at(std::chrono::steady_clock::time_point::max());
    co_await idle_.async_wait(as_result);
  }
  end_asks(nullptr, "the agent's session has ended");
  broker_.forget(*this);
  broker_.levels_changed();
}

Inspected Session::refuse(const BadMessage& bad) {
  return InspectionGate::own(error_text(bad.id_raw, bad.refusal));
}

Inspected Session::error(const Message& message, const Refusal& refusal) {
  return InspectionGate::own(error_text(message.id().raw(), refusal));
}

Task<std::optional<Inspected>> Session::handle(Message message, AgentStream& related) {
  if (message.is_response()) {
    answered(message);
    co_return std::nullopt;
  }
  if (message.is_notification()) {
    notified(message);
    co_return std::nullopt;
  }
  Active active(active_, idle_);
  Claimed claimed(request_keys_, message.id().key());
  if (!claimed.fresh()) {
    co_return error(message,
                    Refusal(Reason::invalid_request, "a request with this id is in progress"));
  }
  if (closed_) co_return error(message, Refusal(Reason::cancelled, "the session has ended"));
  std::string fault;
  try {
    std::optional<Inspected> answer = co_await dispatch(message, related);
    co_return answer;
  } catch (const std::exception& thrown) {
    fault = thrown.what();
  }
  log_line(LogLevel::error, "session.fault", {{"session", id_}, {"what", fault}});
  co_return error(message,
                  Refusal(Reason::internal, "internal error; the gateway's log has the details"));
}

Task<std::optional<Inspected>> Session::dispatch(const Message& message, AgentStream& related) {
  const std::string& method = message.method();
  if (method == "ping") co_return InspectionGate::own(result_text(message.id().raw(), "{}"));
  if (method == "initialize") co_return initialize(message);
  if (!revision_) {
    co_return error(message, Refusal(Reason::not_initialized, "initialize comes first"));
  }
  for (const ListMethod& list_method : list_methods) {
    if (method == list_method.method) co_return list(message, list_method);
  }
  if (method == "logging/setLevel") co_return co_await set_level(message);
  if (method == "resources/subscribe") co_return co_await subscribe(message, related);
  if (method == "resources/unsubscribe") co_return unsubscribe(message);
  if (method == "tasks/list") {
    co_return co_await broker_.calls().list_tasks(*this, message, related);
  }
  for (std::string_view forwarded :
       {"tools/call", "prompts/get", "resources/read", "completion/complete", "tasks/get",
        "tasks/result", "tasks/cancel"}) {
    if (method != forwarded) continue;
    SessionCall call(*this, message, related);
    co_return co_await broker_.calls().run(call, message);
  }
  co_return error(message, Refusal(Reason::unknown_method, "no such method"));
}

Inspected Session::initialize(const Message& message) {
  if (revision_) {
    return error(message, Refusal(Reason::invalid_request, "initialized already"));
  }
  auto version = string_param(message, "protocolVersion");
  if (!version) {
    return error(message, Refusal(Reason::invalid_params, "protocolVersion must be a string"));
  }
  auto capabilities = message.params()->find("capabilities");
  if (!capabilities || !capabilities->is_object()) {
    return error(message, Refusal(Reason::invalid_params, "capabilities must be an object"));
  }
  for (const Member& member : capabilities->members()) capabilities_.insert(member.name);
  revision_ = legacy_revision_from(version->text()).value_or(latest_legacy_revision);

  std::set<std::string> offered = broker_.capabilities();
  std::string json = R"("tools":{"listChanged":true})";
  if (offered.contains("prompts")) json += R"(,"prompts":{"listChanged":true})";
  if (offered.contains("resources")) {
    json += R"(,"resources":{"subscribe":true,"listChanged":true})";
  }
  if (offered.contains("logging")) json += R"(,"logging":{})";
  if (offered.contains("completions") && *revision_ >= Revision::r2025_03_26) {
    json += R"(,"completions":{})";
  }
  if (offered.contains("tasks") && *revision_ >= Revision::r2025_11_25) {
    json += R"(,"tasks":{"list":{},"cancel":{},"requests":{"tools":{"call":{}}}})";
  }
  std::string result = R"({"protocolVersion":")" + std::string(revision_text(*revision_)) +
                       R"(","capabilities":{)" + json +
                       R"(},"serverInfo":{"name":"toolgate","version":")" TOOLGATE_VERSION R"("})";
  if (auto instructions = broker_.instructions(agent_)) {
    result += R"(,"instructions":)" + *instructions;
  }
  result += "}";
  log_line(LogLevel::info, "session.open",
           {{"session", id_},
            {"agent", agent_.text()},
            {"transport", transport_},
            {"revision", std::string(revision_text(*revision_))}});
  return InspectionGate::own(result_text(message.id().raw(), result));
}

// Of tools and prompts that share a name none is listed. URIs are only ambiguous when they are
// read.
bool Session::is_one_of_several(const CatalogueItem& item) const {
  if (item.kind != ItemKind::tool && item.kind != ItemKind::prompt) return false;
  Policy policy = broker_.policy();
  auto same = broker_.catalogue().find(item.kind, item.exposed);
  return std::ranges::count_if(same, [&](const CatalogueItem* other) {
           return other->standing == Standing::approved && policy.sees(agent_, *other);
         }) > 1;
}

Inspected Session::list(const Message& message, const ListMethod& method) {
  std::string fingerprint = broker_.catalogue().fingerprint(method.kind).substr(7, 16);
  std::size_t from = 0;
  auto params = message.params();
  if (auto cursor = params ? params->find("cursor") : std::nullopt) {
    std::string text = cursor->is_string() ? cursor->text() : "";
    std::size_t colon = text.find(':');
    bool valid = colon != std::string::npos && text.substr(colon + 1) == fingerprint && colon > 0 &&
                 colon < 10 && text.find_first_not_of("0123456789") == colon;
    if (!valid) {
      return error(message,
                   Refusal(Reason::invalid_params,
                           "this cursor is not valid (any more): list from the beginning"));
    }
    from = std::stoul(text.substr(0, colon));
  }
  std::string items;
  std::size_t at = 0;
  std::size_t shown = 0;
  std::optional<std::size_t> next;
  Policy policy = broker_.policy();
  std::int64_t now = now_utc_ns();
  for (const CatalogueItem& item : broker_.catalogue().items(method.kind)) {
    bool listed = item.is_listed(now) && policy.sees(agent_, item) && !is_one_of_several(item);
    if (!listed || at++ < from) continue;
    if (shown == broker_.limits().page_items) {
      next = at - 1;
      break;
    }
    if (shown++ > 0) items += ',';
    items += item.listed->json();
  }
  std::string result = R"({")" + std::string(method.member) + R"(":[)" + items + "]";
  if (next) result += R"(,"nextCursor":")" + std::to_string(*next) + ":" + fingerprint + R"(")";
  result += "}";
  return InspectionGate::own(result_text(message.id().raw(), result));
}

Task<std::optional<Inspected>> Session::set_level(const Message& message) {
  auto level = string_param(message, "level");
  auto severity = level ? log_severity(level->text()) : std::nullopt;
  if (!severity) {
    co_return error(message, Refusal(Reason::invalid_params, "level must be a syslog severity"));
  }
  log_level_ = severity;
  co_await broker_.tell_levels();
  co_return InspectionGate::own(result_text(message.id().raw(), "{}"));
}

bool Session::wants_log(std::string_view level) const {
  auto severity = log_severity(level);
  return severity && (!log_level_ || *severity >= *log_level_);
}

bool Session::offers(std::string_view capability) const {
  return capabilities_.contains(std::string(capability));
}

void Session::list_changed(ItemKind kind) {
  if (!revision_) return;
  std::string_view method = "notifications/tools/list_changed";
  if (kind == ItemKind::prompt) method = "notifications/prompts/list_changed";
  if (kind == ItemKind::resource || kind == ItemKind::resource_template) {
    method = "notifications/resources/list_changed";
  }
  general_.send(InspectionGate::own(notification_text(method, "{}")));
}

bool Session::subscribes(const ServerName& server, const std::string& uri) const {
  return subscriptions_.contains({server, uri});
}

void Session::resource_updated(const ServerName& server, const std::string& uri,
                               const Cleared& params) {
  for (const auto& [from, subscribed] : subscriptions_) {
    // A server may report a part of what was subscribed to.
    bool part = uri.size() > subscribed.size() && uri.starts_with(subscribed) &&
                (subscribed.ends_with('/') || uri[subscribed.size()] == '/');
    if (from == server && (uri == subscribed || part)) {
      general_.send(InspectionGate::notification("notifications/resources/updated", params));
      return;
    }
  }
}

void Session::notified(const Message& message) {
  if (message.method() != "notifications/cancelled")
    return;  // the others are answered by the broker
  auto params = message.params();
  auto id = params ? params->find("requestId") : std::nullopt;
  if (!id || (!id->is_string() && !id->is_number())) return;
  auto call = calls_.find(RequestId(*id).key());
  if (call != calls_.end()) call->second->cancel("the agent cancelled the request");
}

bool Session::ask(std::shared_ptr<Upstream> server, const Message& request, Cleared params,
                  SessionCall* call, AgentStream& stream) {
  if (closed_ || asks_.size() >= most_asks) return false;
  std::string id = "tg-" + std::to_string(++last_ask_);
  Ask ask;
  ask.server = server;
  ask.server_id = request.id();
  ask.call = call;
  ask.stream = &stream;
  asks_.emplace("s:" + id, std::move(ask));
  bool sent =
      stream.send(InspectionGate::request(json_quote(id), request.method(), std::move(params)));
  if (!sent) asks_.erase("s:" + id);
  return sent;
}

void Session::answered(const Message& message) {
  auto found = asks_.find(message.id().key());
  if (found == asks_.end()) return;  // nobody asked, or it was answered already
  Ask ask = std::move(found->second);
  asks_.erase(found);
  auto server = ask.server.lock();
  if (!server) return;
  std::string_view member = message.kind() == MessageKind::error ? "error" : "result";
  server->answer(R"({"jsonrpc":"2.0","id":)" + ask.server_id.raw() + R"(,")" + std::string(member) +
                 R"(":)" + std::string(message.body().raw()) + "}");
}

void Session::withdraw(const Upstream& server, const RequestId& server_request_id) {
  for (auto found = asks_.begin(); found != asks_.end(); ++found) {
    if (found->second.server.lock().get() != &server) continue;
    if (!(found->second.server_id == server_request_id)) continue;
    found->second.stream->send(InspectionGate::own(notification_text(
        "notifications/cancelled", R"({"requestId":)" + json_quote(found->first.substr(2)) + "}")));
    asks_.erase(found);
    return;
  }
}

void Session::end_asks(const SessionCall* call, const std::string& why) {
  for (auto at = asks_.begin(); at != asks_.end();) {
    if (call && at->second.call != call) {
      ++at;
      continue;
    }
    if (auto server = at->second.server.lock()) {
      server->answer(error_text(at->second.server_id.raw(), Refusal(Reason::cancelled, why)));
    }
    general_.send(InspectionGate::own(notification_text(
        "notifications/cancelled", R"({"requestId":)" + json_quote(at->first.substr(2)) + "}")));
    at = asks_.erase(at);
  }
}

}  // namespace toolgate

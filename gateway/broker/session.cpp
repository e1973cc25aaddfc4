#include "gateway/broker/session.hpp"

#include "gateway/broker/broker.hpp"
#include "gateway/broker/listing.hpp"
#include "gateway/core/clock.hpp"
#include "gateway/core/envelope.hpp"
#include "gateway/core/log.hpp"
#include "gateway/core/syslog_level.hpp"

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

SessionCall::SessionCall(Session& session, const Message& request, AgentStream& related)
    : AgentCall(request, related), session_(session), key_(request.id().key()) {
  session_.calls_[key_] = this;
}

SessionCall::~SessionCall() {
  session_.calls_.erase(key_);
  session_.end_asks(this, "the call that asked has ended");
}

const AgentName& SessionCall::agent() const { return session_.agent(); }
const std::string& SessionCall::session_id() const { return session_.id(); }
Revision SessionCall::revision() const { return *session_.revision(); }
const ClientCapabilities& SessionCall::capabilities() const { return session_.capabilities(); }

// A legacy server decides what to log until a level is set; a modern one logs only when asked to.
std::optional<int> SessionCall::log_level() const {
  return session_.log_level() ? session_.log_level() : syslog_level("info");
}

bool SessionCall::wants_log(int level) const { return session_.wants_log(level); }

bool SessionCall::ask(Question question) {
  return session_.ask(std::move(question), this, related());
}

void SessionCall::withdraw(const Upstream& server, const RequestId& server_id) {
  session_.withdraw(server, server_id);
}

Session::Session(Broker& broker, AgentName agent, AgentStream& general, std::string transport)
    : broker_(broker),
      agent_(std::move(agent)),
      general_(general),
      transport_(std::move(transport)),
      id_(make_uuid_v7()),
      stateless_(broker, agent_, id_),
      idle_(broker.executor()) {
  idle_.expires_at(std::chrono::steady_clock::time_point::max());
}

Session::~Session() { broker_.forget(*this); }

Task<> Session::close() {
  closed_ = true;
  for (auto& [key, call] : std::map(calls_)) {
    call->cancel("the session ended");
    end_asks(call, "the session ended");
  }
  stateless_.close();
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
    answered(std::move(message));
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
  if (claimed_revision(message)) {
    co_return co_await stateless_.handle(message, related, nullptr);
  }
  if (method == "ping") co_return InspectionGate::own(result_text(message.id().raw(), "{}"));
  if (method == "initialize") co_return initialize(message);
  if (!revision_) {
    co_return error(message, Refusal(Reason::not_initialized, "initialize comes first"));
  }
  if (!has_method(broker_.capabilities(), method) && !has_method(announced_, method)) {
    co_return error(message, Refusal(Reason::unknown_method, "no such method"));
  }
  for (const ListMethod& list_method : list_methods) {
    if (method == list_method.method) co_return list(message, list_method);
  }
  if (method == "logging/setLevel") co_return co_await set_level(message);
  if (method == "resources/subscribe") co_return co_await subscribe(message, related);
  if (method == "resources/unsubscribe") co_return unsubscribe(message);
  if (method == "tasks/list") {
    SessionCall call(*this, message, related);
    auto answer = co_await broker_.calls().list_tasks(call, message);
    if (!answer) co_return std::nullopt;
    co_return std::move(*answer).message(message.id(), *revision_);
  }
  for (std::string_view forwarded :
       {"tools/call", "prompts/get", "resources/read", "completion/complete", "tasks/get",
        "tasks/result", "tasks/cancel", "skills/get", "resources/directory/read"}) {
    if (method == forwarded) co_return co_await call(message, related);
  }
  co_return error(message, Refusal(Reason::unknown_method, "no such method"));
}

Task<std::optional<Inspected>> Session::call(const Message& message, AgentStream& related) {
  SessionCall call(*this, message, related);
  auto answer = co_await broker_.calls().run(call, message);
  if (!answer) co_return std::nullopt;
  co_return std::move(*answer).message(message.id(), *revision_);
}

Inspected Session::initialize(const Message& message) {
  if (revision_) {
    return error(message, Refusal(Reason::invalid_request, "initialized already"));
  }
  broker_.wake();
  auto version = string_param(message, "protocolVersion");
  if (!version) {
    return error(message, Refusal(Reason::invalid_params, "protocolVersion must be a string"));
  }
  auto capabilities = message.params()->find("capabilities");
  if (!capabilities || !capabilities->is_object()) {
    return error(message, Refusal(Reason::invalid_params, "capabilities must be an object"));
  }
  capabilities_ = ClientCapabilities::from(*capabilities);
  capabilities_.tasks = false;  // the extension belongs to the modern era
  revision_ = legacy_revision_from(version->text()).value_or(latest_legacy_revision);
  announced_ = broker_.capabilities();

  std::string result = R"({"protocolVersion":")" + std::string(revision_text(*revision_)) +
                       R"(","capabilities":)" + broker_.capabilities_json(*revision_) +
                       R"(,"serverInfo":)" + std::string(own_info);
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

Inspected Session::list(const Message& message, const ListMethod& method) {
  auto page = list_page(broker_, agent_, message, method);
  if (!page) return error(message, page.refusal());
  return InspectionGate::own(result_text(message.id().raw(), "{" + *page + "}"));
}

Task<std::optional<Inspected>> Session::set_level(const Message& message) {
  auto level = string_param(message, "level");
  auto severity = level ? syslog_level(level->text()) : std::nullopt;
  if (!severity) {
    co_return error(message, Refusal(Reason::invalid_params, "level must be a syslog severity"));
  }
  log_level_ = severity;
  co_await broker_.tell_levels();
  co_return InspectionGate::own(result_text(message.id().raw(), "{}"));
}

void Session::list_changed(ItemKind kind) {
  if (!revision_) return;
  general_.send(InspectionGate::own(notification_text(list_changed_method(kind), "{}")));
}

void Session::resource_updated(const Cleared& params) {
  general_.send(InspectionGate::notification("notifications/resources/updated", params));
}

// The tasks of 2025-11-25 alone: the extension's have a notification of their own.
void Session::task_changed(const std::string& method, const std::string&, const Cleared& params) {
  if (!revision_ || method != "notifications/tasks/status") return;
  general_.send(InspectionGate::notification(method, params));
}

// In the legacy era every status of an agent's own tasks is told, without being asked for.
const std::set<std::string>& Session::watched_tasks() const {
  static const std::set<std::string> none;
  return none;
}

void Session::notified(const Message& message) {
  if (message.method() != "notifications/cancelled")
    return;  // the others are answered by the broker
  auto params = message.params();
  auto id = params ? params->find("requestId") : std::nullopt;
  if (!id || (!id->is_string() && !id->integer())) return;
  RequestId request(*id);
  auto call = calls_.find(request.key());
  if (call == calls_.end()) return stateless_.cancel(request);
  call->second->cancel("the agent cancelled the request");
  end_asks(call->second, "the agent cancelled the request");
}

bool Session::ask(Question question, SessionCall* call, AgentStream& stream) {
  if (closed_ || asks_.size() >= most_asks) return false;
  std::string id = "tg-" + std::to_string(++last_ask_);
  Inspected message = InspectionGate::request(json_quote(id), question.method, question.params);
  asks_.emplace("s:" + id, Ask{std::move(question), call, &stream});
  bool sent = stream.send(std::move(message));
  if (!sent) asks_.erase("s:" + id);
  return sent;
}

void Session::answered(Message message) {
  auto found = asks_.find(message.id().key());
  if (found == asks_.end()) return;  // nobody asked, or it was answered already
  Ask ask = std::move(found->second);
  asks_.erase(found);
  ask.question.answered(Reply{std::move(message)});
}

void Session::withdraw(const Upstream& server, const RequestId& server_request_id) {
  for (auto found = asks_.begin(); found != asks_.end(); ++found) {
    const Question& question = found->second.question;
    if (question.server.lock().get() != &server) continue;
    if (!(question.server_id == server_request_id)) continue;
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
    at->second.question.answered(Refusal(Reason::cancelled, why));
    general_.send(InspectionGate::own(notification_text(
        "notifications/cancelled", R"({"requestId":)" + json_quote(at->first.substr(2)) + "}")));
    at = asks_.erase(at);
  }
}

}  // namespace toolgate

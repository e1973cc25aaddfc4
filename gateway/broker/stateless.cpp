#include "gateway/broker/stateless.hpp"

#include "gateway/broker/broker.hpp"
#include "gateway/broker/listing.hpp"
#include "gateway/broker/request_state.hpp"
#include "gateway/core/clock.hpp"
#include "gateway/core/log.hpp"

namespace toolgate {
namespace {

constexpr std::size_t most_subscriptions = 64;  // of one pipe
constexpr std::int64_t list_ttl_ms = 5'000;     // a revoked tool is not believed in for longer

constexpr std::string_view forwarded_methods[] = {
    "tools/call",   "prompts/get",  "resources/read", "completion/complete",     "tasks/get",
    "tasks/update", "tasks/cancel", "skills/get",     "resources/directory/read"};

std::string cacheable() {
  return R"("resultType":"complete","ttlMs":)" + std::to_string(list_ttl_ms) +
         R"(,"cacheScope":"private","_meta":{")" + std::string(meta_server) + R"(":)" +
         std::string(own_info) + "}";
}

// The capability that a list belongs to is not offered: neither is the list.
bool is_offered(const Broker& broker, const ListMethod& method) {
  return method.capability == "tools" ||
         broker.capabilities().contains(std::string(method.capability));
}

// Stands in a map for as long as it lives.
template <class T>
class Listed {
 public:
  Listed(std::map<std::string, T*>& map, std::string key, T& what)
      : map_(map), key_(std::move(key)) {
    map_[key_] = &what;
  }
  ~Listed() { map_.erase(key_); }
  Listed(const Listed&) = delete;

 private:
  std::map<std::string, T*>& map_;
  std::string key_;
};

}  // namespace

StatelessRequests::StatelessRequests(Broker& broker, AgentName agent, std::string session_id)
    : broker_(broker), agent_(std::move(agent)), session_id_(std::move(session_id)) {}

Task<std::optional<Inspected>> StatelessRequests::handle(
    const Message& message, AgentStream& related, const std::vector<HeaderField>* arguments) {
  broker_.saw_stateless();
  auto envelope = parse_envelope(message);
  if (!envelope) {
    http_status_ = 400;
    const Refusal& why = envelope.refusal();
    std::string text =
        why.reason == Reason::unsupported_revision
            ? unsupported_revision_text(message.id().raw(), claimed_revision(message).value_or(""))
            : error_text(message.id().raw(), why);
    co_return InspectionGate::own(std::move(text));
  }
  StatelessOrigin origin;
  origin.agent = agent_;
  origin.session_id = session_id_;
  origin.envelope = std::move(*envelope);
  if (arguments) origin.argument_headers = *arguments;
  Revision revision = origin.envelope.revision;
  auto answer = co_await dispatch(message, related, std::move(origin));
  if (!answer) co_return std::nullopt;
  http_status_ = answer->http_status();
  co_return std::move(*answer).message(message.id(), revision);
}

Task<std::optional<Answer>> StatelessRequests::dispatch(const Message& message,
                                                        AgentStream& related,
                                                        StatelessOrigin origin) {
  const std::string& method = message.method();
  if (method == "server/discover") co_return discover();
  broker_.wake();
  for (const ListMethod& list_method : list_methods) {
    if (method == list_method.method) co_return list(message, list_method);
  }
  if (method == "subscriptions/listen") co_return co_await listen(message, related, origin);
  if (method.starts_with("tasks/") && !origin.envelope.capabilities.tasks) {
    co_return tasks_needed();
  }
  for (std::string_view forwarded : forwarded_methods) {
    bool is_there = method == forwarded && has_method(broker_.capabilities(), method);
    if (is_there) co_return co_await call(message, related, std::move(origin));
  }
  co_return Answer::refusal(Refusal(Reason::unknown_method, "no such method"));
}

Answer StatelessRequests::tasks_needed() {
  return Answer::refusal(
      Refusal(Reason::missing_capability, "the client did not declare the tasks extension"), "",
      R"("requiredCapabilities":{"extensions":{")" + std::string(tasks_extension) + R"(":{}}})");
}

Answer StatelessRequests::discover() const {
  std::string result = "{" + cacheable() + R"(,"supportedVersions":[")" +
                       std::string(revision_text(latest_revision)) + R"("],"capabilities":)" +
                       broker_.capabilities_json(latest_revision);
  if (auto instructions = broker_.instructions(agent_)) {
    result += R"(,"instructions":)" + *instructions;
  }
  return Answer::own(result + "}");
}

Answer StatelessRequests::list(const Message& message, const ListMethod& method) const {
  if (!is_offered(broker_, method)) {
    return Answer::refusal(Refusal(Reason::unknown_method, "no server offers this"));
  }
  auto page = list_page(broker_, agent_, message, method);
  if (!page) return Answer::refusal(page.refusal());
  return Answer::own("{" + cacheable() + "," + *page + "}");
}

Task<std::optional<Answer>> StatelessRequests::call(const Message& message, AgentStream& related,
                                                    StatelessOrigin origin) {
  auto state = carried_state(message);
  if (state && *state) origin.state = std::move(**state);
  auto call = std::make_shared<StatelessCall>(broker_, std::move(origin), message, related);
  if (!state) co_return co_await broker_.calls().refuse(*call, message, state.refusal());
  if (call->request_state() && !call->request_state()->parked.empty()) {
    co_return co_await come_back(*call, message, related);
  }
  if (call->may_be_asked()) {
    broker_.spawn(StatelessCall::run(call));
    co_return co_await follow(call, message);
  }
  Listed listed(calls_, message.id().key(), *call);
  co_return co_await broker_.calls().run(*call, call->request());
}

// What an earlier answer gave the agent to carry, if it brings it back.
Result<std::optional<RequestState>> StatelessRequests::carried_state(const Message& message) const {
  auto sealed = message.params()->find("requestState");
  if (!sealed) return std::optional<RequestState>();
  if (!sealed->is_string()) {
    return Refusal(Reason::invalid_params, "'requestState' must be a string");
  }
  auto state = open_request_state(broker_.seal(), sealed->text(), request_binding(agent_, message),
                                  now_utc_ns());
  if (!state) return state.refusal();
  return std::optional<RequestState>(std::move(*state));
}

// It brings what a call that waits here was stopped for.
Task<std::optional<Answer>> StatelessRequests::come_back(StatelessCall& back,
                                                         const Message& message,
                                                         AgentStream& related) {
  auto responses = parse_input_responses(*message.params());
  if (!responses) co_return co_await broker_.calls().refuse(back, message, responses.refusal());
  Status goes_on;
  {
    // The agent may give up while this is put on record: the call waits on for it then.
    Listed listed(calls_, message.id().key(), back);
    goes_on = co_await broker_.calls().go_on(back, message);
  }
  if (back.cancelled()) co_return std::nullopt;
  auto call = broker_.parked().take(back.request_state()->parked);
  if (!goes_on) {
    if (call) call->give_up("it may not go on");
    co_return co_await broker_.calls().refuse(back, message, goes_on.refusal());
  }
  if (!call) {
    Refusal gone(Reason::invalid_params,
                 "the call that asked for this input does not wait here any more: make the "
                 "request again, without requestState");
    co_return co_await broker_.calls().refuse(back, message, std::move(gone));
  }
  call->attach(back, related);
  call->reply(*responses);
  co_return co_await follow(call, message);
}

// Until the call is over, or stops for questions.
Task<std::optional<Answer>> StatelessRequests::follow(std::shared_ptr<StatelessCall> call,
                                                      const Message& message) {
  bool over = false;
  {
    // However this ends, the call holds no stream of a request that is gone.
    struct Attached {
      ~Attached() {
        if (!kept) call.give_up("the request ended");
      }
      StatelessCall& call;
      bool kept = false;
    } attached{*call};
    Listed listed(calls_, message.id().key(), *call);
    over = co_await call->turn();
    attached.kept = true;
  }
  if (over) co_return call->take_answer();
  co_return stopped_for_input(std::move(call), message);
}

Answer StatelessRequests::stopped_for_input(std::shared_ptr<StatelessCall> call,
                                            const Message& message) {
  std::string questions = call->questions_json();
  call->detach();
  auto name = broker_.parked().park(call);
  if (!name) {
    call->give_up("too many calls wait for input");
    return Answer::refusal(Refusal(Reason::overloaded, "too many calls wait for input already"));
  }
  RequestState state;
  state.parked = *name;
  state.expires_ns = now_utc_ns() + request_state_ns;
  auto sealed = seal_request_state(broker_.seal(), state, request_binding(agent_, message));
  if (!sealed) return Answer::refusal(sealed.refusal());
  return Answer::own(R"({"resultType":"input_required","inputRequests":)" + questions +
                     R"(,"requestState":)" + json_quote(*sealed) + "}");
}

Task<std::optional<Answer>> StatelessRequests::listen(const Message& message, AgentStream& related,
                                                      const StatelessOrigin& origin) {
  auto wish = message.params()->find("notifications");
  bool wants_tasks = wish && wish->find("taskIds");
  if (wants_tasks && !origin.envelope.capabilities.tasks) co_return tasks_needed();
  if (subscriptions_.size() >= most_subscriptions) {
    co_return Answer::refusal(
        Refusal(Reason::overloaded, "too many subscriptions are open on this connection"));
  }
  // Registered before anything is waited for, so that it can be cancelled at any time.
  Subscription subscription(broker_, agent_, message.id(), related);
  Listed listed(subscriptions_, message.id().key(), subscription);
  auto granted =
      co_await grant_subscription(broker_, agent_, message, [&] { return subscription.is_over(); });
  if (!granted) co_return Answer::refusal(granted.refusal());
  Status recorded =
      co_await broker_.record_subscription(agent_, session_id_, message.method(), *granted);
  if (!recorded) co_return Answer::refusal(recorded.refusal());
  bool owed = co_await subscription.run(std::move(*granted));
  if (!owed) co_return std::nullopt;
  co_return Answer::own(subscription.result());
}

void StatelessRequests::cancel(const RequestId& request) {
  auto call = calls_.find(request.key());
  if (call != calls_.end()) call->second->give_up("the agent cancelled the request");
  auto subscription = subscriptions_.find(request.key());
  if (subscription != subscriptions_.end()) subscription->second->cancel();
}

void StatelessRequests::cancel_all(const std::string& why) {
  for (auto& [key, call] : std::map(calls_)) call->give_up(why);
  for (auto& [key, subscription] : std::map(subscriptions_)) subscription->cancel();
}

void StatelessRequests::wind_down() {
  for (auto& [key, subscription] : std::map(subscriptions_)) subscription->end();
}

void StatelessRequests::close() {
  wind_down();
  for (auto& [key, call] : std::map(calls_)) call->give_up("the connection ended");
}

StatelessPost::StatelessPost(Broker& broker, AgentName agent, std::vector<HeaderField> arguments)
    : requests_(broker, std::move(agent), ""),
      arguments_(std::move(arguments)),
      idle_(broker.executor()) {}

Task<std::optional<Inspected>> StatelessPost::handle(Message message, AgentStream& related) {
  struct Active {
    explicit Active(StatelessPost& on) : post(on) { ++post.active_; }
    ~Active() {
      --post.active_;
      post.idle_.cancel();
    }
    StatelessPost& post;
  };
  if (!message.is_request()) co_return std::nullopt;  // there is nothing to be told of over HTTP
  Active active(*this);
  auto answer = co_await requests_.handle(message, related, &arguments_);
  co_return answer;
}

Inspected StatelessPost::refuse(const BadMessage& bad) {
  return InspectionGate::own(error_text(bad.id_raw, bad.refusal));
}

Task<> StatelessPost::close() {
  requests_.cancel_all("the agent's connection is gone");
  while (active_ > 0) {
    idle_.expires_at(asio::steady_timer::time_point::max());
    co_await idle_.async_wait(as_result);
  }
}

}  // namespace toolgate

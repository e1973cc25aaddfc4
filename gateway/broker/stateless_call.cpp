#include "gateway/broker/stateless_call.hpp"

#include <boost/asio/post.hpp>

#include "gateway/broker/broker.hpp"
#include "gateway/core/log.hpp"
#include "signing/keys.hpp"

namespace toolgate {
namespace {

constexpr std::size_t most_questions = 64;  // of one call at once
constexpr std::size_t most_parked_of_agent = 32;
constexpr std::size_t most_parked_of_server = 64;  // half of what it has in flight at most
constexpr std::size_t most_parked = 1'024;
constexpr std::size_t most_parked_bytes = std::size_t{16} << 20;  // of their requests
constexpr std::chrono::minutes parked_for{10};

// Where the side messages of a parked call go.
class Nowhere : public AgentStream {
 public:
  bool send(Inspected) override { return false; }
};

AgentStream& nowhere() {
  static Nowhere stream;
  return stream;
}

}  // namespace

StatelessCall::StatelessCall(Broker& broker, StatelessOrigin origin, Message request,
                             AgentStream& related)
    : AgentCall(request, related),
      broker_(broker),
      origin_(std::move(origin)),
      request_(std::move(request)),
      changed_(broker.executor()) {}

const std::vector<HeaderField>* StatelessCall::argument_headers() const {
  return origin_.argument_headers ? &*origin_.argument_headers : nullptr;
}

bool StatelessCall::may_be_asked() const {
  const ClientCapabilities& can = capabilities();
  return may_need_input(request_.method()) &&
         (can.elicitation_form || can.elicitation_url || can.sampling);
}

bool StatelessCall::ask(Question question) {
  if (!may_be_asked() || cancelled() || over_ || questions_.size() >= most_questions) return false;
  questions_.emplace("q" + std::to_string(++last_question_), std::move(question));
  changed_.cancel();
  return true;
}

void StatelessCall::withdraw(const Upstream& server, const RequestId& server_id) {
  std::erase_if(questions_, [&](const auto& one) {
    return one.second.server.lock().get() == &server && one.second.server_id == server_id;
  });
}

Task<> StatelessCall::run(std::shared_ptr<StatelessCall> call) {
  try {
    call->answer_ = co_await call->broker_.calls().run(*call, call->request_);
  } catch (const std::exception& fault) {
    log_line(LogLevel::error, "call.fault", {{"what", fault.what()}});
    call->answer_ = Answer::refusal(
        Refusal(Reason::internal, "internal error; the gateway's log has the details"));
  }
  call->over_ = true;
  for (auto& [key, question] : std::exchange(call->questions_, {})) {
    question.answered(Refusal(Reason::cancelled, "the call that asked has ended"));
  }
  call->changed_.cancel();
}

Task<bool> StatelessCall::turn() {
  for (;;) {
    while (!over_ && questions_.empty()) {
      changed_.expires_at(asio::steady_timer::time_point::max());
      co_await changed_.async_wait(as_result);
    }
    if (over_) co_return true;
    // A server that asks several things at once is heard to its end; it may take them back, too.
    co_await asio::post(broker_.executor(), asio::use_awaitable);
    if (over_ || !questions_.empty()) co_return over_;
  }
}

std::string StatelessCall::questions_json() const {
  std::string json = "{";
  for (const auto& [key, question] : questions_) {
    if (json.size() > 1) json += ',';
    json += json_quote(key) + R"(:{"method":)" + json_quote(question.method) + R"(,"params":)" +
            question.params.json() + "}";
  }
  return json + "}";
}

bool StatelessCall::reply(const InputResponses& responses) {
  for (const auto& [key, json] : responses) {
    auto found = questions_.find(key);
    if (found == questions_.end()) continue;
    // What the agent says goes to the server as it came, in the form of a response.
    auto parsed = parse_message(Untrusted<std::string>(result_text("0", json)), JsonLimits());
    auto* message = std::get_if<Message>(&parsed);
    if (!message) continue;
    Question question = std::move(found->second);
    questions_.erase(found);
    question.answered(Reply{std::move(*message)});
  }
  return questions_.empty();
}

void StatelessCall::attach(const StatelessCall& back, AgentStream& related) {
  relate(related, back.request_);
  origin_.envelope = back.origin_.envelope;
}

void StatelessCall::detach() { relate(nowhere()); }

void StatelessCall::give_up(const std::string& why) {
  detach();
  cancel(why);
  for (auto& [key, question] : std::exchange(questions_, {})) {
    question.answered(Refusal(Reason::cancelled, why));
  }
}

ParkedCalls::ParkedCalls(asio::any_io_executor executor)
    : executor_(executor), tasks_(executor, "parked calls") {}

std::optional<std::string> ParkedCalls::park(std::shared_ptr<StatelessCall> call) {
  if (!has_room_for(*call)) {
    // Results that nobody has fetched make room for questions that somebody may still answer.
    for (auto at = calls_.begin(); at != calls_.end();) {
      at = at->second.call->is_over() ? calls_.erase(at) : std::next(at);
    }
    if (!has_room_for(*call)) return std::nullopt;
  }
  std::string name = random_token();
  calls_.emplace(name, Parked{std::move(call), asio::steady_timer(executor_, parked_for)});
  tasks_.spawn(expire(name));
  return name;
}

bool ParkedCalls::has_room_for(const StatelessCall& call) const {
  std::size_t of_agent = 0;
  std::size_t of_server = 0;
  std::size_t bytes = call.bytes();
  for (const auto& [name, parked] : calls_) {
    of_agent += parked.call->agent() == call.agent();
    of_server += parked.call->server() == call.server();
    bytes += parked.call->bytes();
  }
  return of_agent < most_parked_of_agent && of_server < most_parked_of_server &&
         calls_.size() < most_parked && bytes <= most_parked_bytes;
}

std::shared_ptr<StatelessCall> ParkedCalls::take(const std::string& name) {
  auto found = calls_.find(name);
  if (found == calls_.end()) return nullptr;
  auto call = std::move(found->second.call);
  calls_.erase(found);  // ends the timer's wait
  return call;
}

Task<> ParkedCalls::expire(std::string name) {
  auto found = calls_.find(name);
  if (found == calls_.end()) co_return;
  auto [taken] = co_await found->second.expiry.async_wait(as_result);
  if (taken) co_return;
  auto call = take(name);
  if (call) call->give_up("the agent did not come back with the answers");
}

Task<> ParkedCalls::end() {
  for (auto& [name, parked] : std::exchange(calls_, {})) parked.call->give_up("the gateway stops");
  co_await tasks_.drain(Milliseconds(0));
}

}  // namespace toolgate

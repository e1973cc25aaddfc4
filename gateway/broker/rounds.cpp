// To a server and back, as often as it needs something first (MCP 2026-07-28, "Multi Round-Trip
// Requests"). Roots are the broker's own answer. An agent of the legacy era is asked while its call
// waits; one of the modern era gets the questions as its answer and comes back with a new request.

#include <boost/asio/steady_timer.hpp>

#include "gateway/broker/broker.hpp"
#include "gateway/broker/call_path.hpp"
#include "gateway/broker/request_state.hpp"
#include "gateway/core/clock.hpp"
#include "gateway/core/rewrite.hpp"

namespace toolgate {
namespace {

constexpr unsigned most_rounds = 8;
constexpr Milliseconds question_ms{600'000};

// The server whose answer it was belongs into the text.
Refusal said_by(const Target& target, const Refusal& why) {
  return Refusal(why.reason, "server '" + target.upstream->name() + "': " + why.detail);
}

// A task's questions come with its status and go to the agent: only those that it declared, and
// never one for its roots.
Status check_task_questions(const Target& target, const AgentCall& call, const Message& message,
                            const Value& body) {
  auto questions = body.find("inputRequests");
  bool none = !questions || (questions->is_object() && questions->size() == 0);
  if (message.method() != "tasks/get" || none) return done();
  auto asked = parse_input_requests(body);
  if (!asked) return said_by(target, asked.refusal());
  for (const InputRequest& one : asked->requests) {
    if (one.params && call.capabilities().answers(one.method, *one.params)) continue;
    return Refusal(Reason::bad_answer, "server '" + target.upstream->name() +
                                           "' asks for something that this agent does not offer");
  }
  return done();
}

// What a modern server may not answer with: an error about the broker's own doing, a result of a
// type that does not go with the request.
Status check_reply(const Target& target, const AgentCall& call, const Message& message,
                   const Reply& reply) {
  Upstream& upstream = *target.upstream;
  if (!upstream.is_modern()) return done();
  Value body = reply.message.body();
  if (reply.is_error()) {
    auto code = body.find("code")->integer();
    bool about_us = code == json_rpc_code(Reason::header_mismatch) ||
                    code == json_rpc_code(Reason::unsupported_revision);
    if (!about_us) return done();
    upstream.refresh();  // perhaps its tools have changed
    return Refusal(Reason::bad_answer, "server '" + upstream.name() +
                                           "' did not take the request as its tools say it should "
                                           "be made (error " +
                                           std::to_string(*code) + "): its lists are read anew");
  }
  auto type = result_type(body);
  if (!type) return said_by(target, type.refusal());
  bool fits =
      *type == ResultType::complete ||
      (*type == ResultType::input_required && may_need_input(message.method())) ||
      (*type == ResultType::task && message.method() == "tools/call" && call.capabilities().tasks);
  if (fits) return check_task_questions(target, call, message, body);
  return Refusal(Reason::bad_answer,
                 "server '" + upstream.name() + "' answered with a result of the wrong type");
}

// A question that waits for the agent. Shared with whoever may answer it, who may outlive the wait.
struct Waiting {
  explicit Waiting(const asio::any_io_executor& executor) : changed(executor) {
    changed.expires_after(question_ms);
  }
  std::optional<Result<Reply>> answer;
  asio::steady_timer changed;  // cancelled by the answer
};

}  // namespace

bool asks_for_input(const Target& target, const Reply& reply) {
  if (reply.is_error() || !target.upstream->is_modern()) return false;
  auto type = result_type(reply.message.body());
  return type && *type == ResultType::input_required;
}

Result<Round> CallPath::first_round(const AgentCall& call, const Message& message,
                                    const Target& target) const {
  Round round;
  bool answers = may_need_input(message.method()) || message.method() == "tasks/update";
  if (!is_modern(call.revision()) || !answers) return round;
  auto responses = parse_input_responses(*message.params());
  if (!responses) return responses.refusal();
  if (message.method() == "tasks/update") return round;  // they go on as they came
  const RequestState* state = call.request_state();
  if (!target.upstream->is_modern() && (state || !responses->empty())) {
    // A legacy server asks while its call waits, and none waits for this.
    return Refusal(Reason::invalid_params,
                   "no call waits here for these answers: make the request again, without them");
  }
  round.responses = std::move(*responses);
  if (!state) return round;
  if (state->server != target.upstream->entry().identity().text()) {
    return Refusal(Reason::invalid_params,
                   "the server that asked is another one now: make the request again, without "
                   "requestState");
  }
  round.server_state = state->server_state;
  for (const auto& [key, answer] : state->own_answers) round.responses[key] = answer;
  return round;
}

Task<Result<Reply>> CallPath::forward_once(const Admitted& admitted, const Target& target,
                                           BrokerId id, AgentCall& call, std::string params) {
  if (call.cancelled()) co_return Refusal(Reason::cancelled, "the agent cancelled the request");
  // While the intent was written, the server or the administrator may have changed their mind.
  auto still = verified(call.agent(), target);
  if (!still) co_return still.refusal();
  auto permit = broker_.policy().decide(call.agent(), *still);
  if (!permit) co_return permit.refusal();
  if (still->verified->pin() != admitted.definition().pin()) {
    co_return Refusal(Reason::held, "'" + target.exposed + "' changed while it was called");
  }
  const Carriage& carriage = admitted.call().carriage;
  if (carriage.stateless != target.upstream->is_modern()) {
    co_return Refusal(Reason::unavailable, "server '" + target.upstream->name() +
                                               "' was started anew meanwhile: call again");
  }
  call.sent(target.upstream, id);
  co_return co_await target.upstream->request(id, admitted.call().method, std::move(params),
                                              target.upstream->entry().limits.call_ms, &call,
                                              carriage);
}

Task<Result<Reply>> CallPath::forward(const Admitted& admitted, const Target& target, BrokerId id,
                                      AgentCall& call, const Message& message, Round& round) {
  bool asks_for_logs = is_modern(call.revision()) && call.log_level();
  if (asks_for_logs && !target.upstream->is_modern()) {
    co_await broker_.tell_level(target.upstream, *call.log_level());
  }
  std::string params = admitted.call().params;
  for (unsigned rounds = 0; rounds < most_rounds; ++rounds) {
    auto reply = co_await forward_once(admitted, target, id, call, std::move(params));
    if (!reply) co_return reply.refusal();
    Status sound = check_reply(target, call, message, *reply);
    if (!sound) co_return sound.refusal();
    if (!asks_for_input(target, *reply)) co_return std::move(*reply);
    auto asked = parse_input_requests(reply->message.body());
    if (!asked) co_return said_by(target, asked.refusal());
    round = Round();
    round.server_state = std::move(asked->state);
    std::vector<InputRequest> questions;
    for (InputRequest& one : asked->requests) {
      if (one.method == "roots/list") {
        round.responses[one.key] = roots_result(target.upstream->entry());
      } else {
        questions.push_back(std::move(one));
      }
    }
    bool is_agents_turn =
        is_modern(call.revision()) && (!questions.empty() || asked->requests.empty());
    if (is_agents_turn) co_return std::move(*reply);
    auto answers = co_await ask_agent(call, target, questions);
    if (!answers) co_return answers.refusal();
    round.responses.merge(*answers);
    id = target.upstream->next_id();
    auto next = params_for(call, message, target, id, round);
    if (!next) co_return next.refusal();
    params = std::move(*next);
  }
  co_return Refusal(Reason::bad_answer,
                    "server '" + target.upstream->name() + "' asks for input again and again");
}

Result<Cleared> CallPath::clear_question(const AgentCall& call, const Target& target,
                                         const InputRequest& request) {
  if (!request.params || !call.capabilities().answers(request.method, *request.params)) {
    return Refusal(Reason::bad_answer, "server '" + target.upstream->name() +
                                           "' asks for something that this agent does not offer");
  }
  bool sampling = request.method == "sampling/createMessage";
  Inspection inspection =
      broker_.gate().inspect(sampling ? Channel::sampling : Channel::elicitation, *request.params);
  if (inspection.cleared) return std::move(*inspection.cleared);
  Record finding;
  finding.kind = "finding";
  finding.server = target.upstream->name();
  finding.method = request.method;
  finding.decision = verdict_name(inspection.verdict);
  finding.findings = std::move(inspection.findings);
  broker_.record(std::move(finding));
  return Refusal(Reason::inspection,
                 "what server '" + target.upstream->name() + "' asks was withheld by inspection");
}

// All at once; they are answered in any order.
Task<Result<InputResponses>> CallPath::ask_agent(AgentCall& call, const Target& target,
                                                 const std::vector<InputRequest>& requests) {
  std::vector<std::shared_ptr<Waiting>> waiting;
  for (const InputRequest& request : requests) {
    auto cleared = clear_question(call, target, request);
    if (!cleared) co_return cleared.refusal();
    auto one = std::make_shared<Waiting>(broker_.executor());
    auto answered = [one](Result<Reply> answer) {
      one->answer = std::move(answer);
      one->changed.cancel();
    };
    broker_.record_question(call, *target.upstream, request.method);
    Question question{request.method, std::move(*cleared), std::move(answered)};
    if (!call.ask(std::move(question))) {
      co_return Refusal(Reason::overloaded, "the agent cannot be asked now");
    }
    waiting.push_back(std::move(one));
  }
  InputResponses responses;
  for (std::size_t at = 0; at < waiting.size(); ++at) {
    Waiting& one = *waiting[at];
    if (!one.answer) co_await one.changed.async_wait(as_result);
    if (call.cancelled()) co_return Refusal(Reason::cancelled, "the agent cancelled the request");
    if (!one.answer) co_return Refusal(Reason::timed_out, "the agent did not answer the question");
    if (!*one.answer) co_return one.answer->refusal();
    const Reply& answer = **one.answer;
    if (answer.is_error()) {
      co_return Refusal(Reason::unanswered, "the agent refused to answer what server '" +
                                                target.upstream->name() + "' asked");
    }
    responses.emplace(requests[at].key, std::string(answer.message.body().raw()));
  }
  co_return responses;
}

// The agent's turn: the questions are its answer, without those that the broker answers itself.
Result<Answer> CallPath::hand_over(const AgentCall& call, const Message& message,
                                   const Target& target, const Reply& reply, const Round& round,
                                   Inspection& inspection) {
  auto asked = parse_input_requests(reply.message.body());
  if (!asked) return asked.refusal();
  bool sampling = false;
  for (const InputRequest& one : asked->requests) {
    if (one.method == "roots/list") continue;
    if (!one.params || !call.capabilities().answers(one.method, *one.params)) {
      return Refusal(Reason::bad_answer, "server '" + target.upstream->name() +
                                             "' asks for something that this agent does not offer");
    }
    sampling = sampling || one.method == "sampling/createMessage";
  }
  std::string questions = "{}";
  if (auto requests = reply.message.body().find("inputRequests")) {
    Rewrite rewrite(requests->raw(), requests->begin());
    rewrite.reshape(
        *requests,
        [](const Value& one) {
          auto method = one.find("method");
          return method && method->equals("roots/list");
        },
        "");
    questions = std::move(rewrite).apply();
  }
  auto document = parse_document(Untrusted<std::string>(std::move(questions)), JsonLimits());
  if (!document) return Refusal(Reason::bad_answer, "the server's questions cannot be read");
  inspection =
      broker_.gate().inspect(sampling ? Channel::sampling : Channel::elicitation, document->root());
  if (!inspection.cleared) return Answer::own("{}");  // withheld: nobody gets it
  for (const InputRequest& one : asked->requests) {
    if (one.method != "roots/list") broker_.record_question(call, *target.upstream, one.method);
  }
  std::string result = R"({"resultType":"input_required")";
  if (!asked->requests.empty()) result += R"(,"inputRequests":)" + inspection.cleared->json();
  if (round.server_state || !round.responses.empty()) {
    RequestState state;
    state.server = target.upstream->entry().identity().text();
    state.server_state = round.server_state;
    state.own_answers = round.responses;
    state.expires_ns = now_utc_ns() + request_state_ns;
    auto sealed = seal_request_state(broker_.seal(), state, request_binding(call.agent(), message));
    if (!sealed) return sealed.refusal();
    result += R"(,"requestState":)" + json_quote(*sealed);
  }
  return Answer::own(result + "}");
}

}  // namespace toolgate

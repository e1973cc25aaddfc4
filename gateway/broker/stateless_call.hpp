#pragma once
// A call of an agent of the modern era (MCP 2026-07-28). It owns its request, because it may
// outlast it: when a server of the legacy era asks the agent something in the middle of the call,
// the agent gets the question as the answer to its request, and the call waits, parked, for another
// request that brings the reply.

#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/broker/agent_call.hpp"
#include "gateway/broker/answer.hpp"
#include "gateway/broker/input_requests.hpp"
#include "gateway/broker/request_state.hpp"
#include "gateway/core/envelope.hpp"
#include "gateway/core/task_group.hpp"

namespace toolgate {

class Broker;

struct StatelessOrigin {
  AgentName agent;
  std::string session_id;  // of the pipe it came over; empty over HTTP
  Envelope envelope;
  std::optional<std::vector<HeaderField>> argument_headers;  // of HTTP
  std::optional<RequestState> state;
};

class StatelessCall : public AgentCall {
 public:
  StatelessCall(Broker& broker, StatelessOrigin origin, Message request, AgentStream& related);

  const AgentName& agent() const override { return origin_.agent; }
  const std::string& session_id() const override { return origin_.session_id; }
  Revision revision() const override { return origin_.envelope.revision; }
  const ClientCapabilities& capabilities() const override { return origin_.envelope.capabilities; }
  std::optional<int> log_level() const override { return origin_.envelope.log_level; }
  bool wants_log(int level) const override { return log_level() && level >= *log_level(); }
  const std::vector<HeaderField>* argument_headers() const override;
  const RequestState* request_state() const override {
    return origin_.state ? &*origin_.state : nullptr;
  }
  bool ask(Question question) override;
  void withdraw(const Upstream& server, const RequestId& server_id) override;

  const Message& request() const { return request_; }
  // Can it be asked anything at all? Then it must run as a task of its own.
  bool may_be_asked() const;

  // The whole call path. `call` keeps it alive.
  static Task<> run(std::shared_ptr<StatelessCall> call);
  // Waits until the call is over (true) or has questions (false).
  Task<bool> turn();
  bool is_over() const { return over_; }
  // What the call ended with, once; nothing when it was cancelled.
  std::optional<Answer> take_answer() { return std::exchange(answer_, std::nullopt); }

  // {"key": {"method", "params"}, …}: what waits for the agent now.
  std::string questions_json() const;
  // The agent's replies. Keys that wait for none are ignored. False when some questions remain.
  bool reply(const InputResponses& responses);
  // No request of the agent's is there: side messages go nowhere.
  void detach();
  // The agent came back: with another request, and with what its client can do now.
  void attach(const StatelessCall& back, AgentStream& related);
  std::size_t bytes() const { return request_.document().text().size(); }
  // Nobody will come back.
  void give_up(const std::string& why);

 private:
  Broker& broker_;
  StatelessOrigin origin_;
  Message request_;
  std::map<std::string, Question> questions_;  // by the key that the agent sees
  std::uint64_t last_question_ = 0;
  bool over_ = false;
  std::optional<Answer> answer_;
  asio::steady_timer changed_;  // cancelled when over_ or questions_ change
};

// The calls that wait for an agent to come back. Each is given up after ten minutes.
class ParkedCalls {
 public:
  explicit ParkedCalls(asio::any_io_executor executor);
  ParkedCalls(const ParkedCalls&) = delete;

  // The name under which it waits; nothing when too much waits already: of this agent, before this
  // server, or of all.
  std::optional<std::string> park(std::shared_ptr<StatelessCall> call);
  // Takes it out; null when nothing waits under this name.
  std::shared_ptr<StatelessCall> take(const std::string& name);
  // Gives up what waits and waits for the end of all.
  Task<> end();

 private:
  struct Parked {
    std::shared_ptr<StatelessCall> call;
    asio::steady_timer expiry;
  };
  bool has_room_for(const StatelessCall& call) const;
  Task<> expire(std::string name);

  asio::any_io_executor executor_;
  std::map<std::string, Parked> calls_;
  TaskGroup tasks_;
};

}  // namespace toolgate

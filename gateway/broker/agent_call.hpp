#pragma once
// A request of an agent's while a server works on it, whatever era the agent speaks: whose it is,
// what may be asked of the agent, and where its side messages go. The call path and the broker see
// agents through this alone; session.hpp and stateless_call.hpp implement it.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/broker/upstream.hpp"
#include "gateway/core/agent.hpp"
#include "gateway/core/client_capabilities.hpp"
#include "gateway/core/message.hpp"
#include "gateway/core/names.hpp"
#include "inspectors/gate.hpp"

namespace toolgate {

class Session;
struct RequestState;

// Something that a server asks the agent: elicitation or sampling, inspected.
struct Question {
  std::string method;
  Cleared params;
  // Called at most once: the agent's response, or why there will be none.
  std::function<void(Result<Reply>)> answered;
  // The server's request that it came in, so that the server can withdraw it; empty for a question
  // that is part of a result.
  std::weak_ptr<Upstream> server = {};
  RequestId server_id = RequestId();
};

class AgentCall : public CallRoute {
 public:
  AgentCall(const Message& request, AgentStream& related);
  AgentCall(const AgentCall&) = delete;

  virtual const AgentName& agent() const = 0;
  virtual const std::string& session_id() const = 0;  // for the log; empty without a session
  virtual Session* session_or_null() { return nullptr; }
  virtual Revision revision() const = 0;
  virtual const ClientCapabilities& capabilities() const = 0;
  // The level that a modern server is told (gateway/core/syslog_level.hpp); nothing: it logs
  // nothing.
  virtual std::optional<int> log_level() const = 0;
  virtual bool wants_log(int level) const = 0;
  // The Mcp-Param-* lines that came with the request, where its transport has them.
  virtual const std::vector<HeaderField>* argument_headers() const { return nullptr; }
  // What an earlier round gave the agent to carry, if the request brought it back.
  virtual const RequestState* request_state() const { return nullptr; }
  // Puts a question to the agent. False when it cannot be asked: `answered` is not called then.
  virtual bool ask(Question question) = 0;
  // The server does not want an answer any more.
  virtual void withdraw(const Upstream& server, const RequestId& server_id) = 0;

  // Where progress and log messages of this call go now.
  AgentStream& related() { return *related_; }
  // The agent's progress token in its exact text; empty when it gave none.
  const std::string& progress_token() const { return progress_token_; }
  // From here on a cancellation reaches the server.
  void sent(std::shared_ptr<Upstream> upstream, BrokerId id);
  // The server that it was sent to; null before.
  const Upstream* server() const { return upstream_.get(); }
  bool cancelled() const { return cancelled_; }
  void cancel(std::string why);
  // The server did what it was asked for, and that is in the log.
  void succeed() { succeeded_ = true; }
  bool succeeded() const { return succeeded_; }

 protected:
  void relate(AgentStream& stream) { related_ = &stream; }
  // From now on it is this request that the agent waits for.
  void relate(AgentStream& stream, const Message& request);

 private:
  AgentStream* related_;
  std::string progress_token_;
  std::shared_ptr<Upstream> upstream_;
  BrokerId id_ = 0;
  bool cancelled_ = false;
  bool succeeded_ = false;
};

}  // namespace toolgate

#pragma once
// The seam between the broker and the transports on the agent's side. Connectors implement
// AgentStream and drive a Conversation; gateway/broker implements Conversation. Nothing here knows
// about HTTP, sessions ids or lines: what is tied to a session or a connection stays on the
// connectors' side of this seam.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/core/message.hpp"
#include "gateway/core/mirror.hpp"
#include "gateway/core/names.hpp"
#include "gateway/core/revision.hpp"
#include "gateway/core/task.hpp"
#include "gateway/core/untrusted.hpp"

namespace toolgate {

// Where messages to the agent go. send() never blocks and keeps the order; a stream that is full or
// gone drops the message and returns false.
class AgentStream {
 public:
  virtual ~AgentStream() = default;
  virtual bool send(Inspected message) = 0;
};

// One agent's session with the broker: from initialize to the end of the connection or session.
class Conversation {
 public:
  virtual ~Conversation() = default;

  // Handles one message and returns the answer for a request, nothing otherwise. `related` takes
  // what belongs to this request while it runs (progress, log messages, the server's own requests);
  // it must outlive the task. Never throws for what the agent sent.
  virtual Task<std::optional<Inspected>> handle(Message message, AgentStream& related) = 0;

  // The answer to bytes that were no message.
  virtual Inspected refuse(const BadMessage& bad) = 0;

  // What was negotiated; nothing before a successful initialize.
  virtual std::optional<Revision> revision() const = 0;

  // The end is near: subscriptions end gracefully, with their results; calls go on. Only asks:
  // whatever it leads to happens after it has returned.
  virtual void wind_down() {}

  // The transport is gone for good, or the session ended: calls in flight are cancelled. Must be
  // awaited before the conversation, and the streams it was given, are destroyed.
  virtual Task<> close() = 0;
};

// One request of the modern era that came by itself, over HTTP: it belongs to no session. handle()
// is called once; close() cancels it, which is what the loss of its connection means (MCP
// 2026-07-28, "Cancellation"). A Conversation that open() made handles modern requests as well:
// over lines both eras share the pipe.
class StatelessConversation : public Conversation {
 public:
  // What goes with the answer of handle(): 200, 400 or 404.
  virtual unsigned http_status() const = 0;

  // The gateway stops: a subscription ends gracefully, with its result; calls go on. Only asks:
  // whatever it leads to happens after it has returned. Any time after handle() has begun; at most
  // once.
  virtual void wind_down() = 0;
};

// Makes conversations; implemented by the broker.
class Conversations {
 public:
  virtual ~Conversations() = default;
  // `general` takes what belongs to no request (list changes, updates of subscribed resources) and
  // must outlive the conversation. `transport` is "stdio", "http" or "unix", for the log.
  virtual std::unique_ptr<Conversation> open(AgentName agent, AgentStream& general,
                                             std::string transport) = 0;
  // `arguments`: the Mcp-Param-* lines of the request. The other mirrored headers were compared
  // with the body already.
  virtual std::unique_ptr<StatelessConversation> open_stateless(
      AgentName agent, std::vector<HeaderField> arguments) = 0;
};

// Who may call: implemented by the gateway over the store.
class Doorkeeper {
 public:
  virtual ~Doorkeeper() = default;
  // The agent that a bearer token belongs to.
  virtual Result<AgentName> agent_for(std::string_view bearer_token) = 0;
  // Are calls without a token from the gateway's own user on this machine accepted (no agent was
  // added)?
  virtual bool accepts_local_user() = 0;
  // A refused attempt, for the record.
  virtual void refused(std::string_view transport, const Refusal& why) = 0;
};

}  // namespace toolgate

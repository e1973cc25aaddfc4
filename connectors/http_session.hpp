#pragma once
// Sessions of the HTTP endpoint: an agent's conversation, the SSE streams that it answers on, and
// what was sent on them (MCP "Transports", Session Management and Resumability).
//
// A session belongs to one agent. Its id is a name, not a proof: every request is authorised anew,
// and to another agent the session does not exist. One thread.

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "connectors/event_log.hpp"
#include "connectors/http_request.hpp"
#include "connectors/sse_writer.hpp"
#include "gateway/core/agent.hpp"
#include "gateway/core/limits.hpp"
#include "gateway/core/task.hpp"

namespace toolgate {

class HttpSession {
 public:
  using Clock = std::chrono::steady_clock;

  HttpSession(std::string id, AgentName agent, const SessionLimits& limits);
  HttpSession(const HttpSession&) = delete;
  ~HttpSession();  // asserts that the conversation was closed

  const std::string& id() const { return id_; }
  const AgentName& agent() const { return agent_; }
  Conversation& conversation() { return *conversation_; }
  // The stream that belongs to no request.
  AgentStream& general() { return general_; }

  // Once, before anything else: the conversation, made with general().
  void adopt(std::unique_ptr<Conversation> conversation);
  // Its initialize succeeded: requests may name the session from now on.
  void accept() { accepted_ = true; }
  bool is_accepted() const { return accepted_; }
  bool is_ended() const { return ended_; }

  // A request's id while the request is not answered. False: another one has it, or too many are.
  enum class Claim : std::uint8_t { granted, taken, too_many };
  Claim claim(const RequestId& id);
  void release(const RequestId& id);

  // A stream for one POST, read by `feed` until it is detached or another one takes its place.
  std::uint64_t begin_stream(SseFeed& feed);
  // Sends on a stream: into the log, and to the connection that reads it, if there is one.
  bool publish(std::uint64_t stream, const Inspected& message);
  void finish_stream(std::uint64_t stream);

  // GET without Last-Event-ID: what no connection was given yet, then what comes. 409 while another
  // connection reads. Returns the position that the feed starts at.
  std::expected<EventId, HttpRefusal> listen(SseFeed& feed);
  // GET with it: what came after that event on the stream it belongs to, then what comes; whoever
  // read the stream is broken off. 400 when the id is none of this session's, or the log no longer
  // reaches it.
  std::expected<EventId, HttpRefusal> resume(std::string_view last_event_id, SseFeed& feed);
  // The connection is gone.
  void detach(const SseFeed& feed);

  // Ends it: closes the conversation, which cancels what is in flight, and then the streams. Call
  // once for a session that is in no registry any more.
  Task<> end();

  // For idleness: a request in progress (counted), and when the last one was over.
  void enter() { ++users_; }
  void leave(Clock::time_point now);
  bool is_idle_since(Clock::time_point deadline) const;
  Clock::time_point last_used() const { return last_used_; }

 private:
  class General final : public AgentStream {
   public:
    explicit General(HttpSession& session) : session_(session) {}
    bool send(Inspected message) override;

   private:
    HttpSession& session_;
  };

  std::string id_;
  AgentName agent_;
  SessionLimits limits_;
  EventLog log_;
  std::uint64_t general_given_ = 0;  // the last position that some connection was given
  std::map<std::uint64_t, SseFeed*> feeds_;
  std::unordered_set<std::string> in_flight_;
  std::size_t users_ = 0;
  Clock::time_point last_used_;
  bool accepted_ = false;
  bool ended_ = false;
  bool closed_ = false;
  General general_;
  std::unique_ptr<Conversation> conversation_;
};

// Shared, because a connection in the middle of a request keeps the session that it works in, also
// after the session was ended by another connection.
using SessionHandle = std::shared_ptr<HttpSession>;

// Counts a request while it is in progress.
class SessionUse {
 public:
  explicit SessionUse(HttpSession& session) : session_(session) { session_.enter(); }
  SessionUse(const SessionUse&) = delete;
  ~SessionUse() { session_.leave(HttpSession::Clock::now()); }

 private:
  HttpSession& session_;
};

class HttpSessions {
 public:
  explicit HttpSessions(const Limits& limits) : limits_(limits) {}

  bool is_full() const { return sessions_.size() >= limits_.door.sessions; }
  // Takes out the session that is out of use for longest, of the agent that has most: an agent that
  // forgets its sessions pushes out its own. Nothing when all of those are in use.
  SessionHandle remove_idlest();
  // A session that nobody can name before it is accepted. Nothing when the limit is reached.
  SessionHandle open(Conversations& conversations, const AgentName& agent);
  // The accepted session of that id, if it is this agent's.
  SessionHandle find(std::string_view id, const AgentName& agent) const;
  // Takes it out. False: somebody else did, and ends it.
  bool remove(const HttpSession& session);
  // Takes out all, or those that nobody used since.
  std::vector<SessionHandle> remove_all();
  std::vector<SessionHandle> remove_idle(HttpSession::Clock::time_point now);
  std::size_t size() const { return sessions_.size(); }

 private:
  const Limits& limits_;
  std::unordered_map<std::string, SessionHandle> sessions_;
};

}  // namespace toolgate

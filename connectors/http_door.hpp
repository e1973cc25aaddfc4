#pragma once
// The Streamable HTTP endpoint that agents talk to: POST, GET and DELETE on /mcp (MCP "Transports",
// "Streamable HTTP"). Both eras of the protocol are spoken on it, message by message: a POST whose
// body names its revision in _meta belongs to the modern era, every other one to the legacy era.
// The MCP-Protocol-Version header never decides; where it contradicts the body the POST is refused.
//
// Legacy era, revisions 2025-03-26 to 2025-11-25: sessions, which initialize opens.
//   POST     one message (a batch where 2025-03-26 was negotiated). A request is answered with
//   plain JSON,
//            or with an SSE stream as soon as something is sent before its answer or it takes
//            longer than session.sse_after_ms. Notifications and responses: 202.
//   GET      the stream for what belongs to no request; one at a time (409), and what came while
//   none was
//            open is delivered first. With Last-Event-ID any stream of the session goes on after
//            that event; 400 when the id is unknown or no longer kept.
//   DELETE   ends the session: 200.
// MCP-Protocol-Version may be left out and may name any revision of this era; what initialize
// negotiated decides all the same. A client that goes away does not cancel its calls: their events
// wait in the log.
//
// Modern era, revision 2026-07-28: every request stands alone.
//   POST     one request or notification, whose headers repeat fields of its body and must agree
//            with it (gateway/core/mirror.hpp; 400). A request is answered with plain JSON, with
//            the status 200, 400 or 404 that belongs to its answer; or, as above, with an SSE
//            stream (200), whose events have no ids and cannot be had again. Notifications: 202,
//            and nothing comes of them. Responses: 400. Mcp-Session-Id and Last-Event-ID mean
//            nothing.
//   GET, DELETE   405.
// A client that goes away cancels its request, at once or as soon as the sweep (below) sees it. One
// that closes its sending side alone (shutdown) while it waits counts as gone, too. At most
// session.in_flight requests of one agent are handled at a time (503).
//
// Only HTTP/1.1 is spoken. What is refused, and how: connectors/http_request.hpp.
//
// Every request is authorised by its bearer token; one without a token is the agent "local" where
// the Doorkeeper accepts that and the kernel's socket table says that the peer on loopback belongs
// to the gateway's own user.
//
// Closing by deadline is as exact as the sweep that looks at the deadlines: a quarter of the
// shortest of them, between 10 ms and 1 s.
//
// Does not protect against: a reverse proxy in front that makes every peer look local (configure
// agents with tokens there), or a token that is read on an unencrypted network (give it TLS files).

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/descriptor.hpp"
#include "gateway/core/agent.hpp"
#include "gateway/core/limits.hpp"
#include "gateway/core/result.hpp"
#include "gateway/core/task.hpp"

namespace toolgate {

struct HttpDoorSettings {
  std::string address = "127.0.0.1";  // an IPv4 or IPv6 address, or "localhost"
  std::uint16_t port = 0;             // 0: the system chooses; endpoint() tells
  std::string certificate;            // PEM files; both or none. With them: TLS 1.2 or newer alone
  std::string key;
  std::vector<std::string> allowed_hosts;  // connectors/host_check.hpp
  std::vector<std::string> allowed_origins;
  // Whoever connects is this agent, token or not: for a listener that nobody else can reach.
  std::optional<AgentName> only_agent;
  Limits limits;
};

class HttpDoor {
 public:
  // The references outlive the door. One thread: that of the executor.
  HttpDoor(asio::any_io_executor executor, Conversations& conversations, Doorkeeper& doorkeeper,
           HttpDoorSettings settings);
  HttpDoor(const HttpDoor&) = delete;
  ~HttpDoor();  // after stop(), if run() was called

  // Opens the port. Refuses with `bad_configuration` (address, certificate) or `unavailable` (port
  // taken).
  Status listen();
  // Takes a listening socket that somebody else made, at 127.0.0.1 in another network namespace.
  Status adopt(Descriptor listener);
  // "127.0.0.1:8808", "[::1]:8808"; after listen().
  std::string endpoint() const;
  std::uint16_t port() const;

  // Accepts connections until stop(). After listen() or adopt(); once.
  Task<> run();

  // Closes the port and asks subscriptions of the modern era to end; lets the calls in progress
  // finish for `grace`, then cancels them, ends the streams, closes all conversations and
  // connections and waits for them. Once.
  Task<> stop(std::chrono::milliseconds grace);

  // For status and metrics.
  std::size_t sessions() const;
  std::size_t connections() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace toolgate

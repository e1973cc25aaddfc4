#pragma once
// What the links to servers over HTTP are made from, and what both of them do alike.

#include <boost/asio/any_io_executor.hpp>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "connectors/http_client.hpp"
#include "connectors/url.hpp"
#include "gateway/core/limits.hpp"
#include "gateway/core/names.hpp"
#include "gateway/core/server_link.hpp"

namespace toolgate {

struct RemoteServer {
  ServerName name;
  Url url;
  // Sent with every request. The values are secrets: they are never logged and in no refusal.
  std::vector<std::pair<std::string, std::string>> headers;
  ServerLimits limits;
  std::string
      authorities_file;  // PEM: trust these instead of the system's roots; empty: the system's
  std::string certificate_key;         // as TlsClient::make() has it; empty: any
  Milliseconds owner_grace_ms{5'000};  // a link gives up so much later than its owner should
};

// MCP Streamable HTTP (revisions from 2025-03-26 on), and the HTTP+SSE transport of 2024-11-05. A
// header that cannot be sent, or that belongs to the protocol, makes open() refuse
// (bad_configuration).
//
// Both links report nothing after close() began or closed() was said: the requests that were in
// flight then have no answer. A request that nobody abandoned is lost() once its call_ms (or
// start_ms, the longer) is over, and owner_grace_ms later than that, so that the owner's own
// deadline comes first; one that is long_lived has no such end. HTTP+SSE knows no carriage.
//
// Before the server has taken anything, the reason for which a request is lost says what it is:
//
//   unsupported  it answered 404 or 405, or 400 and no JSON. A probe of the modern era goes on with
//                `initialize`, on the same link; an `initialize` goes on with HTTP+SSE. A 400 with
//                JSON says the same of a stateless request, and is `unavailable` for a legacy one.
//   bad_answer   it took the request, and what it said is no answer: 202, HTML, a message with
//                another id or none. An old server may do so to a probe.
//   others       nothing about the era: out of reach, too slow, credentials refused, broken.
//
// The JSON body of an error status was received() before its request is lost; a JSON-RPC error
// without an id does not end the request by itself.
std::unique_ptr<ServerLink> make_streamable_http_link(asio::any_io_executor executor,
                                                      RemoteServer server);
std::unique_ptr<ServerLink> make_sse_link(asio::any_io_executor executor, RemoteServer server);

// For the links themselves.

// The server's own headers, checked.
Result<HttpHeaders> configured_headers(const RemoteServer& server);
HttpClientLimits client_limits(const ServerLimits& limits);
Milliseconds longest_wait(const RemoteServer& server);
// "the server refused the credentials (HTTP 401)" and its kin.
Refusal refused_status(unsigned status);

// The next wait of a row of attempts that failed: doubles from `first`, at most `most`, and up to a
// quarter more by chance, so that many clients do not come back at once.
Milliseconds backoff(Milliseconds first, Milliseconds most, unsigned failures);

// Messages on their way out. HTTP gives no order between connections; what a server may rely on is
// kept: a message that follows a one-way message (`notifications/initialized`!) leaves when the
// server has taken that one. Requests do not wait for requests. (The modern era asks for no order;
// it is kept there as well.)
class SendOrder {
 public:
  struct Message {
    std::string text;
    std::optional<BrokerId> request = std::nullopt;
    std::optional<HttpHeaders> headers = std::nullopt;  // all of them, where it is stateless
    std::size_t bytes() const { return text.size() + (headers ? headers->text().size() : 0); }
  };

  explicit SendOrder(const ServerLimits& limits) : limits_(limits) {}
  // Refuses with `overloaded` past queued_bytes, or past in_flight requests.
  Status push(Message message);
  // The next message that may leave. Each one must be taken() and, in the end, over().
  std::optional<Message> pop();
  void taken(std::size_t bytes) { bytes_ -= bytes; }  // the server has read it, or never will
  void over(bool one_way);

 private:
  const ServerLimits limits_;
  std::deque<Message> waiting_;
  std::size_t bytes_ = 0;
  std::size_t requests_ = 0;
  bool one_way_runs_ = false;
};

}  // namespace toolgate

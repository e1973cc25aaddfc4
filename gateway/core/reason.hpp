#pragma once
// Why the broker says no. One flat list, one table from a reason to its JSON-RPC code (reason.cpp).
//
// Codes of the broker's own lie outside -32768..-32000, the range that JSON-RPC 2.0 reserves and
// MCP fills: a client can tell a refusal of the broker from an error of the server behind it.

#include <string_view>

#include "gateway/core/revision.hpp"

namespace toolgate {

enum class Reason {
  forgotten,        // nobody gave an answer: a default-made Result. A bug that fails closed.
  malformed,        // bytes that are no JSON text, or JSON that the strict codec refuses  (-32700)
  invalid_request,  // JSON, but no JSON-RPC 2.0 message                                    (-32600)
  unknown_method,   // a method that this side does not offer                               (-32601)
  invalid_params,   // params of the wrong shape, an unknown tool, prompt or cursor         (-32602)
  not_found,        // a resource that nobody listed                       (-32002; modern: -32602)
  internal,         // a fault of the broker; the log has the details                       (-32603)
  not_initialized,  // a request before initialize                                          (-32600)
  header_mismatch,  // HTTP headers that do not say what the body says (2026-07-28)         (-32020)
  missing_capability,    // it needs what the agent did not say it can do (2026-07-28)      (-32021)
  unsupported_revision,  // a request of a revision that is not spoken here (2026-07-28)    (-32022)
  unauthenticated,       // no token, or one that belongs to nobody
  forbidden,             // known caller, but not allowed: profile, Host, Origin
  ambiguous,             // two servers answer to the same name or URI: names both
  held,                  // a definition that waits for review, was changed or was revoked
  denied,                // policy says no
  out_of_scope,          // an argument names a file outside of the server's file scopes
  inspection,            // an inspector says no
  unavailable,           // the server is not running, not reachable or is waiting out its backoff
  timed_out,             // a deadline passed
  cancelled,             // the caller does not want the answer any more
  unanswered,            // the server asked the agent something, and got no answer
  overloaded,            // a queue, a count or a rate is at its limit
  too_large,    // a message or a result past its limit                                 (-32600)
  bad_answer,   // the server answered something that is no answer
  unsupported,  // asked for something that this machine or this build cannot do
  uncontained,  // a boundary that was asked for cannot be had on this host
  bad_configuration,  // the configuration file does not say what it must say
  storage,            // the store cannot be read or written: nothing is forwarded without a record
  bad_signature,      // a signature, key or proof that does not verify
  usage,              // a command line that makes no sense
};

// The word that logs, records and error data carry: "timed_out".
std::string_view reason_name(Reason reason);

// The JSON-RPC error code for a refusal sent to an agent, by the era that the agent speaks.
int json_rpc_code(Reason reason, Revision revision = latest_legacy_revision);

}  // namespace toolgate

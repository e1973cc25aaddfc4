#include "gateway/core/reason.hpp"

#include <array>

namespace toolgate {
namespace {

struct Row {
  Reason reason;
  std::string_view name;
  int code;
};

// JSON-RPC 2.0 section 5.1 and MCP give the negative codes; positive ones are the broker's own.
constexpr std::array<Row, 31> table = {{
    {Reason::forgotten, "forgotten", -32603},
    {Reason::malformed, "malformed", -32700},
    {Reason::invalid_request, "invalid_request", -32600},
    {Reason::unknown_method, "unknown_method", -32601},
    {Reason::invalid_params, "invalid_params", -32602},
    {Reason::not_found, "not_found", -32002},
    {Reason::internal, "internal", -32603},
    {Reason::not_initialized, "not_initialized", -32600},
    {Reason::header_mismatch, "header_mismatch", -32020},
    {Reason::missing_capability, "missing_capability", -32021},
    {Reason::unsupported_revision, "unsupported_revision", -32022},
    {Reason::unauthenticated, "unauthenticated", 4010},
    {Reason::forbidden, "forbidden", 4030},
    {Reason::ambiguous, "ambiguous", 4090},
    {Reason::held, "held", 4031},
    {Reason::denied, "denied", 4032},
    {Reason::out_of_scope, "out_of_scope", 4035},
    {Reason::inspection, "inspection", 4033},
    {Reason::unavailable, "unavailable", 5030},
    {Reason::timed_out, "timed_out", 5040},
    {Reason::cancelled, "cancelled", 4990},
    {Reason::unanswered, "unanswered", 4240},
    {Reason::overloaded, "overloaded", 4290},
    {Reason::too_large, "too_large", -32600},
    {Reason::bad_answer, "bad_answer", 5020},
    {Reason::unsupported, "unsupported", 5010},
    {Reason::uncontained, "uncontained", 5011},
    {Reason::bad_configuration, "bad_configuration", 5000},
    {Reason::storage, "storage", 5070},
    {Reason::bad_signature, "bad_signature", 4034},
    {Reason::usage, "usage", 4000},
}};

const Row& row(Reason reason) {
  for (const Row& candidate : table) {
    if (candidate.reason == reason) return candidate;
  }
  return table[0];
}

}  // namespace

std::string_view reason_name(Reason reason) { return row(reason).name; }

int json_rpc_code(Reason reason, Revision revision) {
  if (reason == Reason::not_found && is_modern(revision)) reason = Reason::invalid_params;
  return row(reason).code;
}

}  // namespace toolgate

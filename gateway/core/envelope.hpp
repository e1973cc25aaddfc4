#pragma once
// What every request of the modern era says about itself in `params._meta` (MCP 2026-07-28, "Basic
// Protocol", _meta): its revision, what the client can do, the log level that it wants.

#include <optional>
#include <string>
#include <string_view>

#include "gateway/core/client_capabilities.hpp"
#include "gateway/core/message.hpp"
#include "gateway/core/result.hpp"
#include "gateway/core/revision.hpp"

namespace toolgate {

// Keys that the specification keeps for itself all begin so. What a modern request says with them
// stays with the broker.
inline constexpr std::string_view reserved_meta_prefix = "io.modelcontextprotocol/";
inline constexpr std::string_view meta_revision = "io.modelcontextprotocol/protocolVersion";
inline constexpr std::string_view meta_capabilities = "io.modelcontextprotocol/clientCapabilities";
inline constexpr std::string_view meta_client = "io.modelcontextprotocol/clientInfo";
inline constexpr std::string_view meta_log_level = "io.modelcontextprotocol/logLevel";
inline constexpr std::string_view meta_subscription = "io.modelcontextprotocol/subscriptionId";
// Of the 2025-11-25 tasks: {"taskId"}.
inline constexpr std::string_view meta_related_task = "io.modelcontextprotocol/related-task";
inline constexpr std::string_view meta_server = "io.modelcontextprotocol/serverInfo";

struct Envelope {
  Revision revision = latest_revision;
  ClientCapabilities capabilities;
  std::optional<int> log_level;  // gateway/core/syslog_level.hpp; nothing: no log messages
};

// The text of _meta's protocolVersion, if the message has that key: it then belongs to the modern
// era, whatever the revision is (the body-primary rule). Empty for a value that is no string.
std::optional<std::string> claimed_revision(const Message& message);

// Refuses with `invalid_params` what is missing or of the wrong type, and with
// `unsupported_revision` what is not spoken here as a modern revision.
Result<Envelope> parse_envelope(const Message& message);

// The answer to a request whose revision is not spoken here: its `data` is what the specification
// wants.
std::string unsupported_revision_text(std::string_view id_raw, std::string_view requested);

// The members of _meta that a request of the broker's own carries towards a modern server:
// revision, capabilities, who the client is. Without braces.
std::string envelope_members(const ClientCapabilities& capabilities,
                             std::optional<int> log_level = std::nullopt);

}  // namespace toolgate

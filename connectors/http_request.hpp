#pragma once
// The head of an HTTP/1.1 request to the agents' endpoint: read by Boost.Beast's parser, then
// judged by rules that do no I/O, so that both can be fuzzed and tested with tables.
//
// Two steps. parse_head() collects the headers that matter, with how often each one came.
// judge_request() turns them into a RequestHead, which needs no second look: where two readers of
// the same bytes could disagree about who is asked, for whom, or where the body ends (RFC 9112
// section 11.2), the request is refused and the connection closed. Rules of the endpoint: MCP
// "Transports", Streamable HTTP, 2025-03-26 to 2026-07-28.
//
// The head alone does not tell to which era a POST belongs: its body does. So MCP-Protocol-Version
// may name a revision that is not spoken here, and whether the headers that repeat fields of the
// body are there and agree with it (gateway/core/mirror.hpp) is not judged here.

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/host_check.hpp"
#include "gateway/core/mirror.hpp"
#include "gateway/core/result.hpp"
#include "gateway/core/revision.hpp"

namespace toolgate {

// The headers that the endpoint looks at. Any other one is ignored.
enum class RequestHeader : std::uint8_t {
  host,
  origin,
  authorization,
  content_type,
  content_encoding,
  content_length,
  transfer_encoding,
  accept,
  expect,
  session_id,
  protocol_version,
  last_event_id,
  connection,
  mirrored_method,
  mirrored_name,
};
inline constexpr std::size_t header_count = 15;

// What was read and nobody has judged. Values of a repeated header are joined with ", ". An object
// is used for one request after the other: its strings keep their memory.
struct RequestFields {
  std::string method;
  std::string target;
  unsigned version = 0;  // 10 or 11
  std::array<std::string, header_count> values;
  std::array<std::uint16_t, header_count> counts{};
  std::vector<HeaderField> arguments;  // the Mcp-Param-* lines, in their order

  void clear();
  void add(RequestHeader header, std::string_view value);
  bool has(RequestHeader header) const { return counts[static_cast<std::size_t>(header)] != 0; }
  const std::string& value(RequestHeader header) const {
    return values[static_cast<std::size_t>(header)];
  }
};

// The answer to a request that goes no further: its HTTP status, and why. Never holds request
// bytes.
struct HttpRefusal {
  unsigned status = 400;
  Refusal why;
  bool close = false;             // the rest of the connection's bytes cannot be trusted
  std::string_view headers = "";  // complete lines to add: "Allow: GET\r\n"
  std::uint64_t body_bytes = 0;   // what the request still sends, when the connection stays open

  HttpRefusal(unsigned code, Reason reason, std::string text)
      : status(code), why(reason, std::move(text)) {}
  HttpRefusal and_close() && {
    close = true;
    return std::move(*this);
  }
  HttpRefusal with(std::string_view lines) && {
    headers = lines;
    return std::move(*this);
  }
};

// Length of the head at the start of `buffer`, with its empty line; 0 while that line is missing.
// `searched` is how much of the buffer a former call has seen.
std::size_t head_size(std::string_view buffer, std::size_t searched);

// How many Mcp-Param-* lines a request may have: more than a tool may ask for, so that strangers
// among them do no harm.
inline constexpr std::size_t most_argument_lines = 2 * most_mirrored_arguments;

// Reads exactly one head (head_size() bytes) into `fields`, which are cleared first. Refuses what
// Beast's parser refuses, folded header lines, heads past `header_bytes` and too many Mcp-Param-*
// lines.
std::optional<HttpRefusal> parse_head(std::string_view head, std::size_t header_bytes,
                                      RequestFields& fields);

enum class RequestMethod : std::uint8_t { post, get, remove };
enum class RequestCredentials : std::uint8_t { none, bearer, unusable };

// A head that passed. Its views look into the RequestFields and live as long as those are not
// changed.
struct RequestHead {
  RequestMethod method = RequestMethod::post;
  bool keep_alive = true;
  bool expects_continue = false;
  bool chunked = false;
  std::uint64_t content_length = 0;
  RequestCredentials credentials = RequestCredentials::none;
  std::string_view bearer;  // with RequestCredentials::bearer
  std::optional<std::string_view> session_id;
  std::optional<std::string_view> revision_text;  // MCP-Protocol-Version: 1 to 64 visible bytes
  std::optional<Revision> revision;               // the same, where it is spoken here
  std::optional<std::string_view> last_event_id;
  std::optional<std::string_view> mirrored_method;  // Mcp-Method
  std::optional<std::string_view> mirrored_name;    // Mcp-Name

  bool has_body() const { return chunked || content_length != 0; }
  bool names_modern_revision() const { return revision && is_modern(*revision); }
};

struct RequestRules {
  const HostCheck& hosts;
  std::size_t body_bytes;
};

// In this order: shape (400), Host and Origin (403), path (404), method (405, which includes GET
// and DELETE of a modern revision), body's coding, type and size (415, 411, 413), Accept (406),
// Expect (417), MCP-Protocol-Version (400: of a POST only what is no revision of any time). A token
// is taken apart and not checked: that is the Doorkeeper's.
std::expected<RequestHead, HttpRefusal> judge_request(const RequestFields& fields,
                                                      const RequestRules& rules);

// The answer to a request of the legacy era whose MCP-Protocol-Version is not spoken here.
HttpRefusal unknown_revision();

}  // namespace toolgate

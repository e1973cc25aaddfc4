#pragma once
// What the HTTP headers of a request say about its body in the modern era (MCP 2026-07-28,
// "Streamable HTTP", Request Metadata; SEP-2243). The body decides: headers are compared with it on
// the agents' side, and made from it on the servers' side.
//
//   MCP-Protocol-Version   the revision in the body's _meta
//   Mcp-Method             the method
//   Mcp-Name               the tool's or prompt's name, the resource's URI, the task's id
//   Mcp-Param-{NAME}       an argument whose schema has "x-mcp-header": "NAME"
//
// A value that cannot stand in a header as it is travels as =?base64?…?= (UTF-8 in base64).

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/core/document.hpp"
#include "gateway/core/message.hpp"
#include "gateway/core/result.hpp"

namespace toolgate {

// One header line. Names are compared without regard to case.
struct HeaderField {
  std::string name;
  std::string value;
  friend bool operator==(const HeaderField&, const HeaderField&) = default;
};

// `text` as a header value: as it is where it is printable ASCII without spaces around it and does
// not look like the base64 form, else in the base64 form.
std::string encode_header_value(std::string_view text);
// The other way. Nothing for a value with characters that no header may have, or whose base64 form
// is malformed or no UTF-8.
std::optional<std::string> decode_header_value(std::string_view value);

// What Mcp-Name has to say for this message: params.name of tools/call and prompts/get, params.uri
// of resources/read, params.taskId of tasks/get, tasks/update and tasks/cancel. Nothing for other
// methods, and where the member is no string.
std::optional<std::string> mirrored_name(const Message& message);

// The standard headers of an HTTP request as they came; nothing for one that did not come.
struct MirroredHeaders {
  std::optional<std::string_view> revision;
  std::optional<std::string_view> method;
  std::optional<std::string_view> name;
};
// Do they say what the body says? Refuses with `header_mismatch`. `body_revision` is the text in
// the body's _meta.
Status check_mirrored(const MirroredHeaders& headers, const Message& message,
                      std::string_view body_revision);

// An argument that is mirrored: its header's name without "Mcp-Param-", and the property names that
// lead to it.
struct MirroredArgument {
  std::string header;
  std::vector<std::string> path;
};
// The annotations of a tool's inputSchema, in the order of the schema. Refuses with `bad_answer` a
// schema whose annotations break the rules: the tool is not offered then. Rules: a token of RFC
// 9110, unique without regard to case, on a string, integer or boolean, reachable through
// `properties` alone.
Result<std::vector<MirroredArgument>> mirrored_arguments(const Value& input_schema);

// The header lines for a call's arguments, encoded: absent and null arguments have none. Refuses
// with `invalid_params` an argument that is no string, integer (in the range that doubles hold
// exactly) or boolean.
Result<std::vector<HeaderField>> argument_headers(const std::vector<MirroredArgument>& mirrored,
                                                  const std::optional<Value>& arguments);
// Do the Mcp-Param-* lines of a request say what its arguments say? Integers are compared as
// numbers ("42.0" is 42). Lines that no annotation asks for are ignored. Refuses with
// `header_mismatch`.
Status check_argument_headers(const std::vector<MirroredArgument>& mirrored,
                              const std::optional<Value>& arguments,
                              const std::vector<HeaderField>& given);

}  // namespace toolgate

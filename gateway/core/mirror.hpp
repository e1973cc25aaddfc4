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

inline constexpr std::string_view argument_header_prefix = "Mcp-Param-";

// One header line, its whole name. Names are compared without regard to case.
struct HeaderField {
  std::string name;
  std::string value;
  friend bool operator==(const HeaderField&, const HeaderField&) = default;
};

// `text` (UTF-8) as a header value: as it is where it is printable ASCII without spaces around it
// and does not look like the base64 form, else in the base64 form. Empty text takes that form, too:
// a header without a value may get lost on its way.
std::string encode_header_value(std::string_view text);
// The other way; spaces and tabs around the value are none of it. Nothing for a value with
// characters that no header may have, or whose base64 form is malformed (padding included) or no
// UTF-8.
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
// the body's _meta. A request must have all of them that mirror something; of another message those
// that came are compared (the specification demands none there). Mcp-Name beside a method that
// mirrors no name is ignored, as any unknown header.
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
// 9110, unique without regard to case, on a property whose `type` is string, integer or boolean (no
// list of types), reachable from the root through `properties` alone. An annotation in any other
// place of the schema breaks them; what stands in `const`, `default`, `enum` and `examples` is data
// and no annotation. Bounded: most_mirrored_arguments, and 1,024 bytes for the names on a path.
inline constexpr std::size_t most_mirrored_arguments = 128;
Result<std::vector<MirroredArgument>> mirrored_arguments(const Value& input_schema);

// The header lines ("Mcp-Param-Region: eu") for a call's arguments, encoded: absent and null
// arguments have none. Refuses with `invalid_params` an argument that is no string, integer (in the
// range that doubles hold exactly) or boolean.
Result<std::vector<HeaderField>> argument_headers(const std::vector<MirroredArgument>& mirrored,
                                                  const std::optional<Value>& arguments);
// Do the Mcp-Param-* lines of a request say what its arguments say? Integers are compared as
// numbers ("42.0" is 42). Lines that no annotation asks for are ignored. Refuses with
// `header_mismatch` what differs, is missing, came twice, or stands there although the argument is
// absent or null: whoever reads the headers would believe what no argument says. Also refused is an
// argument that no header can say (argument_headers()).
Status check_argument_headers(const std::vector<MirroredArgument>& mirrored,
                              const std::optional<Value>& arguments,
                              const std::vector<HeaderField>& given);

}  // namespace toolgate

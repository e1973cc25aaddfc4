// The headers that repeat a body's fields: their encoding, what is mirrored, and whether it agrees.

#include "gateway/core/mirror.hpp"

#include <doctest/doctest.h>

namespace toolgate {
namespace {

Document document_of(std::string text) {
  auto document = parse_document(Untrusted<std::string>(std::move(text)), JsonLimits{});
  REQUIRE(document);
  return *document;
}

Message message_of(std::string text) {
  Parsed parsed = parse_message(Untrusted<std::string>(std::move(text)), JsonLimits{});
  REQUIRE(std::holds_alternative<Message>(parsed));
  return std::get<Message>(std::move(parsed));
}

TEST_CASE("texts and their header values") {
  struct Row {
    const char* name;
    std::string text;
    std::string value;
  };
  for (const Row& row : {
           Row{"plain ASCII", "us-west1", "us-west1"},
           Row{"beyond ASCII", "Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="},
           Row{"spaces around", " padded ", "=?base64?IHBhZGRlZCA=?="},
           Row{"a line break", "line1\nline2", "=?base64?bGluZTEKbGluZTI=?="},
           Row{"what looks encoded", "=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="},
           Row{"both marks in one", "=?base64?=", "=?base64?PT9iYXNlNjQ/PQ==?="},
           Row{"the first mark alone", "=?base64?SGVsbG8=", "=?base64?SGVsbG8="},
           Row{"the last mark alone", "SGVsbG8=?=", "SGVsbG8=?="},
           Row{"a mark in capitals", "=?BASE64?SGVsbG8=?=", "=?BASE64?SGVsbG8=?="},
           Row{"a space within", "two words", "two words"},
           Row{"a space in front", " x", "=?base64?IHg=?="},
           Row{"a tab within", "a\tb", "=?base64?YQli?="},
           Row{"NUL", std::string("a\0b", 3), "=?base64?YQBi?="},
           Row{"DEL", "\x7F", "=?base64?fw==?="},
           Row{"a header of one's own", "x\r\nMcp-Name: y", "=?base64?eA0KTWNwLU5hbWU6IHk=?="},
           Row{"nothing", "",
               "=?base64?"
               "?="},
           Row{"a URI", "file:///a/b.json?q=1#f", "file:///a/b.json?q=1#f"},
       }) {
    CAPTURE(std::string(row.name));
    CHECK(encode_header_value(row.text) == row.value);
    CHECK(decode_header_value(row.value) == row.text);
    CHECK(decode_header_value(" \t" + row.value + "\t ") == row.text);
  }
}

TEST_CASE("header values that are read although nobody here writes them") {
  CHECK(decode_header_value("") == "");
  CHECK(decode_header_value("a\tb") == "a\tb");
  CHECK(decode_header_value("=?base64?SGVsbG8=?=") == "Hello");
}

TEST_CASE("header values that are none") {
  struct Row {
    const char* name;
    std::string value;
  };
  for (const Row& row : {
           Row{"no padding", "=?base64?SGVsbG8?="},
           Row{"too much padding", "=?base64?SGVsbG8==?="},
           Row{"padding alone", "=?base64?====?="},
           Row{"padding within", "=?base64?SG==bG8=?="},
           Row{"strange digits", "=?base64?SGVs!!!bG8=?="},
           Row{"the URL alphabet", "=?base64?_-8=?="},
           Row{"a space among the digits", "=?base64?SGVs bG8=?="},
           Row{"bits left over", "=?base64?SGVsbG9=?="},
           Row{"no room between the marks", "=?base64?="},
           Row{"no UTF-8", "=?base64?//79?="},
           Row{"a surrogate", "=?base64?7aCA?="},
           Row{"an overlong character", "=?base64?wIA=?="},
           Row{"bytes beyond ASCII", "h\xC3\xA9llo"},
           Row{"a control character", "a\x01z"},
           Row{"NUL", std::string("a\0b", 3)},
           Row{"DEL", "a\x7F"},
           Row{"a line break", "a\nb"},
       }) {
    CAPTURE(std::string(row.name));
    CHECK_FALSE(decode_header_value(row.value));
  }
}

TEST_CASE("what Mcp-Name mirrors") {
  struct Row {
    const char* name;
    const char* method;
    const char* params;
    std::optional<std::string> mirrored;
  };
  for (const Row& row : {
           Row{"a tool's name", "tools/call", R"({"name":"a\u0062c"})", "abc"},
           Row{"a prompt's name", "prompts/get", R"({"name":"p"})", "p"},
           Row{"a resource's URI", "resources/read", R"({"uri":"file:///x"})", "file:///x"},
           Row{"a task's id", "tasks/get", R"({"taskId":"t"})", "t"},
           Row{"a task's id", "tasks/update", R"({"taskId":"t"})", "t"},
           Row{"a task's id", "tasks/cancel", R"({"taskId":"t"})", "t"},
           Row{"no name", "tools/call", R"({"uri":"x"})", std::nullopt},
           Row{"a name that is no string", "tools/call", R"({"name":5})", std::nullopt},
           Row{"a list has none", "tools/list", R"({"name":"x"})", std::nullopt},
           Row{"methods are case-sensitive", "Tools/Call", R"({"name":"x"})", std::nullopt},
       }) {
    CAPTURE(std::string(row.name));
    CHECK(mirrored_name(message_of(request_text("1", row.method, row.params))) == row.mirrored);
  }
  CHECK_FALSE(mirrored_name(message_of(R"({"jsonrpc":"2.0","id":1,"method":"tools/call"})")));
}

TEST_CASE("do the standard headers say what the body says?") {
  using Text = std::optional<std::string_view>;
  struct Row {
    const char* name;
    Text revision, method, mirrored;
    const char* params;
    bool agrees;
    const char* body_method = "tools/call";
  };
  const char* tool = R"({"name":"weather"})";
  const Text now = "2026-07-28";
  const Text call = "tools/call";
  const Text none;
  for (const Row& row : {
           Row{"all three", now, call, "weather", tool, true},
           Row{"spaces around", " 2026-07-28 ", "\ttools/call", " weather\t", tool, true},
           Row{"an encoded name", now, call, "=?base64?d2VhdGhlcg==?=", tool, true},
           Row{"no revision", none, call, "weather", tool, false},
           Row{"no method", now, none, "weather", tool, false},
           Row{"no name", now, call, none, tool, false},
           Row{"another revision", "2025-11-25", call, "weather", tool, false},
           Row{"another method", now, "tools/list", "weather", tool, false},
           Row{"another name", now, call, "files", tool, false},
           Row{"a method in capitals", now, "TOOLS/CALL", "weather", tool, false},
           Row{"a name in capitals", now, call, "Weather", tool, false},
           Row{"an empty name", now, call, "", tool, false},
           Row{"an encoded method", now, "=?base64?dG9vbHMvY2FsbA==?=", "weather", tool, false},
           Row{"an encoded revision", "=?base64?MjAyNi0wNy0yOA==?=", call, "weather", tool, false},
           Row{"a name without padding", now, call, "=?base64?d2VhdGhlcg?=", tool, false},
           Row{"a name twice, joined", now, call, "weather, weather", tool, false},
           Row{"a name that cannot stand there", now, call, "h\xC3\xA9llo", R"({"name":"héllo"})",
               false},
           Row{"the same, encoded", now, call, "=?base64?aMOpbGxv?=", R"({"name":"héllo"})", true},
           Row{"a control character in both", now, call, "a\x01z", R"({"name":"a\u0001z"})", false},
           Row{"a look-alike as it is", now, call, "=?base64?x?=", R"({"name":"=?base64?x?="})",
               false},
           Row{"the body has no name, nor the header", now, call, none, "{}", true},
           Row{"the body has no name", now, call, "weather", "{}", false},
           Row{"the body's name is none", now, call, "5", R"({"name":5})", false},
           Row{"a URI", now, "resources/read", "file:///x", R"({"uri":"file:///x"})", true,
               "resources/read"},
           Row{"a list has no name", now, "tools/list", none, "{}", true, "tools/list"},
           Row{"a name that nothing mirrors", now, "tools/list", "x", "{}", true, "tools/list"},
       }) {
    CAPTURE(std::string(row.name));
    const Message message = message_of(request_text("1", row.body_method, row.params));
    const MirroredHeaders headers{row.revision, row.method, row.mirrored};
    Status agreed = check_mirrored(headers, message, *now);
    CHECK(static_cast<bool>(agreed) == row.agrees);
    if (!agreed) CHECK(agreed.refusal().reason == Reason::header_mismatch);
  }
}

TEST_CASE("a notification needs no headers, and those that it has must agree") {
  const Message message = message_of(notification_text("notifications/x", "{}"));
  CHECK(check_mirrored({}, message, "2026-07-28"));
  CHECK(check_mirrored({"2026-07-28", "notifications/x", {}}, message, "2026-07-28"));
  CHECK_FALSE(check_mirrored({"2025-11-25", {}, {}}, message, "2026-07-28"));
  CHECK_FALSE(check_mirrored({{}, "notifications/y", {}}, message, "2026-07-28"));
}

const std::vector<MirroredArgument> two = {{"Region", {"region"}}, {"Count", {"deep", "count"}}};

// "Name: value|Name: value", or the reason of the refusal.
std::string headers_of(std::string arguments) {
  const Document document = document_of(std::move(arguments));
  auto lines = argument_headers(two, document.root());
  if (!lines) return std::string(reason_name(lines.refusal().reason));
  std::string text;
  for (const HeaderField& line : *lines) {
    text += (text.empty() ? "" : "|") + line.name + ": " + line.value;
  }
  Status agreed = check_argument_headers(two, document.root(), *lines);
  CHECK(agreed);
  return text;
}

TEST_CASE("the headers of arguments") {
  struct Row {
    const char* name;
    const char* arguments;
    const char* headers;
  };
  for (const Row& row : {
           Row{"both", R"({"region":"eu","deep":{"count":7}})",
               "Mcp-Param-Region: eu|Mcp-Param-Count: 7"},
           Row{"absent", "{}", ""},
           Row{"null", R"({"region":null,"deep":null})", ""},
           Row{"an object that is none", R"({"deep":"count"})", ""},
           Row{"a value on the same name elsewhere", R"({"count":1,"deep":{"region":"x"}})", ""},
           Row{"true", R"({"region":true})", "Mcp-Param-Region: true"},
           Row{"false", R"({"region":false})", "Mcp-Param-Region: false"},
           Row{"a decimal that is an integer", R"({"region":42.0})", "Mcp-Param-Region: 42"},
           Row{"an exponent", R"({"region":-4.2e1})", "Mcp-Param-Region: -42"},
           Row{"minus zero", R"({"region":-0})", "Mcp-Param-Region: 0"},
           Row{"the largest", R"({"region":9007199254740991})",
               "Mcp-Param-Region: 9007199254740991"},
           Row{"escapes", R"({"region":"\u4e16"})", "Mcp-Param-Region: =?base64?5LiW?="},
           Row{"empty", R"({"region":""})",
               "Mcp-Param-Region: =?base64?"
               "?="},
           Row{"too large", R"({"region":9007199254740992})", "invalid_params"},
           Row{"no integer", R"({"region":42.5})", "invalid_params"},
           Row{"infinite", R"({"region":1e400})", "invalid_params"},
           Row{"an array", R"({"region":["eu"]})", "invalid_params"},
           Row{"an object", R"({"deep":{"count":{}}})", "invalid_params"},
       }) {
    CAPTURE(std::string(row.name));
    CHECK(headers_of(row.arguments) == row.headers);
  }
  auto nothing = argument_headers(two, std::nullopt);
  REQUIRE(nothing);
  CHECK(nothing->empty());
}

TEST_CASE("do the headers of arguments say what the body says?") {
  struct Row {
    const char* name;
    const char* arguments;
    std::vector<HeaderField> given;
    bool agrees;
  };
  const char* eu = R"({"region":"eu"})";
  const char* many = R"({"deep":{"count":42}})";
  for (const Row& row : {
           Row{"the same", eu, {{"Mcp-Param-Region", "eu"}}, true},
           Row{"a name in any case", eu, {{"mCP-pARAM-rEGION", "eu"}}, true},
           Row{"spaces around", eu, {{"Mcp-Param-Region", " eu\t"}}, true},
           Row{"encoded without need", eu, {{"Mcp-Param-Region", "=?base64?ZXU=?="}}, true},
           Row{"strange lines",
               eu,
               {{"Mcp-Param-Other", "x"}, {"Mcp-Param-Region", "eu"}, {"Mcp-Param-Other", "y"}},
               true},
           Row{"another value", eu, {{"Mcp-Param-Region", "us"}}, false},
           Row{"another case", eu, {{"Mcp-Param-Region", "EU"}}, false},
           Row{"missing", eu, {}, false},
           Row{"of a like name",
               eu,
               {{"Mcp-Param-Regio", "eu"}, {"Mcp-Param-Regions", "eu"}},
               false},
           Row{"twice", eu, {{"Mcp-Param-Region", "eu"}, {"mcp-param-region", "eu"}}, false},
           Row{"twice and different",
               eu,
               {{"Mcp-Param-Region", "eu"}, {"mcp-param-region", "us"}},
               false},
           Row{"malformed", eu, {{"Mcp-Param-Region", "=?base64?ZXU?="}}, false},
           Row{"for what is absent", "{}", {{"Mcp-Param-Region", "eu"}}, false},
           Row{"for what is null", R"({"region":null})", {{"Mcp-Param-Region", "null"}}, false},
           Row{"none for what is null", R"({"region":null})", {}, true},
           Row{"an integer", many, {{"Mcp-Param-Count", "42"}}, true},
           Row{"an integer as a decimal", many, {{"Mcp-Param-Count", "42.0"}}, true},
           Row{"an integer with an exponent", many, {{"Mcp-Param-Count", "4.2e1"}}, true},
           Row{"an encoded integer", many, {{"Mcp-Param-Count", "=?base64?NDI=?="}}, true},
           Row{"another integer", many, {{"Mcp-Param-Count", "43"}}, false},
           Row{"nearly the same", many, {{"Mcp-Param-Count", "42.0000000000000000001"}}, false},
           Row{"no number", many, {{"Mcp-Param-Count", "0x2A"}}, false},
           Row{"a number with a sign", many, {{"Mcp-Param-Count", "+42"}}, false},
           Row{"two that a double holds alike",
               R"({"region":9007199254740993})",
               {{"Mcp-Param-Region", "9007199254740992"}},
               false},
           Row{"too large in both",
               R"({"region":9007199254740993})",
               {{"Mcp-Param-Region", "9007199254740993"}},
               false},
           Row{"a string of digits is text",
               R"({"region":"42"})",
               {{"Mcp-Param-Region", "42.0"}},
               false},
           Row{"true", R"({"region":true})", {{"Mcp-Param-Region", "true"}}, true},
           Row{"True", R"({"region":true})", {{"Mcp-Param-Region", "True"}}, false},
           Row{"an array", R"({"region":["eu"]})", {{"Mcp-Param-Region", "eu"}}, false},
           Row{"an array and no header", R"({"region":["eu"]})", {}, false},
       }) {
    CAPTURE(std::string(row.name));
    const Document document = document_of(row.arguments);
    Status agreed = check_argument_headers(two, document.root(), row.given);
    CHECK(static_cast<bool>(agreed) == row.agrees);
    if (!agreed) CHECK(agreed.refusal().reason == Reason::header_mismatch);
  }
  CHECK(check_argument_headers(two, std::nullopt, {}));
  CHECK_FALSE(check_argument_headers(two, std::nullopt, {{"Mcp-Param-Region", "eu"}}));
}

}  // namespace
}  // namespace toolgate

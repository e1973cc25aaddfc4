// The headers that repeat a body's fields: their encoding, what is mirrored, and whether it agrees.

#include "gateway/core/mirror.hpp"

#include <doctest/doctest.h>

#include "gateway/core/base64.hpp"
#include "gateway/core/safe_integer.hpp"

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

TEST_CASE("base64") {
  CHECK(base64_text("") == "");
  CHECK(base64_text("f") == "Zg==");
  CHECK(base64_text("fo") == "Zm8=");
  CHECK(base64_text("foo") == "Zm9v");
  CHECK(base64_text("foob\xFF\xFE") == "Zm9vYv/+");
  CHECK(base64_bytes("Zm9vYv/+") == "foob\xFF\xFE");
  for (const char* bad : {"Z", "Zg", "Zg=", "Zh==", "Zm9=", "=", "A===", "Zg==Zg==", "Zm 9",
                          "\xC3"
                          "abc"}) {
    CAPTURE(std::string(bad));
    CHECK_FALSE(base64_bytes(bad));
  }
}

TEST_CASE("integers, however they are written") {
  struct Row {
    const char* text;
    std::int64_t value;
  };
  for (const Row& row :
       {Row{"0", 0}, Row{"-0", 0}, Row{"0.000", 0}, Row{"0e999999999999999999999", 0},
        Row{"42", 42}, Row{"-7", -7}, Row{"42.0", 42}, Row{"4.2e1", 42}, Row{"420e-1", 42},
        Row{"0.42E+2", 42}, Row{"42e0", 42}, Row{"1e3", 1000},
        Row{"9007199254740991", 9007199254740991}, Row{"-9007199254740991.0", -9007199254740991},
        Row{"90071992547409.91e2", 9007199254740991}, Row{"0.0000000000000000000000042e25", 42}}) {
    CAPTURE(std::string(row.text));
    CHECK(safe_integer(row.text) == row.value);
  }
  for (const char* bad : {"9007199254740992",
                          "-9007199254740992",
                          "1e16",
                          "1e400",
                          "1e99999999999999999999999",
                          "0.5",
                          "42.5",
                          "42.00000000000000000001",
                          "1e-1",
                          "5e-99999999999999999999",
                          "",
                          "-",
                          "+42",
                          "042",
                          "42.",
                          ".5",
                          "4e",
                          "4e+",
                          "0x2A",
                          " 42",
                          "42 ",
                          "1_0",
                          "NaN",
                          "Infinity",
                          "true",
                          "4,2"}) {
    CAPTURE(std::string(bad));
    CHECK_FALSE(safe_integer(bad));
  }
  const std::string long_zeros(1'000'000, '0');
  CHECK(safe_integer("1" + long_zeros + "e-1000000") == 1);
  CHECK(safe_integer("0." + long_zeros + "1e1000001") == 1);
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

// "Header=path.to.it Header=…", or "refused".
std::string annotations_of(std::string schema) {
  const Document document = document_of(std::move(schema));
  auto found = mirrored_arguments(document.root());
  if (!found) {
    CHECK(found.refusal().reason == Reason::bad_answer);
    return "refused";
  }
  std::string text;
  for (const MirroredArgument& argument : *found) {
    if (!text.empty()) text += ' ';
    text += argument.header + "=";
    for (const std::string& step : argument.path) {
      if (!text.ends_with('=')) text += '.';
      text += step;
    }
  }
  return text;
}

TEST_CASE("a schema's annotations") {
  struct Row {
    const char* name;
    std::string schema;
    std::string found;
  };
  const std::string a = R"({"type":"string","x-mcp-header":"A"})";
  for (
      const Row& row : {
          Row{"none", R"({"type":"object","properties":{"q":{"type":"string"}}})", ""},
          Row{"no schema at all", "true", ""},
          Row{"the specification's example",
              R"({"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"},)"
              R"("query":{"type":"string"}},"required":["region","query"]})",
              "Region=region"},
          Row{"in the order of the schema",
              R"({"properties":{"b":{"type":"integer","x-mcp-header":"B"},)"
              R"("a":{"x-mcp-header":"A","type":"boolean"}}})",
              "B=b A=a"},
          Row{"nested", R"({"properties":{"o":{"properties":{"p":)" + a + "}}}}", "A=o.p"},
          Row{"a property that is called like the annotation",
              R"({"properties":{"x-mcp-header":{"type":"string"}}})", ""},
          Row{"the same, annotated", R"({"properties":{"x-mcp-header":)" + a + "}}",
              "A=x-mcp-header"},
          Row{"a property that is called properties",
              R"({"properties":{"properties":{"properties":{"p":)" + a + "}}}}", "A=properties.p"},
          Row{"properties that are called like keywords",
              R"({"properties":{"items":)" + a +
                  R"(,"$ref":{"type":"string","x-mcp-header":"B"}}})",
              "A=items B=$ref"},
          Row{"an escaped keyword",
              R"({"\u0070roperties":{"p":{"type":"string",)"
              R"("x-mcp-he\u0061der":"A"}}})",
              "A=p"},
          Row{"every token character",
              R"({"properties":{"p":{"type":"string","x-mcp-header":"!#$%&'*+-.^_`|~0aZ"}}})",
              "!#$%&'*+-.^_`|~0aZ=p"},
          Row{"data that looks like one",
              R"({"default":)" + a + R"(,"properties":{"p":{"enum":[)" + a + R"(],"const":)" + a +
                  R"(,"examples":[)" + a + "]}}}",
              ""},
          Row{"names that are no keywords",
              R"({"$defs":{"x-mcp-header":{"type":"string"}},)"
              R"("patternProperties":{"x-mcp-header":{}},"dependentSchemas":{"x-mcp-header":{}}})",
              ""},
          Row{"beside a reference",
              R"({"properties":{"p":{"$ref":"#/x","type":"string","x-mcp-header":"A"}}})", "A=p"},

          Row{"at the root", R"({"type":"string","x-mcp-header":"A"})", "refused"},
          Row{"under items", R"({"properties":{"l":{"items":)" + a + "}}}", "refused"},
          Row{"under properties under items",
              R"({"properties":{"l":{"items":{"properties":{"p":)" + a + "}}}}}", "refused"},
          Row{"under prefixItems", R"({"prefixItems":[)" + a + "]}", "refused"},
          Row{"under oneOf", R"({"properties":{"p":{"oneOf":[)" + a + "]}}}", "refused"},
          Row{"under anyOf at the root", R"({"anyOf":[{"properties":{"p":)" + a + "}}]}",
              "refused"},
          Row{"under allOf", R"({"allOf":[{"properties":{"p":)" + a + "}}]}", "refused"},
          Row{"under not", R"({"not":{"properties":{"p":)" + a + "}}}", "refused"},
          Row{"under if", R"({"if":{"properties":{"p":)" + a + "}}}", "refused"},
          Row{"under then", R"({"then":{"properties":{"p":)" + a + "}}}", "refused"},
          Row{"under else", R"({"else":{"properties":{"p":)" + a + "}}}", "refused"},
          Row{"under $defs", R"({"properties":{"p":{"$ref":"#/$defs/d"}},"$defs":{"d":)" + a + "}}",
              "refused"},
          Row{"under definitions", R"({"definitions":{"d":)" + a + "}}", "refused"},
          Row{"under additionalProperties", R"({"additionalProperties":)" + a + "}", "refused"},
          Row{"under patternProperties", R"({"patternProperties":{"^p":)" + a + "}}", "refused"},
          Row{"under dependentSchemas", R"({"dependentSchemas":{"d":)" + a + "}}", "refused"},
          Row{"under an unknown keyword", R"({"x-more":{"properties":{"p":)" + a + "}}}",
              "refused"},
          Row{"in an array in an array", R"({"x-more":[[)" + a + "]]}", "refused"},
          Row{"properties that are an array", R"({"properties":[)" + a + "]}", "refused"},
          Row{"on a number", R"({"properties":{"p":{"type":"number","x-mcp-header":"A"}}})",
              "refused"},
          Row{"on an object", R"({"properties":{"p":{"type":"object","x-mcp-header":"A"}}})",
              "refused"},
          Row{"on an array", R"({"properties":{"p":{"type":"array","x-mcp-header":"A"}}})",
              "refused"},
          Row{"on null", R"({"properties":{"p":{"type":"null","x-mcp-header":"A"}}})", "refused"},
          Row{"on a list of types",
              R"({"properties":{"p":{"type":["string","null"],"x-mcp-header":"A"}}})", "refused"},
          Row{"on a list of one type",
              R"({"properties":{"p":{"type":["string"],"x-mcp-header":"A"}}})", "refused"},
          Row{"without a type", R"({"properties":{"p":{"x-mcp-header":"A"}}})", "refused"},
          Row{"empty", R"({"properties":{"p":{"type":"string","x-mcp-header":""}}})", "refused"},
          Row{"with a space", R"({"properties":{"p":{"type":"string","x-mcp-header":"a b"}}})",
              "refused"},
          Row{"with a colon", R"({"properties":{"p":{"type":"string","x-mcp-header":"a:"}}})",
              "refused"},
          Row{"with a line break",
              R"({"properties":{"p":{"type":"string","x-mcp-header":"a\r\nb"}}})", "refused"},
          Row{"beyond ASCII", R"({"properties":{"p":{"type":"string","x-mcp-header":"é"}}})",
              "refused"},
          Row{"no string", R"({"properties":{"p":{"type":"string","x-mcp-header":true}}})",
              "refused"},
          Row{"null", R"({"properties":{"p":{"type":"string","x-mcp-header":null}}})", "refused"},
          Row{"twice", R"({"properties":{"p":)" + a + R"(,"q":)" + a + "}}", "refused"},
          Row{"twice but for its case",
              R"({"properties":{"p":)" + a +
                  R"(,"q":{"properties":{"r":{"type":"string","x-mcp-header":"a"}}}}})",
              "refused"},
          Row{"far too long a way",
              R"({"properties":{")" + std::string(2'000, 'n') + R"(":)" + a + "}}", "refused"},
      }) {
    CAPTURE(std::string(row.name));
    CHECK(annotations_of(row.schema) == row.found);
  }
}

TEST_CASE("a schema has no more annotations than there are places") {
  std::string properties;
  const auto schema_with = [&](std::size_t count) {
    properties.clear();
    for (std::size_t i = 0; i < count; ++i) {
      const std::string n = std::to_string(i);
      properties +=
          (i == 0 ? "" : ",") + ("\"p" + n + R"(":{"type":"string","x-mcp-header":"h)") + n + "\"}";
    }
    return R"({"properties":{)" + properties + "}}";
  };
  CHECK(annotations_of(schema_with(most_mirrored_arguments)) != "refused");
  CHECK(annotations_of(schema_with(most_mirrored_arguments + 1)) == "refused");
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
           Row{"1 is not true", R"({"region":true})", {{"Mcp-Param-Region", "1"}}, false},
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

// The annotations of a tool's inputSchema that say which arguments go into headers.

#include <doctest/doctest.h>

#include "gateway/core/mirror.hpp"

namespace toolgate {
namespace {

Document document_of(std::string text) {
  auto document = parse_document(Untrusted<std::string>(std::move(text)), JsonLimits{});
  REQUIRE(document);
  return *document;
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

struct Row {
  const char* name;
  std::string schema;
  std::string found;
};
const std::string a = R"({"type":"string","x-mcp-header":"A"})";
const std::vector<Row> rows = {

    {"none", R"({"type":"object","properties":{"q":{"type":"string"}}})", ""},
    {"no schema at all", "true", ""},
    {"the specification's example",
     R"({"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"},)"
     R"("query":{"type":"string"}},"required":["region","query"]})",
     "Region=region"},
    {"in the order of the schema",
     R"({"properties":{"b":{"type":"integer","x-mcp-header":"B"},)"
     R"("a":{"x-mcp-header":"A","type":"boolean"}}})",
     "B=b A=a"},
    {"nested", R"({"properties":{"o":{"properties":{"p":)" + a + "}}}}", "A=o.p"},
    {"a property that is called like the annotation",
     R"({"properties":{"x-mcp-header":{"type":"string"}}})", ""},
    {"the same, annotated", R"({"properties":{"x-mcp-header":)" + a + "}}", "A=x-mcp-header"},
    {"a property that is called properties",
     R"({"properties":{"properties":{"properties":{"p":)" + a + "}}}}", "A=properties.p"},
    {"properties that are called like keywords",
     R"({"properties":{"items":)" + a + R"(,"$ref":{"type":"string","x-mcp-header":"B"}}})",
     "A=items B=$ref"},
    {"an escaped keyword",
     R"({"\u0070roperties":{"p":{"type":"string",)"
     R"("x-mcp-he\u0061der":"A"}}})",
     "A=p"},
    {"every token character",
     R"({"properties":{"p":{"type":"string","x-mcp-header":"!#$%&'*+-.^_`|~0aZ"}}})",
     "!#$%&'*+-.^_`|~0aZ=p"},
    {"data that looks like one",
     R"({"default":)" + a + R"(,"properties":{"p":{"enum":[)" + a + R"(],"const":)" + a +
         R"(,"examples":[)" + a + "]}}}",
     ""},
    {"names that are no keywords",
     R"({"$defs":{"x-mcp-header":{"type":"string"}},)"
     R"("patternProperties":{"x-mcp-header":{}},"dependentSchemas":{"x-mcp-header":{}}})",
     ""},
    {"beside a reference",
     R"({"properties":{"p":{"$ref":"#/x","type":"string","x-mcp-header":"A"}}})", "A=p"},

    {"at the root", R"({"type":"string","x-mcp-header":"A"})", "refused"},
    {"under items", R"({"properties":{"l":{"items":)" + a + "}}}", "refused"},
    {"under properties under items",
     R"({"properties":{"l":{"items":{"properties":{"p":)" + a + "}}}}}", "refused"},
    {"under prefixItems", R"({"prefixItems":[)" + a + "]}", "refused"},
    {"under oneOf", R"({"properties":{"p":{"oneOf":[)" + a + "]}}}", "refused"},
    {"under anyOf at the root", R"({"anyOf":[{"properties":{"p":)" + a + "}}]}", "refused"},
    {"under allOf", R"({"allOf":[{"properties":{"p":)" + a + "}}]}", "refused"},
    {"under not", R"({"not":{"properties":{"p":)" + a + "}}}", "refused"},
    {"under if", R"({"if":{"properties":{"p":)" + a + "}}}", "refused"},
    {"under then", R"({"then":{"properties":{"p":)" + a + "}}}", "refused"},
    {"under else", R"({"else":{"properties":{"p":)" + a + "}}}", "refused"},
    {"under $defs", R"({"properties":{"p":{"$ref":"#/$defs/d"}},"$defs":{"d":)" + a + "}}",
     "refused"},
    {"under definitions", R"({"definitions":{"d":)" + a + "}}", "refused"},
    {"under additionalProperties", R"({"additionalProperties":)" + a + "}", "refused"},
    {"under patternProperties", R"({"patternProperties":{"^p":)" + a + "}}", "refused"},
    {"under dependentSchemas", R"({"dependentSchemas":{"d":)" + a + "}}", "refused"},
    {"under an unknown keyword", R"({"x-more":{"properties":{"p":)" + a + "}}}", "refused"},
    {"in an array in an array", R"({"x-more":[[)" + a + "]]}", "refused"},
    {"properties that are an array", R"({"properties":[)" + a + "]}", "refused"},
    {"on a number", R"({"properties":{"p":{"type":"number","x-mcp-header":"A"}}})", "refused"},
    {"on an object", R"({"properties":{"p":{"type":"object","x-mcp-header":"A"}}})", "refused"},
    {"on an array", R"({"properties":{"p":{"type":"array","x-mcp-header":"A"}}})", "refused"},
    {"on null", R"({"properties":{"p":{"type":"null","x-mcp-header":"A"}}})", "refused"},
    {"on a list of types", R"({"properties":{"p":{"type":["string","null"],"x-mcp-header":"A"}}})",
     "refused"},
    {"on a list of one type", R"({"properties":{"p":{"type":["string"],"x-mcp-header":"A"}}})",
     "refused"},
    {"without a type", R"({"properties":{"p":{"x-mcp-header":"A"}}})", "refused"},
    {"empty", R"({"properties":{"p":{"type":"string","x-mcp-header":""}}})", "refused"},
    {"with a space", R"({"properties":{"p":{"type":"string","x-mcp-header":"a b"}}})", "refused"},
    {"with a colon", R"({"properties":{"p":{"type":"string","x-mcp-header":"a:"}}})", "refused"},
    {"with a line break", R"({"properties":{"p":{"type":"string","x-mcp-header":"a\r\nb"}}})",
     "refused"},
    {"beyond ASCII", R"({"properties":{"p":{"type":"string","x-mcp-header":"é"}}})", "refused"},
    {"no string", R"({"properties":{"p":{"type":"string","x-mcp-header":true}}})", "refused"},
    {"null", R"({"properties":{"p":{"type":"string","x-mcp-header":null}}})", "refused"},
    {"twice", R"({"properties":{"p":)" + a + R"(,"q":)" + a + "}}", "refused"},
    {"twice but for its case",
     R"({"properties":{"p":)" + a +
         R"(,"q":{"properties":{"r":{"type":"string","x-mcp-header":"a"}}}}})",
     "refused"},
    {"far too long a way", R"({"properties":{")" + std::string(2'000, 'n') + R"(":)" + a + "}}",
     "refused"},
};

TEST_CASE("a schema's annotations") {
  for (const Row& row : rows) {
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

}  // namespace
}  // namespace toolgate

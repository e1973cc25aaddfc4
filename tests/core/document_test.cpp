#include "gateway/core/document.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace toolgate {
namespace {

using namespace std::string_literals;

Result<Document> parse(std::string text, JsonLimits limits = JsonLimits{}) {
  return parse_document(Untrusted<std::string>(std::move(text)), limits);
}

// An accepted text's document.
Document read(std::string text) {
  auto document = parse(std::move(text));
  REQUIRE(document);
  return *document;
}

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

std::string object_of(std::size_t members, std::string_view last_name) {
  std::string text = "{";
  for (std::size_t i = 0; i + 1 < members; ++i) text += "\"name" + std::to_string(i) + "\":0,";
  return text + '"' + std::string(last_name) + "\":0}";
}

struct Accepted {
  std::string name;
  std::string text;
};

const std::vector<Accepted> accepted = {
    {"null", "null"},
    {"true", "true"},
    {"false", "false"},
    {"an empty object", "{}"},
    {"an empty array", "[]"},
    {"white space of all four kinds around everything",
     " \t\r\n{ \"a\" : [ 1 , 2 ] , \"b\" : { } } \n"},
    {"zero", "0"},
    {"minus zero", "-0"},
    {"a negative integer", "-12"},
    {"a fraction", "3.25"},
    {"a fraction of minus zero", "-0.0"},
    {"exponents in all spellings", "[1e1,1E1,1e+1,1E-1,0e0,1.5e10]"},
    {"an integer that fits no machine type", "123456789012345678901234567890"},
    {"a number beyond every double", "1e400"},
    {"a number with many digits", "0." + std::string(500, '3')},
    {"an empty string", R"("")"},
    {"every short escape", R"("\"\\\/\b\f\n\r\t")"},
    {"an escaped NUL", R"("a\u0000b")"},
    {"an escape in lower and upper case", R"("\u00e9\u00E9\uABCD\uabcd")"},
    {"an escaped surrogate pair", R"("\ud83d\ude00")"},
    {"the first and the last surrogate pair", R"("\uD800\uDC00\uDBFF\uDFFF")"},
    {"the neighbours of the surrogates, escaped", R"("\ud7ff\ue000\uffff")"},
    {"DEL, which is no control character for JSON", "\"\x7F\""},
    {"a slash without an escape", R"("a/b")"},
    {"UTF-8 of two bytes, first and last", "\"\xC2\x80\xDF\xBF\""},
    {"UTF-8 of three bytes, first and last", "\"\xE0\xA0\x80\xEF\xBF\xBF\""},
    {"UTF-8 around the surrogates", "\"\xED\x9F\xBF\xEE\x80\x80\""},
    {"UTF-8 of four bytes, first and last", "\"\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\""},
    {"a byte order mark inside a string", "\"\xEF\xBB\xBF\""},
    {"line separators inside a string", "\"\xE2\x80\xA8\xE2\x80\xA9\""},
    {"the same name in different objects", R"({"a":{"a":1},"b":{"a":2}})"},
    {"names that differ in case", R"({"a":1,"A":2})"},
    {"names that look alike before they are decoded", R"({"\\u0061":1,"a":2})"},
    {"an empty name", R"({"":1})"},
    {"names in different normal forms", "{\"\xC3\xA9\":1,\"e\xCC\x81\":2}"},
    {"depth 64", nested(64)},
    {"many siblings at depth 2", "[[],[],[],[],{},{},{}]"},
    {"10,000 names", object_of(10'000, "last")},
    {"a long string with its quote at each place of a block",
     "[\"" + std::string(15, 'a') + "\",\"" + std::string(16, 'a') + "\",\"" +
         std::string(17, 'a') + "\"]"},
};

TEST_CASE("texts that the strict reader accepts") {
  for (const Accepted& row : accepted) {
    INFO(row.name);
    auto document = parse(row.text);
    if (!document) FAIL_CHECK(document.refusal().detail);
    if (document) CHECK(document->text() == row.text);
  }
}

struct Refused {
  std::string name;
  std::string text;
  std::string detail;
};

const std::vector<Refused> refused = {
    {"nothing", "", "expected a value at byte 0"},
    {"white space alone", "  \n", "the text ends early: expected a value at byte 3"},
    {"a word in capitals", "True", "expected a value at byte 0"},
    {"half a word", "tru", "expected a value at byte 0"},
    {"a word with a tail", "nullx", "bytes after the JSON text at byte 4"},
    {"NaN", "NaN", "expected a value at byte 0"},
    {"Infinity", "-Infinity", "expected a digit at byte 1"},
    {"undefined", "[undefined]", "expected a value at byte 1"},
    {"two texts", "{}{}", "bytes after the JSON text at byte 2"},
    {"two numbers", "1 2", "bytes after the JSON text at byte 2"},
    {"a NUL behind the text", "{}\0"s, "bytes after the JSON text at byte 2"},
    {"a NUL before the text", "\0{}"s, "expected a value at byte 0"},
    {"a NUL between tokens", "[1,\0 2]"s, "expected a value at byte 3"},
    {"a byte order mark", "\xEF\xBB\xBF{}", "byte order mark at byte 0"},
    {"a no-break space between tokens", "[1,\xC2\xA0 2]", "expected a value at byte 3"},
    {"a form feed between tokens", "[1,\f2]", "expected a value at byte 3"},
    {"a vertical tab after the text", "1\v", "bytes after the JSON text at byte 1"},
    {"UTF-16", "{\0}\0"s, "expected a member name in quotes at byte 1"},

    {"a plus sign", "+1", "expected a value at byte 0"},
    {"a lone minus sign", "-", "the text ends early: expected a digit at byte 1"},
    {"two minus signs", "--1", "expected a digit at byte 1"},
    {"a leading zero", "01", "number with a leading zero at byte 0"},
    {"a leading zero behind a sign", "-01", "number with a leading zero at byte 1"},
    {"a fraction without an integer", ".5", "expected a value at byte 0"},
    {"a fraction without digits", "1.", "the text ends early: expected a digit at byte 2"},
    {"a fraction that starts with an exponent", "1.e5", "expected a digit at byte 2"},
    {"an exponent without digits", "[1e]", "expected a digit at byte 3"},
    {"an exponent with a sign alone", "[1e+]", "expected a digit at byte 4"},
    {"a fraction of an exponent", "1e5.5", "bytes after the JSON text at byte 3"},
    {"a hexadecimal number", "0x1F", "bytes after the JSON text at byte 1"},
    {"digits with a separator", "1_000", "bytes after the JSON text at byte 1"},
    {"digits of another script", "\xD9\xA1", "expected a value at byte 0"},

    {"a string without an end", R"("abc)", "string without an end at byte 0"},
    {"a string that ends in a backslash", "\"abc\\", "unknown escape at byte 4"},
    {"a string that ends in an escaped quote", R"("abc\")", "string without an end at byte 0"},
    {"a string in apostrophes", "'a'", "expected a value at byte 0"},
    {"an unknown escape", R"("\x41")", "unknown escape at byte 1"},
    {"an escape in upper case", R"("\N")", "unknown escape at byte 1"},
    {"an escaped newline", "\"\\\n\"", "unknown escape at byte 1"},
    {"an escape of three digits", R"("\u123")", "escape without four hexadecimal digits at byte 1"},
    {"an escape with a wrong digit", R"("\u12g4")",
     "escape without four hexadecimal digits at byte 1"},
    {"an escape with a sign", R"("\u+123")", "escape without four hexadecimal digits at byte 1"},
    {"an escape that the text's end cuts", R"("\u12)",
     "escape without four hexadecimal digits at byte 1"},
    {"an escape in braces", R"("\u{1F600}")", "escape without four hexadecimal digits at byte 1"},
    {"a lone high surrogate", R"("\ud83d")", "lone surrogate at byte 1"},
    {"a lone low surrogate", R"("a\ude00")", "lone surrogate at byte 2"},
    {"surrogates in the wrong order", R"("\ude00\ud83d")", "lone surrogate at byte 1"},
    {"two high surrogates", R"("\ud83d\ud83d")", "lone surrogate at byte 1"},
    {"a high surrogate before text", R"("\ud83dabc")", "lone surrogate at byte 1"},
    {"a high surrogate before another escape", R"("\ud83d\n")", "lone surrogate at byte 1"},
    {"a high surrogate before half an escape", R"("\ud83d\ude0")", "lone surrogate at byte 1"},
    {"a lone surrogate in a member name", R"({"\ud800":1})", "lone surrogate at byte 2"},
    {"a newline in a string", "\"a\nb\"", "control character in a string at byte 2"},
    {"a tab in a string", "\"a\tb\"", "control character in a string at byte 2"},
    {"a NUL in a string", "\"a\0b\""s, "control character in a string at byte 2"},
    {"an escape character in a string", "\"\x1B[2J\"", "control character in a string at byte 1"},
    {"a control character behind a long run", '"' + std::string(40, 'a') + "\x1F\"",
     "control character in a string at byte 41"},

    {"a lone continuation byte", "\"\x80\"", "bytes that are no UTF-8 at byte 1"},
    {"a lead byte without its tail", "\"\xC3\"", "bytes that are no UTF-8 at byte 1"},
    {"a lead byte at the end of the text", "\"\xC3", "bytes that are no UTF-8 at byte 1"},
    {"an overlong slash of two bytes", "\"\xC0\xAF\"", "bytes that are no UTF-8 at byte 1"},
    {"an overlong NUL", "\"\xC0\x80\"", "bytes that are no UTF-8 at byte 1"},
    {"an overlong form of two bytes, last", "\"\xC1\xBF\"", "bytes that are no UTF-8 at byte 1"},
    {"an overlong form of three bytes", "\"\xE0\x9F\xBF\"", "bytes that are no UTF-8 at byte 1"},
    {"an overlong form of four bytes", "\"\xF0\x8F\xBF\xBF\"", "bytes that are no UTF-8 at byte 1"},
    {"an encoded high surrogate", "\"\xED\xA0\x80\"", "bytes that are no UTF-8 at byte 1"},
    {"an encoded surrogate pair (CESU-8)", "\"\xED\xA0\xBD\xED\xB8\x80\"",
     "bytes that are no UTF-8 at byte 1"},
    {"a code point above U+10FFFF", "\"\xF4\x90\x80\x80\"", "bytes that are no UTF-8 at byte 1"},
    {"a lead byte of five bytes", "\"\xF8\x88\x80\x80\x80\"", "bytes that are no UTF-8 at byte 1"},
    {"the byte FF", "\"\xFF\"", "bytes that are no UTF-8 at byte 1"},
    {"three of four bytes", "\"\xF0\x9F\x98\"", "bytes that are no UTF-8 at byte 1"},
    {"Latin-1 behind a long run", '"' + std::string(33, 'a') + "\xE9\"",
     "bytes that are no UTF-8 at byte 34"},
    {"bad UTF-8 in a member name", "{\"\xFF\":1}", "bytes that are no UTF-8 at byte 2"},
    {"bad UTF-8 behind an escape", "\"\\n\xFF\"", "bytes that are no UTF-8 at byte 3"},

    {"an array without an end", "[1", "the text ends early: expected ',' or ']' at byte 2"},
    {"an open bracket alone", "[", "the text ends early: expected a value at byte 1"},
    {"a closing bracket alone", "]", "expected a value at byte 0"},
    {"a closing bracket too many", "[]]", "bytes after the JSON text at byte 2"},
    {"the wrong closing bracket", "[1}", "expected ',' or ']' at byte 2"},
    {"the wrong closing brace", "{\"a\":1]", "expected ',' or '}' at byte 6"},
    {"a trailing comma in an array", "[1,]", "trailing comma at byte 2"},
    {"a trailing comma in an object", R"({"a":1 , })", "trailing comma at byte 7"},
    {"a comma alone", "[,]", "expected a value at byte 1"},
    {"two commas", "[1,,2]", "expected a value at byte 3"},
    {"no comma", "[1 2]", "expected ',' or ']' at byte 3"},
    {"a colon in an array", "[1:2]", "expected ',' or ']' at byte 2"},
    {"an object without an end", "{",
     "the text ends early: expected a member name in quotes at byte 1"},
    {"a member without a value", R"({"a":})", "expected a value at byte 5"},
    {"a member without a colon", R"({"a" 1})", "expected ':' at byte 5"},
    {"a member without quotes", "{a:1}", "expected a member name in quotes at byte 1"},
    {"a number as a member name", "{1:1}", "expected a member name in quotes at byte 1"},
    {"a comma where a member should be", "{,}", "expected a member name in quotes at byte 1"},
    {"a line comment", "[1 // one\n]", "expected ',' or ']' at byte 3"},
    {"a block comment", "/* */ 1", "expected a value at byte 0"},
    {"a hash comment", "# a\n1", "expected a value at byte 0"},

    {"a duplicate name", R"({"a":1,"b":2,"a":3})", "duplicate member name at byte 13"},
    {"a duplicate name, one escaped", R"({"a":1,"\u0061":2})", "duplicate member name at byte 7"},
    {"a duplicate name, both escaped", R"({"\u0061":1,"\u0061":2})",
     "duplicate member name at byte 12"},
    {"a duplicate name, a surrogate pair and its UTF-8",
     "{\"\\ud83d\\ude00\":1,\"\xF0\x9F\x98\x80\":2}", "duplicate member name at byte 18"},
    {"a duplicate name, one with an escaped slash", R"({"a/b":1,"a\/b":2})",
     "duplicate member name at byte 9"},
    {"a duplicate empty name", R"({"":1,"":2})", "duplicate member name at byte 6"},
    {"a duplicate name with the same value", R"({"a":1,"a":1})", "duplicate member name at byte 7"},
    {"a duplicate name in a nested object", R"([{"x":{"a":1,"a":2}}])",
     "duplicate member name at byte 13"},
    {"a duplicate name around a nested object", R"({"a":{"b":{"a":1}},"a":2})",
     "duplicate member name at byte 19"},
    {"a duplicate among 10,000 names", object_of(10'000, "name17"),
     "duplicate member name at byte 128878"},
    {"an escaped duplicate among 10,000 names", object_of(10'000, "\\u006eame17"),
     "duplicate member name at byte 128878"},

    {"depth 65", nested(65), "nested deeper than 64 at byte 64"},
    {"depth 65 of objects",
     [] {
       std::string text;
       for (int i = 0; i < 65; ++i) text += "{\"a\":";
       return text;
     }(),
     "nested deeper than 64 at byte 320"},
    {"a million open brackets", std::string(1'000'000, '['), "nested deeper than 64 at byte 64"},
};

TEST_CASE("texts that the strict reader refuses, and where") {
  for (const Refused& row : refused) {
    INFO(row.name);
    auto document = parse(row.text);
    CHECK_FALSE(document);
    if (document) continue;
    CHECK(document.refusal().detail == row.detail);
    CHECK(document.refusal().reason == Reason::malformed);
  }
}

TEST_CASE("every strict prefix of a text is refused") {
  const std::string text = R"({"a":[1,-2.5e3,true,"\u00e9\ud83d\ude00x"],"b":{"c":null}})";
  REQUIRE(parse(text));
  for (std::size_t length = 0; length < text.size(); ++length) {
    INFO(length);
    CHECK_FALSE(parse(text.substr(0, length)));
  }
}

TEST_CASE("a special byte is seen at every place of a vector block") {
  for (std::size_t before = 0; before < 40; ++before) {
    for (std::size_t after = 0; after < 20; ++after) {
      const std::string head = '"' + std::string(before, 'a');
      const std::string tail = std::string(after, 'b') + '"';
      CHECK(parse(head + "\\n" + tail));
      CHECK(parse(head + "\xC3\xA9" + tail));
      CHECK_FALSE(parse(head + "\n" + tail));
      CHECK_FALSE(parse(head + "\x80" + tail));
      CHECK_FALSE(parse(head + "\"" + tail));
    }
  }
}

TEST_CASE("size, depth and count have limits") {
  JsonLimits limits;
  limits.bytes = 8;
  CHECK(parse("\"123456\"", limits));
  auto large = parse("\"1234567\"", limits);
  REQUIRE_FALSE(large);
  CHECK(large.refusal().reason == Reason::too_large);
  CHECK(large.refusal().detail == "larger than 8 bytes");

  limits = JsonLimits{};
  limits.values = 3;
  CHECK(parse("[1,2]", limits));
  auto many = parse("[1,2,3]", limits);
  REQUIRE_FALSE(many);
  CHECK(many.refusal().reason == Reason::too_large);
  CHECK(many.refusal().detail == "more than 3 values at byte 5");

  limits = JsonLimits{};
  limits.depth = 0;
  CHECK(parse("1", limits));
  CHECK_FALSE(parse("[]", limits));
}

TEST_CASE("a value knows its exact bytes") {
  const Document document = read(R"( {"n" : 1.50e+1, "a":[ 1 , "\u0041" ] ,"o":{}} )");
  const Value root = document.root();
  CHECK(root.raw() == R"({"n" : 1.50e+1, "a":[ 1 , "\u0041" ] ,"o":{}})");
  CHECK(root.begin() == 1);
  CHECK(root.size() == 3);
  CHECK(root.find("n")->raw() == "1.50e+1");
  CHECK(root.find("a")->raw() == R"([ 1 , "\u0041" ])");
  CHECK(root.find("a")->elements()[1].raw() == R"("\u0041")");
  CHECK(root.find("o")->raw() == "{}");
  CHECK_FALSE(root.find("x"));
  const Value number = *root.find("n");
  CHECK(document.text().substr(number.name_begin(), number.name_end() - number.name_begin()) ==
        "\"n\"");
}

TEST_CASE("members and elements come in their order") {
  const Document document = read(R"({"b":[1,[2,3],{"x":4}],"a":{"c":{"d":5}},"\u0065":6})");
  const std::vector<Member> members = document.root().members();
  REQUIRE(members.size() == 3);
  CHECK(members[0].name == "b");
  CHECK(members[1].name == "a");
  CHECK(members[2].name == "e");
  CHECK(members[2].value.raw() == "6");
  CHECK(members[2].value.is_named("e"));
  CHECK_FALSE(members[2].value.is_named("\\u0065"));
  const std::vector<Value> elements = members[0].value.elements();
  REQUIRE(elements.size() == 3);
  CHECK(elements[1].raw() == "[2,3]");
  CHECK_FALSE(elements[1].has_name());
  CHECK(elements[1].name().empty());
  CHECK(elements[2].find("x")->integer() == 4);
  CHECK(document.root().find("a")->find("c")->find("d")->integer() == 5);
  CHECK_FALSE(document.root().find("d"));
  CHECK(elements[0].members().empty());
  CHECK(document.root().elements().empty());
  CHECK_FALSE(elements[0].find("x"));
  CHECK_FALSE(elements[0].first());
}

TEST_CASE("strings decode") {
  const Document document = read(
      "[\"plain\",\"\\\"\\\\\\/"
      "\\b\\f\\n\\r\\t\",\"\\u0000\\u00e9\\u20AC\\ud83d\\ude00\",\"\xC3\xA9\"]");
  const std::vector<Value> strings = document.root().elements();
  CHECK(strings[0].plain() == "plain");
  CHECK(strings[0].text() == "plain");
  CHECK(strings[1].text() == "\"\\/\b\f\n\r\t");
  CHECK_FALSE(strings[1].plain());
  CHECK(strings[2].text() == "\0\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"s);
  CHECK(strings[2].equals("\0\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"s));
  CHECK(strings[3].equals("\xC3\xA9"));
  CHECK_FALSE(strings[3].equals("\\u00e9"));
  CHECK_FALSE(document.root().equals(""));
  CHECK_FALSE(document.root().plain());
}

TEST_CASE("numbers keep their text, and integers are exact") {
  const Document document = read(
      "[0,-0,9223372036854775807,9223372036854775808,-9223372036854775808,1.0,1e3,2.5,1e400,-1e400,"
      "1e-400]");
  const std::vector<Value> numbers = document.root().elements();
  CHECK(numbers[0].integer() == 0);
  CHECK(numbers[1].integer() == 0);
  CHECK(numbers[2].integer() == 9223372036854775807);
  CHECK_FALSE(numbers[3].integer());
  CHECK(numbers[4].integer() == std::numeric_limits<std::int64_t>::min());
  CHECK_FALSE(numbers[5].integer());
  CHECK_FALSE(numbers[6].integer());
  CHECK(numbers[6].number() == 1000.0);
  CHECK(numbers[7].number() == 2.5);
  CHECK(numbers[8].number() == std::numeric_limits<double>::infinity());
  CHECK(numbers[9].number() == -std::numeric_limits<double>::infinity());
  CHECK(numbers[10].number() == 0.0);
  CHECK(numbers[3].raw() == "9223372036854775808");
  CHECK_FALSE(document.root().integer());
}

TEST_CASE("booleans and null") {
  const Document document = read("[true,false,null]");
  const std::vector<Value> values = document.root().elements();
  CHECK(values[0].boolean());
  CHECK_FALSE(values[1].boolean());
  CHECK(values[2].is_null());
  CHECK(kind_name(values[2].kind()) == "null");
}

TEST_CASE("a document outlives the handle that it was copied from") {
  std::optional<Document> first = read(R"({"a":"b"})");
  const Document second = *first;
  first.reset();
  CHECK(second.root().find("a")->equals("b"));
}

Result<Document> configuration(std::string text) {
  return parse_configuration_text(Untrusted<std::string>(std::move(text)), JsonLimits{});
}

TEST_CASE("the configuration's dialect has comments and trailing commas") {
  for (const std::string text :
       {"// a\n{ /* b */ \"a\" /**/ : /* * / */ 1, // c\n}// d", "[1,2,]", "[/*,*/]",
        "/* \n\n */ 1 //", "{\"a\":[1,/* x */],}", "\"// no comment\""}) {
    INFO(text);
    auto document = configuration(text);
    if (!document) FAIL_CHECK(document.refusal().detail);
  }
}

TEST_CASE("the configuration's errors name line and column") {
  const std::vector<Refused> rows = {
      {"a duplicate", "{\n  \"a\": 1,\n  \"a\": 2\n}", "line 3, column 3: duplicate member name"},
      {"a comment without an end", "{}\n/* x", "line 2, column 1: comment without an end"},
      {"an end in the opening of a comment", "/*/", "line 1, column 1: comment without an end"},
      {"bad UTF-8 in a comment", "1 // \xFF",
       "line 1, column 3: comment with bytes that are no UTF-8"},
      {"a slash alone", "[1 / 2]", "line 1, column 4: expected ',' or ']'"},
      {"two commas", "[1,\n,]", "line 2, column 1: expected a value"},
      {"a comma alone", "{,}", "line 1, column 2: expected a member name in quotes"},
      {"a missing end", "{\n",
       "line 2, column 1: the text ends early: expected a member name in quotes"},
      {"a comma after the text", "{},", "line 1, column 3: bytes after the JSON text"},
      {"apostrophes", "{'a':1}", "line 1, column 2: expected a member name in quotes"},
  };
  for (const Refused& row : rows) {
    INFO(row.name);
    auto document = configuration(row.text);
    CHECK_FALSE(document);
    if (document) continue;
    CHECK(document.refusal().detail == row.detail);
    CHECK(document.refusal().reason == Reason::bad_configuration);
  }
}

TEST_CASE("a place in a file") {
  CHECK(place_of("ab\ncd", 0).line == 1);
  CHECK(place_of("ab\ncd", 1).column == 2);
  CHECK(place_of("ab\ncd", 2).column == 3);
  CHECK(place_of("ab\ncd", 3).line == 2);
  CHECK(place_of("ab\ncd", 5).column == 3);
}

TEST_CASE("quoting reads back as it was") {
  for (const std::string& text :
       {""s, "plain"s, "\"\\/\b\f\n\r\t\x01\x1F\x7F"s, "\0"s, "\xC3\xA9\xF0\x9F\x98\x80"s}) {
    CHECK(read(json_quote(text)).root().text() == text);
  }
  CHECK(json_quote("a\"\x01\n") == R"("a\"\u0001\n")");
  CHECK(json_quote("\xFF"
                   "a\xE2\x82") ==
        "\"\xEF\xBF\xBD"
        "a\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

TEST_CASE("UTF-8 is told from other bytes") {
  CHECK(is_utf8(""));
  CHECK(is_utf8("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"));
  CHECK_FALSE(is_utf8("\xC0\x80"));
  CHECK_FALSE(is_utf8("\xED\xA0\x80"));
  CHECK_FALSE(is_utf8("\xF4\x90\x80\x80"));
  CHECK_FALSE(is_utf8("a\xE2\x82"));
}

}  // namespace
}  // namespace toolgate

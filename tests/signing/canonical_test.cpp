#include "signing/canonical.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <cstdint>

namespace toolgate {
namespace {

Result<std::string> canonical(std::string text) {
  auto document = parse_document(Untrusted<std::string>(std::move(text)), JsonLimits());
  if (!document) return document.refusal();
  return canonical_json(document->root());
}

TEST_CASE("numbers as in RFC 8785, appendix B") {
  struct Row {
    std::uint64_t bits;
    const char* expected;
  };
  constexpr Row rows[] = {
      {0x0000000000000000, "0"},
      {0x8000000000000000, "0"},
      {0x0000000000000001, "5e-324"},
      {0x8000000000000001, "-5e-324"},
      {0x7fefffffffffffff, "1.7976931348623157e+308"},
      {0xffefffffffffffff, "-1.7976931348623157e+308"},
      {0x4340000000000000, "9007199254740992"},
      {0xc340000000000000, "-9007199254740992"},
      {0x4430000000000000, "295147905179352830000"},
      {0x44b52d02c7e14af5, "9.999999999999997e+22"},
      {0x44b52d02c7e14af6, "1e+23"},
      {0x44b52d02c7e14af7, "1.0000000000000001e+23"},
      {0x444b1ae4d6e2ef4e, "999999999999999700000"},
      {0x444b1ae4d6e2ef4f, "999999999999999900000"},
      {0x444b1ae4d6e2ef50, "1e+21"},
      {0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
      {0x3eb0c6f7a0b5ed8d, "0.000001"},
      {0x41b3de4355555553, "333333333.3333332"},
      {0x41b3de4355555554, "333333333.33333325"},
      {0x41b3de4355555555, "333333333.3333333"},
      {0x41b3de4355555556, "333333333.3333334"},
      {0x41b3de4355555557, "333333333.33333343"},
      {0xbecbf647612f3696, "-0.0000033333333333333333"},
      {0x43143ff3c1cb0959, "1424953923781206.2"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.expected);
    CHECK(canonical_number(std::bit_cast<double>(row.bits)) == row.expected);
  }
}

TEST_CASE("a number is accepted when its double says the same") {
  struct Row {
    const char* literal;
    const char* expected;  // null: refused
  };
  constexpr Row rows[] = {
      {"0.1", "0.1"},
      {"1.50", "1.5"},
      {"1e3", "1000"},
      {"1E+3", "1000"},
      {"10e-1", "1"},
      {"0.0001e4", "1"},
      {"-0", "0"},
      {"-0.0e5", "0"},
      {"0e99999999999999999999", "0"},
      {"5e-324", "5e-324"},
      {"1.7976931348623157e308", "1.7976931348623157e+308"},
      {"2.2250738585072014e-308", "2.2250738585072014e-308"},
      {"9007199254740991", "9007199254740991"},
      {"9007199254740992", "9007199254740992"},
      {"9007199254740994", "9007199254740994"},
      {"100000000000000000000", "100000000000000000000"},
      {"1000000000000000000000", "1e+21"},
      {"1e23", "1e+23"},
      {"9007199254740993", nullptr},
      {"-9007199254740993", nullptr},
      {"9223372036854775807", nullptr},
      {"12345678901234567890", nullptr},
      {"0.1000000000000000055511151231257827", nullptr},
      {"0.10000000000000001", nullptr},
      {"333333333.33333329", nullptr},
      {"1e400", nullptr},
      {"-1e400", nullptr},
      {"1e-400", nullptr},
      {"2e-324", nullptr},
      {"1e99999999999999999999", nullptr},
      {"1e-99999999999999999999", nullptr},
  };
  for (const auto& row : rows) {
    CAPTURE(row.literal);
    auto out = canonical(row.literal);
    REQUIRE(static_cast<bool>(out) == (row.expected != nullptr));
    if (out) CHECK(*out == row.expected);
    if (!out) CHECK(out.refusal().reason == Reason::malformed);
  }
}

TEST_CASE("long numbers are read digit by digit") {
  CHECK(*canonical("1" + std::string(300, '0')) == "1e+300");
  CHECK(*canonical("0." + std::string(99, '0') + "1") == "1e-100");
  CHECK(*canonical("1." + std::string(100'000, '0')) == "1");
  CHECK_FALSE(canonical("1." + std::string(100'000, '0') + "1"));
  CHECK_FALSE(canonical(std::string(100'000, '9')));
}

// The sample of section 3.2.2, but for its 333333333.33333329, which no double holds: JCS would
// write 333333333.3333333, and so give two different texts one form.
TEST_CASE("the object of RFC 8785, section 3.2.2") {
  auto out = canonical(R"({
    "numbers": [333333333.3333333, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
    "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
    "literals": [null, true, false]
  })");
  REQUIRE(out);
  CHECK(*out ==
        R"({"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],)"
        "\"string\":\"\u20AC$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
}

TEST_CASE("member names in the order of RFC 8785, section 3.2.3") {
  auto out = canonical(R"({
    "\u20ac": "Euro Sign",
    "\r": "Carriage Return",
    "\ufb33": "Hebrew Letter Dalet With Dagesh",
    "1": "One",
    "\ud83d\ude00": "Emoji: Grinning Face",
    "\u0080": "Control",
    "\u00f6": "Latin Small Letter O With Diaeresis"
  })");
  REQUIRE(out);
  CHECK(*out ==
        "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u0080\":\"Control\","
        "\"\u00F6\":\"Latin Small Letter O With Diaeresis\",\"\u20AC\":\"Euro Sign\","
        "\"\U0001F600\":\"Emoji: Grinning Face\","
        "\"\uFB33\":\"Hebrew Letter Dalet With Dagesh\"}");
}

TEST_CASE("texts that mean the same have the same bytes") {
  struct Row {
    const char* name;
    const char* text;
    const char* expected;
  };
  constexpr Row rows[] = {
      {"white space goes", " { \"a\" : [ 1 , 2 ] } ", R"({"a":[1,2]})"},
      {"empty containers", R"([{},[],""])", R"([{},[],""])"},
      {"inner objects are sorted too", R"([{"b":{"d":1,"c":2},"a":3}])",
       R"([{"a":3,"b":{"c":2,"d":1}}])"},
      {"a name sorts before one that it starts", R"({"aa":1,"a":2,"":3})",
       R"({"":3,"a":2,"aa":1})"},
      {"escaped names sort by what they say", R"({"b":1,"\u0061":2})", R"({"a":2,"b":1})"},
      {"every control character has its one form",
       R"("\u0000\u0008\u0009\u000a\u000b\u000c\u000d\u001f")",
       R"("\u0000\b\t\n\u000b\f\r\u001f")"},
      {"DEL and the solidus stand as they are", "\"\\u007f\\/\"", "\"\x7F/\""},
      {"a private character comes after an emoji", R"({"\ue000":1,"\ud83d\ude00":2})",
       "{\"\U0001F600\":2,\"\uE000\":1}"},
      {"text is not normalised", R"("A\u030a")", "\"A\u030A\""},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    auto out = canonical(row.text);
    REQUIRE(out);
    CHECK(*out == row.expected);
    CHECK(*canonical(*out) == *out);
  }
}

TEST_CASE("a refusal says where the number stands") {
  auto out = canonical(R"({"a":[1,9007199254740993]})");
  REQUIRE_FALSE(out);
  CHECK(out.refusal().detail.find("byte 8 ") != std::string::npos);
}

}  // namespace
}  // namespace toolgate

#include "gateway/core/finding.hpp"

#include <doctest/doctest.h>

namespace toolgate {
namespace {

TEST_CASE("findings as JSON") {
  CHECK(findings_json({}) == "[]");
  Finding tag;
  tag.id = "unicode.tag";
  tag.severity = Severity::hard;
  tag.begin = 3;
  tag.end = 7;
  tag.pointer = "/content/0/te\"xt";
  tag.why = "Characters that no reader sees.";
  CHECK(findings_json({tag, Finding{}}) ==
        "[{\"id\":\"unicode.tag\",\"severity\":\"hard\",\"span\":[3,7],\"path\":\"/content/0/"
        "te\\\"xt\","
        "\"why\":\"Characters that no reader sees.\"},"
        "{\"id\":\"\",\"severity\":\"note\",\"span\":[0,0],\"path\":\"\",\"why\":\"\"}]");
  CHECK(severity_name(Severity::soft) == "soft");
}

}  // namespace
}  // namespace toolgate

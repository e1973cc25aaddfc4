#include <doctest/doctest.h>

#include "gateway/broker/difference.hpp"

namespace toolgate {
namespace {

TEST_CASE("differences: member by member, in the order of the old definition") {
  auto changes = changes_between(R"({"name":"a","gone":1,"schema":{"x":[1,2],"same":{}}})",
                                 R"({"schema":{"same":{},"x":[1,3],"~/":true},"name":"b"})");
  REQUIRE(changes.size() == 4);
  CHECK(changes[0].path == "/name");
  CHECK(changes[0].old == R"("a")");
  CHECK(changes[0].now == R"("b")");
  CHECK(changes[1].path == "/gone");
  CHECK(changes[1].now == std::nullopt);
  CHECK(changes[2].path == "/schema/x");
  CHECK(changes[2].now == "[1,3]");
  CHECK(changes[3].path == "/schema/~0~1");
  CHECK(changes[3].old == std::nullopt);
}

TEST_CASE("differences: none, everything, and what cannot be read") {
  CHECK(changes_between("{}", "{}").empty());
  CHECK(changes_between(R"({"a":1,"b":2})", R"({"b":2,"a":1})").empty());
  auto all = changes_between("\"old\"", "\"new\"");
  REQUIRE(all.size() == 1);
  CHECK(all[0].path.empty());
  CHECK(changes_between("{", "{}").empty());
}

TEST_CASE("differences: at most two hundred, however many there are") {
  std::string before = "{";
  std::string after = "{";
  for (int at = 0; at < 500; ++at) {
    before += (at ? ",\"a" : "\"a") + std::to_string(at) + "\":0";
    after += (at ? ",\"b" : "\"b") + std::to_string(at) + "\":0";
  }
  CHECK(changes_between(before + "}", after + "}").size() == 200);
  CHECK(changes_between("{}", after + "}").size() == 200);
}

}  // namespace
}  // namespace toolgate

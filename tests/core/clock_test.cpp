#include "gateway/core/clock.hpp"

#include <doctest/doctest.h>

namespace toolgate {
namespace {

TEST_CASE("a moment as text") {
  CHECK(utc_text(0) == "1970-01-01T00:00:00.000000000Z");
  CHECK(utc_text(1795232417'123456789) == "2026-11-21T03:40:17.123456789Z");
  CHECK(utc_text(951782400'000000001) == "2000-02-29T00:00:00.000000001Z");
  CHECK(utc_text(-1) == "1969-12-31T23:59:59.999999999Z");
  CHECK(utc_text(now_utc_ns()) > "2020");
}

TEST_CASE("a UUIDv7 has its version, its variant and its time") {
  const std::int64_t before = now_utc_ns() / 1'000'000;
  const std::string id = make_uuid_v7();
  REQUIRE(id.size() == 36);
  for (std::size_t i = 0; i < id.size(); ++i) {
    INFO(i);
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      CHECK(id[i] == '-');
    } else {
      CHECK(std::string_view("0123456789abcdef").find(id[i]) != std::string_view::npos);
    }
  }
  CHECK(id[14] == '7');
  CHECK(std::string_view("89ab").find(id[19]) != std::string_view::npos);
  const std::int64_t time = std::stoll(id.substr(0, 8) + id.substr(9, 4), nullptr, 16);
  CHECK(time >= before);
  CHECK(time <= before + 60'000);
}

TEST_CASE("UUIDs of one process rise strictly") {
  std::string last = make_uuid_v7();
  for (int i = 0; i < 100'000; ++i) {
    std::string next = make_uuid_v7();
    REQUIRE(next > last);
    last = std::move(next);
  }
}

}  // namespace
}  // namespace toolgate

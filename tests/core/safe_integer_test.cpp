#include "gateway/core/safe_integer.hpp"

#include <doctest/doctest.h>

#include <string>

namespace toolgate {
namespace {

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

}  // namespace
}  // namespace toolgate

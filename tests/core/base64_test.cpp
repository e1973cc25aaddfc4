#include "gateway/core/base64.hpp"

#include <doctest/doctest.h>

namespace toolgate {
namespace {

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

}  // namespace
}  // namespace toolgate

// Prints the table of hostile messages, one JSON object a line, for the end-to-end tests.
#include "tests/core/hostile_messages.hpp"

#include <cstdio>

#include "gateway/core/document.hpp"

namespace toolgate {
namespace {

// RFC 4648 section 4.
std::string base64(std::string_view bytes) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::string_view group = bytes.substr(at, 3);
    unsigned bits = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      bits = bits << 8 | (i < group.size() ? static_cast<unsigned char>(group[i]) : 0U);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      out += i <= group.size() ? digits[(bits >> (18 - 6 * i)) & 63] : '=';
    }
  }
  return out;
}

}  // namespace
}  // namespace toolgate

int main() {
  for (const toolgate::HostileMessage& message : toolgate::hostile_messages()) {
    const bool one_line = message.travel == toolgate::Travel::one_line;
    const std::string line =
        "{\"name\":" + toolgate::json_quote(message.name) + ",\"bytes_base64\":\"" +
        toolgate::base64(message.bytes) + "\",\"code\":" + std::to_string(message.code) +
        ",\"id\":" + message.id_raw + ",\"one_line\":" + (one_line ? "true" : "false") + "}\n";
    std::fputs(line.c_str(), stdout);
  }
}

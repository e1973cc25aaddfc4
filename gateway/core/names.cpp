#include "gateway/core/names.hpp"

namespace toolgate {
namespace {

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

}  // namespace

Status check_plain_name(std::string_view text, std::string_view what) {
  auto refuse = [&](std::string_view why) {
    return Refusal(Reason::bad_configuration, std::string(what) + " name " + std::string(why));
  };
  if (text.empty() || text.size() > 64) return refuse("must have 1 to 64 characters");
  if (!is_alphanumeric(text.front())) return refuse("must start with a letter or a digit");
  for (char c : text) {
    if (!is_alphanumeric(c) && c != '_' && c != '-' && c != '.') {
      return refuse("may hold only letters, digits, '_', '-' and '.'");
    }
  }
  if (text.find("__") != std::string_view::npos) {
    return refuse("must not contain '__', which separates server and tool");
  }
  return done();
}

}  // namespace toolgate

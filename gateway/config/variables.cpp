#include "gateway/config/variables.hpp"

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "gateway/config/problems.hpp"

namespace toolgate {
namespace config {
namespace {

Refusal refuse(std::string text) { return Refusal(Reason::bad_configuration, std::move(text)); }

bool is_name(std::string_view text) {
  if (text.empty() || (text.front() >= '0' && text.front() <= '9')) return false;
  for (const char c : text) {
    const bool good =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (!good) return false;
  }
  return true;
}

}  // namespace

Result<std::string> Variables::expand(std::string_view text) const {
  std::string result;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t start = text.find("${", at);
    if (start == std::string_view::npos) break;
    const std::size_t end = text.find('}', start);
    if (end == std::string_view::npos) return refuse("'${' without its '}'");
    result += text.substr(at, start - at);
    Result<std::string> value = look_up(text.substr(start + 2, end - start - 2));
    if (!value) return value.refusal();
    result += *value;
    at = end + 1;
  }
  result += text.substr(at);
  return result;
}

// `inside` is what stands between the braces. It may be a default, and so a secret: only its name
// is shown.
Result<std::string> Variables::look_up(std::string_view inside) const {
  const std::size_t separator = inside.find(":-");
  const std::string name(inside.substr(0, separator));
  if (!is_name(name)) {
    if (name.starts_with("env:") && is_name(std::string_view(name).substr(4))) {
      return refuse("'${" + name + "}' is another program's form; write ${" + name.substr(4) + "}");
    }
    return refuse("'${' must begin ${NAME}, ${NAME:-default} or ${workspace}");
  }
  if (name == "workspace") return workspace();
  if (std::optional<std::string> value = environment_(name)) return std::move(*value);
  if (separator != std::string_view::npos) return std::string(inside.substr(separator + 2));
  return refuse("${" + printable(name) + "} is not set; set it, or write ${" + printable(name) +
                ":-default}");
}

Result<std::string> Variables::workspace() const {
  if (const auto given = environment_("TOOLGATE_WORKSPACE"); given && !given->empty()) {
    if (given->front() != '/') return refuse("TOOLGATE_WORKSPACE must be an absolute path");
    return *given;
  }
  std::error_code error;
  const std::filesystem::path current = std::filesystem::current_path(error);
  if (error) return refuse("${workspace}: the working directory is gone; set TOOLGATE_WORKSPACE");
  return current.string();
}

}  // namespace config

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());  // nothing in this program calls setenv
    if (value == nullptr) return std::nullopt;
    return std::string(value);
  };
}

}  // namespace toolgate

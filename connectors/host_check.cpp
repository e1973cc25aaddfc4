#include "connectors/host_check.hpp"

#include <algorithm>
#include <charconv>

namespace toolgate {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

bool is_address_character(char c) {
  return (c >= 'a' && c <= 'f') || (c >= '0' && c <= '9') || c == ':' || c == '.';
}

std::optional<std::uint16_t> port_from(std::string_view digits) {
  if (digits.empty() || digits.size() > 5) return std::nullopt;
  unsigned value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  if (value == 0 || value > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(value);
}

// Where the name ends and ":port", or nothing, begins.
std::size_t name_length(std::string_view text) {
  if (text.empty()) return 0;
  if (text.front() == '[') {
    const std::size_t closing = text.find(']');
    if (closing == std::string_view::npos || closing < 3) return 0;
    const std::string_view inner = text.substr(1, closing - 1);
    return std::ranges::all_of(inner, is_address_character) ? closing + 1 : 0;
  }
  const std::size_t colon = std::min(text.find(':'), text.size());
  return std::ranges::all_of(text.substr(0, colon), is_name_character) ? colon : 0;
}

bool is_loopback_name(std::string_view name) {
  return name == "localhost" || name == "127.0.0.1" || name == "[::1]";
}

}  // namespace

std::optional<Authority> authority_from(std::string_view text) {
  const std::string whole = lower(text);
  const std::string_view view = whole;
  const std::size_t length = name_length(view);
  if (length == 0) return std::nullopt;
  Authority authority{std::string(view.substr(0, length)), std::nullopt};
  const std::string_view rest = view.substr(length);
  if (rest.empty()) return authority;
  if (rest.front() != ':') return std::nullopt;
  authority.port = port_from(rest.substr(1));
  if (!authority.port) return std::nullopt;
  return authority;
}

HostCheck::HostCheck(const HostRules& rules)
    : port_(rules.port),
      default_port_(rules.default_port),
      own_names_{"localhost", "127.0.0.1", "[::1]"} {
  // A wildcard address is no name that an honest client sends; browsers take 0.0.0.0 for this
  // machine.
  if (rules.listen_name != "0.0.0.0" && rules.listen_name != "::" && !rules.listen_name.empty()) {
    const bool bare_v6 = rules.listen_name.find(':') != std::string::npos;
    own_names_.push_back(lower(bare_v6 ? "[" + rules.listen_name + "]" : rules.listen_name));
  }
  for (const std::string& host : rules.hosts) {
    if (auto authority = authority_from(host)) hosts_.push_back(std::move(*authority));
  }
  for (const std::string& origin : rules.origins) origins_.push_back(lower(origin));
}

bool HostCheck::accepts_host(std::string_view host) const {
  const std::optional<Authority> asked = authority_from(host);
  if (!asked) return false;
  const std::uint16_t port = asked->port.value_or(default_port_);
  if (port == port_ && std::ranges::find(own_names_, asked->name) != own_names_.end()) return true;
  return std::ranges::any_of(hosts_, [&](const Authority& allowed) {
    return allowed.name == asked->name && (!allowed.port || *allowed.port == port);
  });
}

bool HostCheck::accepts_origin(std::string_view origin) const {
  const std::string asked = lower(origin);
  if (std::ranges::find(origins_, asked) != origins_.end()) return true;
  std::string_view rest = asked;
  if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
  } else {
    return false;
  }
  const std::optional<Authority> authority = authority_from(rest);
  return authority && is_loopback_name(authority->name);
}

}  // namespace toolgate

#pragma once
// Which Host and Origin headers the HTTP endpoint accepts: the defence against DNS rebinding and
// against web pages that talk to a server on the reader's own machine (MCP "Transports", security
// warning).
//
// Accepted as Host: localhost, 127.0.0.1, [::1] and the listen address, each with the listening
// port (which may be left out where it is the scheme's own), and what the configuration allows.
// Accepted as Origin: http or https at localhost, 127.0.0.1 or [::1] with any port, and what the
// configuration allows. An Origin that is "null" is never accepted. Comparison ignores ASCII case;
// nothing is resolved.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace toolgate {

// "example.com:8443" or "[::1]:80", taken apart. The name is in lower case, and keeps its brackets.
struct Authority {
  std::string name;
  std::optional<std::uint16_t> port;
};
// Nothing for what is no host with an optional port (user info, paths, spaces, empty names or
// ports).
std::optional<Authority> authority_from(std::string_view text);

struct HostRules {
  std::string listen_name;           // "127.0.0.1", "::1", "gateway.lan"
  std::uint16_t port = 0;            // the port that is really listened on
  std::uint16_t default_port = 80;   // the one that a Host may leave out: 80, or 443 with TLS
  std::vector<std::string> hosts;    // "example.com" (any port) or "example.com:8443" (that one)
  std::vector<std::string> origins;  // "https://app.example.com", compared whole
};

class HostCheck {
 public:
  explicit HostCheck(const HostRules& rules);
  bool accepts_host(std::string_view host) const;
  bool accepts_origin(std::string_view origin) const;

 private:
  std::uint16_t port_;
  std::uint16_t default_port_;
  std::vector<std::string> own_names_;
  std::vector<Authority> hosts_;
  std::vector<std::string> origins_;
};

}  // namespace toolgate

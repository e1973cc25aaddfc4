#pragma once
// URLs of servers: http and https alone, parsed once, strictly, into parts that can stand in a
// request line and a Host header as they are. Source: RFC 3986, RFC 9110 section 4.2.
//
// Refused: userinfo (a password in a URL ends up in logs), fragments, control and non-ASCII
// characters, characters that RFC 3986 does not allow, short forms of IPv4 addresses (`127.1`),
// IPv6 zones, port 0.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "gateway/core/result.hpp"

namespace toolgate {

inline constexpr std::size_t url_bytes = 4096;

enum class UrlScheme { http, https };
enum class HostKind { name, ipv4, ipv6 };

struct Url {
  UrlScheme scheme = UrlScheme::http;
  HostKind host_kind = HostKind::name;
  std::string host;         // lower case; an IPv6 address without its brackets
  std::uint16_t port = 80;  // written out, or the scheme's own
  std::string target;       // path and query; starts with '/'

  // For the Host header: brackets around IPv6, the port where it is not the scheme's own.
  std::string authority() const;
  std::string text() const;
};

// Every refusal is bad_configuration and does not repeat the text.
Result<Url> parse_url(std::string_view text);

// `reference` as `base` understands it: an absolute URL, or a path (absolute, or relative without
// "..").
Result<Url> resolve_url(const Url& base, std::string_view reference);

// Scheme, host and port are the same (RFC 6454).
bool same_origin(const Url& a, const Url& b);

}  // namespace toolgate

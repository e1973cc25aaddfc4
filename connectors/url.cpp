#include "connectors/url.hpp"

#include <algorithm>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/address_v6.hpp>
#include <boost/system/error_code.hpp>
#include <charconv>

namespace toolgate {
namespace {

Refusal bad_url(std::string_view why) {
  return Refusal(Reason::bad_configuration, "the URL " + std::string(why));
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return lower(c); });
  return out;
}

// What RFC 3986 allows in a path or a query.
Status check_target(std::string_view target) {
  constexpr std::string_view allowed = "-._~!$&'()*+,;=:@/?";
  for (std::size_t i = 0; i < target.size(); ++i) {
    char c = target[i];
    if (c == '%') {
      if (i + 2 >= target.size() || !is_hex(target[i + 1]) || !is_hex(target[i + 2])) {
        return bad_url("has a '%' that is not followed by two hexadecimal digits");
      }
    } else if (!is_digit(c) && !is_letter(c) && allowed.find(c) == std::string_view::npos) {
      return bad_url("has a character in its path or query that must be percent-encoded");
    }
  }
  return done();
}

Status read_port(std::string_view text, Url& url) {
  unsigned port = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  bool whole = error == std::errc() && end == text.data() + text.size() && text.size() <= 5;
  if (!whole || !is_digit(text.front()) || port == 0 || port > 65535) {
    return bad_url("has a port that is no number from 1 to 65535");
  }
  url.port = static_cast<std::uint16_t>(port);
  return done();
}

Status read_name(std::string_view text, Url& url) {
  if (text.empty() || text.size() > 253) return bad_url("has a host name of the wrong length");
  std::size_t label_start = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || text[i] == '.') {
      if (i == label_start || i - label_start > 63)
        return bad_url("has an empty or long host label");
      if (i < text.size()) label_start = i + 1;
    } else if (!is_digit(text[i]) && !is_letter(text[i]) && text[i] != '-' && text[i] != '_') {
      return bad_url(
          "has a host name with a character other than letters, digits, '-', '_' and '.'");
    }
  }
  url.host = lower(text);
  if (!is_digit(text[label_start])) return done();
  // The last label starts with a digit: only a full dotted quad is read the same way by everybody.
  boost::system::error_code error;
  auto address = boost::asio::ip::make_address_v4(url.host, error);
  if (error || address.to_string() != url.host) {
    return bad_url("has a host that looks like an IPv4 address and is none in dotted decimal form");
  }
  url.host_kind = HostKind::ipv4;
  return done();
}

Status read_authority(std::string_view text, Url& url) {
  if (text.find('@') != std::string_view::npos) {
    return bad_url("carries a user name or password; put credentials into \"headers\"");
  }
  std::string_view rest;
  if (text.starts_with('[')) {
    std::size_t end = text.find(']');
    if (end == std::string_view::npos) return bad_url("has a '[' without its ']'");
    boost::system::error_code error;
    std::string inside(text.substr(1, end - 1));
    auto address = boost::asio::ip::make_address_v6(inside, error);
    if (error || address.scope_id() != 0 || inside.find('%') != std::string::npos) {
      return bad_url("has no IPv6 address in its brackets (zones are not accepted)");
    }
    url.host = address.to_string();
    url.host_kind = HostKind::ipv6;
    rest = text.substr(end + 1);
    if (!rest.empty() && rest.front() != ':') return bad_url("has text between ']' and the port");
  } else {
    std::size_t colon = text.find(':');
    auto name = read_name(text.substr(0, colon), url);
    if (!name) return name;
    rest = colon == std::string_view::npos ? std::string_view() : text.substr(colon);
  }
  if (rest.empty()) return done();
  if (rest.size() == 1) return bad_url("has a ':' without a port");
  return read_port(rest.substr(1), url);
}

}  // namespace

std::string Url::authority() const {
  std::string out = host_kind == HostKind::ipv6 ? "[" + host + "]" : host;
  if (port != (scheme == UrlScheme::https ? 443 : 80)) out += ":" + std::to_string(port);
  return out;
}

std::string Url::text() const {
  return (scheme == UrlScheme::https ? "https://" : "http://") + authority() + target;
}

Result<Url> parse_url(std::string_view text) {
  if (text.empty() || text.size() > url_bytes) {
    return bad_url("must have 1 to " + std::to_string(url_bytes) + " bytes");
  }
  for (char c : text) {
    if (c <= 0x20 || c >= 0x7F) return bad_url("has a space, control or non-ASCII character");
  }
  if (text.find('#') != std::string_view::npos) return bad_url("has a fragment ('#')");
  Url url;
  std::size_t colon = text.find("://");
  std::string scheme = colon == std::string_view::npos ? "" : lower(text.substr(0, colon));
  if (scheme == "https") {
    url.scheme = UrlScheme::https;
    url.port = 443;
  } else if (scheme != "http") {
    return bad_url("must start with http:// or https://");
  }
  std::string_view rest = text.substr(colon + 3);
  std::size_t path = std::min(rest.find_first_of("/?"), rest.size());
  auto authority = read_authority(rest.substr(0, path), url);
  if (!authority) return authority.refusal();
  url.target = rest.substr(path);
  if (!url.target.starts_with('/')) url.target.insert(0, 1, '/');
  auto target = check_target(url.target);
  if (!target) return target.refusal();
  return url;
}

Result<Url> resolve_url(const Url& base, std::string_view reference) {
  if (reference.empty()) return bad_url("is empty");
  std::string path(reference.substr(0, reference.find('?')));
  if (path.find("://") != std::string::npos) return parse_url(reference);
  if (("/" + path + "/").find("/../") != std::string::npos) return bad_url("has '..' in its path");
  std::string origin =
      (base.scheme == UrlScheme::https ? "https://" : "http://") + base.authority();
  if (reference.starts_with("//"))
    return parse_url(origin.substr(0, origin.find('/')) + std::string(reference));
  if (reference.starts_with('/')) return parse_url(origin + std::string(reference));
  std::string base_path = base.target.substr(0, base.target.find('?'));
  if (!reference.starts_with('?')) base_path.resize(base_path.rfind('/') + 1);
  return parse_url(origin + base_path + std::string(reference));
}

bool same_origin(const Url& a, const Url& b) {
  return a.scheme == b.scheme && a.host == b.host && a.port == b.port;
}

}  // namespace toolgate

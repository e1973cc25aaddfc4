#include "gateway/config/address.hpp"

#include <boost/asio/ip/address.hpp>
#include <charconv>
#include <string>

#include "connectors/url.hpp"
#include "gateway/config/configuration.hpp"
#include "gateway/core/task.hpp"

namespace toolgate {
namespace {

bool is_loopback(const Url& url) {
  if (url.host_kind == HostKind::name) return url.host == "localhost";
  boost::system::error_code error;
  const asio::ip::address address = asio::ip::make_address(url.host, error);
  return !error && address.is_loopback();
}

}  // namespace

Status config::check_url(std::string_view text) {
  const Result<Url> url = parse_url(text);
  if (!url) return url.refusal();
  if (url->scheme == UrlScheme::http && !is_loopback(*url)) {
    return Refusal(Reason::bad_configuration,
                   "the URL must be https: with plain http anyone on the way can read and change "
                   "what is said (http is for 127.0.0.0/8, [::1] and localhost)");
  }
  return done();
}

Result<std::string> parse_listen(std::string_view text, Encryption encryption) {
  const Refusal shape(Reason::bad_configuration,
                      "'listen' must be ADDRESS:PORT, for example 127.0.0.1:8808 or [::1]:8808");
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return shape;
  const std::string_view digits = text.substr(colon + 1);
  unsigned port = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  const bool whole = failed == std::errc() && end == digits.data() + digits.size();
  if (!whole || port > 65'535) return shape;

  std::string host(text.substr(0, colon));
  const bool bracketed = host.size() > 1 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!bracketed && host == "localhost") host = "127.0.0.1";
  boost::system::error_code error;
  const asio::ip::address address = asio::ip::make_address(host, error);
  if (error || address.is_v6() != bracketed) return shape;
  if (!address.is_loopback() && encryption == Encryption::none) {
    return Refusal(Reason::bad_configuration,
                   "'listen' can be reached from other machines, so tokens would travel in the "
                   "clear; set 'tls' {certificate, key}, or listen on 127.0.0.1");
  }
  const std::string normal = address.to_string();
  return (bracketed ? "[" + normal + "]" : normal) + ":" + std::to_string(port);
}

}  // namespace toolgate

#include "connectors/url.hpp"

#include <doctest/doctest.h>

#include <string>

namespace toolgate {
namespace {

TEST_CASE("a URL is read into parts that can stand in a request") {
  struct Case {
    const char* text;
    const char* host;
    int port;
    const char* target;
    const char* authority;
  };
  const Case cases[] = {
      {"http://example.com", "example.com", 80, "/", "example.com"},
      {"https://example.com/mcp", "example.com", 443, "/mcp", "example.com"},
      {"HTTPS://EXAMPLE.com:8443/Mcp?a=B%20c", "example.com", 8443, "/Mcp?a=B%20c",
       "example.com:8443"},
      {"http://localhost:80/", "localhost", 80, "/", "localhost"},
      {"http://h?q=1", "h", 80, "/?q=1", "h"},
      {"http://127.0.0.1:9/x", "127.0.0.1", 9, "/x", "127.0.0.1:9"},
      {"http://[::1]:9/x", "::1", 9, "/x", "[::1]:9"},
      {"https://[2001:DB8:0::1]/", "2001:db8::1", 443, "/", "[2001:db8::1]"},
      {"http://my_service.local-net:65535/a", "my_service.local-net", 65535, "/a",
       "my_service.local-net:65535"},
  };
  for (const Case& c : cases) {
    INFO(std::string(c.text));
    auto url = parse_url(c.text);
    REQUIRE(url);
    CHECK(url->host == c.host);
    CHECK(url->port == c.port);
    CHECK(url->target == c.target);
    CHECK(url->authority() == c.authority);
    auto again = parse_url(url->text());
    REQUIRE(again);
    CHECK(again->text() == url->text());
  }
}

TEST_CASE("what two readers could understand differently is no URL") {
  struct Case {
    const char* name;
    std::string text;
    const char* why;
  };
  const Case cases[] = {
      {"empty", "", "bytes"},
      {"far too long", "http://h/" + std::string(5000, 'a'), "bytes"},
      {"another scheme", "ftp://h/", "must start with"},
      {"no scheme", "example.com/mcp", "must start with"},
      {"one slash", "http:/h/", "must start with"},
      {"a leading space", " http://h/", "space"},
      {"a newline", "http://h/\r\nX: y", "space"},
      {"a NUL", std::string("http://h/\0", 10), "space"},
      {"not ASCII", "http://h\xC3\xA9/", "non-ASCII"},
      {"a user", "http://user@h/", "user name"},
      {"a password", "http://u:p@h/", "user name"},
      {"a host before an at sign", "http://good.example\\@evil.example/", "user name"},
      {"a backslash for a slash", "http://h\\x/", "host name"},
      {"a fragment", "http://h/#x", "fragment"},
      {"no host", "http:///x", "length"},
      {"no host but a port", "http://:80/", "length"},
      {"an empty label", "http://a..b/", "label"},
      {"a trailing dot", "http://a./", "label"},
      {"a percent sign in the host", "http://a%2eb/", "host name"},
      {"port 0", "http://h:0/", "port"},
      {"port 65536", "http://h:65536/", "port"},
      {"a port with a sign", "http://h:+80/", "port"},
      {"a port that is none", "http://h:8x/", "port"},
      {"no port", "http://h:/", "port"},
      {"two ports", "http://h:80:81/", "port"},
      {"a short IPv4 address", "http://127.1/", "IPv4"},
      {"an IPv4 address as a number", "http://2130706433/", "IPv4"},
      {"octal", "http://0177.0.0.1/", "IPv4"},
      {"hexadecimal", "http://0x7f.0.0.1.0x1/", "IPv4"},
      {"an IPv6 zone", "http://[fe80::1%25eth0]/", "IPv6"},
      {"no IPv6 address", "http://[::g]/", "IPv6"},
      {"an open bracket", "http://[::1/", "']'"},
      {"text behind the bracket", "http://[::1]x/", "']'"},
      {"IPv6 without brackets", "http://::1/", "length"},
      {"a cut escape", "http://h/%4", "hexadecimal"},
      {"no escape", "http://h/%zz", "hexadecimal"},
      {"braces", "http://h/{x}", "percent-encoded"},
      {"a quote", "http://h/\"", "percent-encoded"},
  };
  for (const Case& c : cases) {
    INFO(std::string(c.name));
    auto url = parse_url(c.text);
    REQUIRE_FALSE(url);
    CHECK(url.refusal().reason == Reason::bad_configuration);
    CHECK_MESSAGE(url.refusal().detail.find(c.why) != std::string::npos, url.refusal().detail);
  }
}

TEST_CASE("a reference is understood as a browser would, without '..'") {
  struct Case {
    const char* base;
    const char* reference;
    const char* whole;  // empty: refused
  };
  const Case cases[] = {
      {"http://h/sse", "/messages?sessionId=1", "http://h/messages?sessionId=1"},
      {"http://h/a/sse?x=1", "messages?s=1", "http://h/a/messages?s=1"},
      {"http://h/a/sse?x=1", "?s=1", "http://h/a/sse?s=1"},
      {"http://h:81/sse", "http://h:81/m", "http://h:81/m"},
      {"https://h/sse", "//other/m", "https://other/m"},
      {"https://h/sse", "/m?u=http://x/", "https://h/m?u=http://x/"},
      {"https://h/sse", "../m", ""},
      {"https://h/sse", "/a/../m", ""},
      {"https://h/sse", "", ""},
      {"https://h/sse", "javascript://x", ""},
  };
  for (const Case& c : cases) {
    INFO(std::string(c.reference));
    auto url = resolve_url(*parse_url(c.base), c.reference);
    CHECK(bool(url) == (*c.whole != '\0'));
    if (url) CHECK(url->text() == c.whole);
  }
}

TEST_CASE("an origin is scheme, host and port") {
  auto base = *parse_url("https://h:8443/a");
  CHECK(same_origin(base, *parse_url("https://H:8443/b")));
  CHECK_FALSE(same_origin(base, *parse_url("http://h:8443/a")));
  CHECK_FALSE(same_origin(base, *parse_url("https://h/a")));
  CHECK_FALSE(same_origin(base, *parse_url("https://h.evil:8443/a")));
}

}  // namespace
}  // namespace toolgate

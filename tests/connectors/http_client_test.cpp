#include "connectors/http_client.hpp"

#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>
#include <string>
#include <vector>

#include "tests/connectors/fake_server.hpp"

namespace toolgate {
namespace {

using testing::After;
using testing::FakeServer;
using testing::Reply;
using testing::Seen;

// A client of one server, and its end in good order.
struct Client {
  explicit Client(asio::io_context& loop, Url url, HttpClientLimits limits = {})
      : io(loop), group(io.get_executor(), "client"), http(io.get_executor(), group, url, limits) {}
  ~Client() {
    http.close();
    testing::run(io, group.drain(Milliseconds(0)));
  }
  asio::io_context& io;
  TaskGroup group;
  HttpClient http;
};

Task<Result<std::string>> exchange(HttpClient& http, HttpRequest request, Milliseconds limit) {
  HttpCall call(http);
  call.expire_after(limit);
  auto started = co_await call.start(request);
  if (!started) co_return started.refusal();
  auto body = co_await call.read_all();
  if (!body) co_return body.refusal();
  co_return std::to_string(call.head().status()) + " " + *body;
}

// "200 body", or "timed_out: why".
std::string outcome(Client& client, std::string body = "{}",
                    Milliseconds limit = Milliseconds(5000)) {
  HttpRequest request;
  request.method = HttpMethod::post;
  request.body = std::move(body);
  Result<std::string> out = testing::run(client.io, exchange(client.http, request, limit));
  if (out) return *out;
  return std::string(reason_name(out.refusal().reason)) + ": " + out.refusal().detail;
}

const std::string ok = "HTTP/1.1 200 OK\r\n";

struct Case {
  const char* name;
  std::string response;
  After after;
  const char* expected;  // the outcome holds this
};

const Case good_cases[] = {
    {"a length", ok + "Content-Length: 2\r\n\r\nhi", After::keep, "200 hi"},
    {"no body", ok + "Content-Length: 0\r\n\r\n", After::keep, "200 "},
    {"202", "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", After::keep, "202 "},
    {"204", "HTTP/1.1 204 No Content\r\n\r\n", After::keep, "204 "},
    {"an error with a body", "HTTP/1.1 500 Oops\r\nContent-Length: 3\r\n\r\nbad", After::keep,
     "500 bad"},
    {"chunks", ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
     After::keep, "200 hello"},
    {"no chunk but the last", ok + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", After::keep,
     "200 "},
    {"chunks with extensions and trailers",
     ok +
         "Transfer-Encoding: Chunked\r\n\r\n2;a=b\r\nhe\r\n00\r\nX: y\r\nContent-Length: 9\r\n\r\n",
     After::keep, "200 he"},
    {"the end of the connection", ok + "\r\nhello", After::close, "200 hello"},
    {"HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\nhello", After::close, "200 hello"},
    {"no reason phrase", "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nhi", After::keep, "200 hi"},
    {"100 first", "HTTP/1.1 100 Continue\r\n\r\n" + ok + "Content-Length: 2\r\n\r\nhi", After::keep,
     "200 hi"},
    {"102 and 103 first",
     "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + ok +
         "Content-Length: 2\r\n\r\nhi",
     After::keep, "200 hi"},
    {"identity", ok + "Content-Encoding: identity\r\nContent-Length: 2\r\n\r\nhi", After::keep,
     "200 hi"},
    {"more than its answer", ok + "Content-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\n", After::keep,
     "200 hi"},
};

const Case bad_cases[] = {
    {"nothing", "", After::close, "unavailable: "},
    {"a reset", "", After::reset, "unavailable: "},
    {"a cut status line", "HTTP/1.1 20", After::close, "closed the connection"},
    {"a cut head", ok + "Content-Le", After::close, "closed the connection"},
    {"a cut body", ok + "Content-Length: 5\r\n\r\nhi", After::close, "in the middle of its answer"},
    {"a cut chunk", ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhi", After::close,
     "in the middle"},
    {"no last chunk", ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", After::close,
     "in the middle"},
    {"no HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n", After::keep, "bad_answer: "},
    {"HTTP/2", "HTTP/2.0 200 OK\r\n\r\n", After::keep, "malformed head"},
    {"HTTP/0.9", "<html>\r\n\r\n", After::keep, "malformed head"},
    {"a status of two digits", "HTTP/1.1 20 OK\r\n\r\n", After::keep, "malformed head"},
    {"status 999", "HTTP/1.1 999 No\r\nContent-Length: 0\r\n\r\n", After::keep,
     "impossible status"},
    {"both framings", ok + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     After::keep, "bad_answer: "},
    {"both framings, the other way round",
     ok + "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n", After::keep,
     "bad_answer: "},
    {"two lengths", ok + "Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi", After::keep,
     "bad_answer: "},
    {"the same length twice", ok + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi", After::keep,
     "repeats the header content-length"},
    {"a list of lengths", ok + "Content-Length: 2, 2\r\n\r\nhi", After::keep, "no number"},
    {"a signed length", ok + "Content-Length: +2\r\n\r\nhi", After::keep, "bad_answer: "},
    {"a negative length", ok + "Content-Length: -2\r\n\r\nhi", After::keep, "bad_answer: "},
    {"a hexadecimal length", ok + "Content-Length: 0x2\r\n\r\nhi", After::keep, "bad_answer: "},
    {"a length past 64 bits", ok + "Content-Length: 18446744073709551618\r\n\r\nhi", After::keep,
     "bad_answer: "},
    {"another transfer coding", ok + "Transfer-Encoding: gzip\r\n\r\nhi", After::close,
     "transfer coding"},
    {"two transfer codings", ok + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", After::keep,
     "transfer coding"},
    {"chunked twice",
     ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", After::keep,
     "bad_answer: "},
    {"a disguised transfer coding", ok + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
     After::keep, "transfer coding"},
    {"chunks in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     After::keep, "HTTP/1.0"},
    {"a space before the colon", ok + "Content-Length : 2\r\n\r\nhi", After::keep,
     "malformed head"},
    {"a folded line", ok + "X: a\r\n b\r\nContent-Length: 2\r\n\r\nhi", After::keep, "folded"},
    {"a bare LF", ok + "X: a\nContent-Length: 2\r\n\r\nhi", After::keep, "CR LF"},
    {"a bare CR", ok + "X: a\rContent-Length: 2\r\n\r\nhi", After::keep, "CR without"},
    {"a NUL", ok + std::string("X: a\0b\r\n\r\n", 10), After::keep, "NUL"},
    {"a chunk size that is none", ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\nhi\r\n0\r\n\r\n",
     After::keep, "malformed chunked"},
    {"a negative chunk size", ok + "Transfer-Encoding: chunked\r\n\r\n-2\r\nhi\r\n0\r\n\r\n",
     After::keep, "malformed chunked"},
    {"a chunk size past 64 bits",
     ok + "Transfer-Encoding: chunked\r\n\r\n10000000000000002\r\nhi\r\n0\r\n\r\n", After::keep,
     "malformed chunked"},
    {"a chunk that is longer than its size",
     ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nhix\r\n0\r\n\r\n", After::keep,
     "malformed chunked"},
    {"a chunk size that ends in LF", ok + "Transfer-Encoding: chunked\r\n\r\n2\nhi\r\n0\r\n\r\n",
     After::close, "malformed chunked"},
    {"a chunk size with another word",
     ok + "Transfer-Encoding: chunked\r\n\r\n2 x\r\nhi\r\n0\r\n\r\n", After::keep,
     "malformed chunked"},
    {"no chunk size", ok + "Transfer-Encoding: chunked\r\n\r\n\r\nhi\r\n0\r\n\r\n", After::keep,
     "malformed chunked"},
    {"endless trailers",
     ok + "Transfer-Encoding: chunked\r\n\r\n0\r\n" +
         [] {
           std::string many;
           for (int i = 0; i < 4'000; ++i) many += "X: 1234\r\n";
           return many;
         }() +
         "\r\n",
     After::keep, "malformed chunked"},
    {"an endless chunk extension",
     ok + "Transfer-Encoding: chunked\r\n\r\n2;a=" + std::string(100'000, 'x'), After::keep,
     "chunk"},
    {"gzip", ok + "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nhi", After::keep,
     "compressed"},
    {"switching protocols", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", After::keep,
     "switches"},
    {"a large header", ok + "X: " + std::string(40'000, 'x') + "\r\n\r\n", After::keep,
     "too_large: "},
    {"many headers",
     ok +
         [] {
           std::string many;
           for (int i = 0; i < 4'000; ++i) many += "X: 1234\r\n";
           return many;
         }() +
         "\r\n",
     After::keep, "too_large: "},
    {"informational heads without end",
     [] {
       std::string many;
       for (int i = 0; i < 2'000; ++i) many += "HTTP/1.1 100 Continue\r\n\r\n";
       return many;
     }(),
     After::keep, "too_large: "},
    {"301", "HTTP/1.1 301 Moved\r\nLocation: http://evil.example/\r\nContent-Length: 0\r\n\r\n",
     After::keep, "redirect (HTTP 301)"},
    {"307", "HTTP/1.1 307 Moved\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", After::keep,
     "redirect (HTTP 307)"},
    {"a body past the limit by its length", ok + "Content-Length: 101\r\n\r\n", After::keep,
     "too_large: "},
    {"a body past the limit by its chunks",
     ok + "Transfer-Encoding: chunked\r\n\r\n60\r\n" + std::string(96, 'x') + "\r\n60\r\n" +
         std::string(96, 'x') + "\r\n0\r\n\r\n",
     After::keep, "too_large: "},
    {"a body past the limit without framing", ok + "\r\n" + std::string(101, 'x'), After::close,
     "too_large: "},
    {"a head that never comes", "", After::silence, "timed_out: "},
    {"a body that never comes", ok + "Content-Length: 5\r\n\r\nhi", After::silence, "timed_out: "},
    {"a head that drips", ok + "X: " + std::string(10'000, 'x'), After::drip, "timed_out: "},
};

std::string answer_of(const Case& c) {
  asio::io_context io;
  FakeServer server(io, [&](const Seen&) { return Reply{c.response, c.after}; });
  HttpClientLimits limits;
  limits.response.body_bytes = 100;
  Client client(io, server.url(), limits);
  bool waits = std::string(c.expected).starts_with("timed_out");
  std::string out = outcome(client, "{}", Milliseconds(waits ? 60 : 5000));
  CHECK(server.seen().size() == 1);
  return out;
}

TEST_CASE("answers that are one") {
  for (const Case& c : good_cases) {
    INFO(std::string(c.name));
    CHECK(answer_of(c) == std::string(c.expected));
  }
}

TEST_CASE("answers that are none") {
  for (const Case& c : bad_cases) {
    INFO(std::string(c.name));
    std::string out = answer_of(c);
    CAPTURE(out);
    CHECK(out.find(c.expected) != std::string::npos);
    CHECK(out.find("200 ") != 0);
  }
}

TEST_CASE("an answer may come byte by byte") {
  for (const Case& c : good_cases) {
    if (c.after != After::keep) continue;
    INFO(std::string(c.name));
    CHECK(answer_of(Case{c.name, c.response, After::drip, c.expected}) == std::string(c.expected));
  }
}

TEST_CASE("a request says what it must, once") {
  asio::io_context io;
  FakeServer server(io, [](const Seen&) { return Reply{testing::json_response("{}")}; });
  Client client(io, server.url());
  CHECK(outcome(client, "{\"a\":1}") == "200 {}");
  const Seen& seen = server.seen().at(0);
  CHECK(seen.head.starts_with(
      "POST / HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server.port()) + "\r\n"));
  CHECK(seen.has("\r\nAccept-Encoding: identity\r\n"));
  CHECK(seen.has("\r\nContent-Length: 7\r\n"));
  CHECK(seen.body == "{\"a\":1}");
}

TEST_CASE("a header can neither end its line nor be no header") {
  HttpHeaders headers;
  CHECK(headers.add("Authorization", "Bearer x y"));
  CHECK_FALSE(headers.add("X", "a\r\nHost: evil"));
  CHECK_FALSE(headers.add("X", std::string_view("a\0b", 3)));
  CHECK_FALSE(headers.add("X Y", "a"));
  CHECK_FALSE(headers.add("X:", "a"));
  CHECK_FALSE(headers.add("", "a"));
  CHECK(headers.text() == "Authorization: Bearer x y\r\n");
}

TEST_CASE("a connection is kept and used again") {
  asio::io_context io;
  FakeServer server(io, [](const Seen&) { return Reply{testing::json_response("{}")}; });
  Client client(io, server.url());
  for (int i = 0; i < 5; ++i) CHECK(outcome(client) == "200 {}");
  CHECK(server.connections() == 1);
  CHECK(client.http.idle_connections() == 1);
}

TEST_CASE("a connection is not kept when the answer says or shows that it cannot be") {
  const std::string responses[] = {
      testing::json_response("{}", "Connection: close\r\n"),
      testing::json_response("{}") + "HTTP/1.1 200 OK\r\n",
      "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
  };
  for (const std::string& response : responses) {
    CAPTURE(response);
    asio::io_context io;
    FakeServer server(io, [&](const Seen&) { return Reply{response}; });
    Client client(io, server.url());
    CHECK(outcome(client) == "200 {}");
    CHECK(outcome(client) == "200 {}");
    CHECK(server.connections() == 2);
  }
}

TEST_CASE("a kept connection that the server closed or spoke on is not used") {
  asio::io_context io;
  FakeServer server(io, [](const Seen&) { return Reply{testing::json_response("{}")}; });
  Client client(io, server.url());
  CHECK(outcome(client) == "200 {}");
  SUBCASE("closed") { server.hang_up(0); }
  SUBCASE("an answer that nobody asked for") {
    server.push(0, testing::json_response("\"poison\""));
  }
  CHECK(outcome(client) == "200 {}");
  CHECK(server.connections() == 2);
}

TEST_CASE("a kept connection that dies under a request is replaced, once") {
  asio::io_context io;
  std::size_t deaths = 0;
  FakeServer server(io, [&](const Seen& seen) {
    if (server.seen().size() == 1) return Reply{testing::json_response("{}")};
    bool dies = seen.connection == 0 || deaths > 1;
    return dies ? Reply{"", After::close} : Reply{testing::json_response("\"again\"")};
  });
  Client client(io, server.url());
  CHECK(outcome(client) == "200 {}");
  SUBCASE("the fresh one answers") { CHECK(outcome(client) == "200 \"again\""); }
  SUBCASE("the fresh one dies too") {
    deaths = 2;
    CHECK(outcome(client).starts_with("unavailable: "));
  }
  CHECK(server.seen().size() == 3);
  CHECK(server.connections() == 2);
}

TEST_CASE("a request is not sent again once a byte of its answer came") {
  asio::io_context io;
  FakeServer server(io, [&](const Seen&) {
    return server.seen().size() == 1 ? Reply{testing::json_response("{}")}
                                     : Reply{"H", After::close};
  });
  Client client(io, server.url());
  CHECK(outcome(client) == "200 {}");
  CHECK(outcome(client).starts_with("unavailable: "));
  CHECK(server.seen().size() == 2);
}

Task<Result<std::string>> in_parallel(HttpClient& http) {
  HttpCall first(http);
  HttpCall second(http);
  HttpRequest request;
  auto a = co_await first.start(request);
  if (!a) co_return a.refusal();
  auto b = co_await second.start(request);
  if (!b) co_return b.refusal();
  auto x = co_await second.read_all();
  auto y = co_await first.read_all();
  co_return (x ? *x : "-") + (y ? *y : "-");
}

TEST_CASE("several calls run at once, and the pool is bounded") {
  asio::io_context io;
  FakeServer server(io, [](const Seen&) { return Reply{testing::json_response("{}")}; });
  HttpClientLimits limits;
  limits.idle_connections = 1;
  Client client(io, server.url(), limits);
  Result<std::string> both = testing::run(io, in_parallel(client.http));
  REQUIRE(both);
  CHECK(*both == "{}{}");
  CHECK(client.http.idle_connections() == 1);
}

TEST_CASE("a server that cannot be reached is named") {
  asio::io_context io;
  Url url;
  {
    FakeServer gone(io, [](const Seen&) { return Reply{}; });
    url = gone.url();
  }
  Client client(io, url);
  std::string out = outcome(client);
  CHECK(out.starts_with("unavailable: cannot connect to " + url.authority()));
}

TEST_CASE("a large body goes and comes whole") {
  asio::io_context io;
  std::string large(3'000'000, 'x');
  FakeServer server(io, [&](const Seen& seen) {
    return Reply{ok + "Transfer-Encoding: chunked\r\n\r\n" + testing::chunk(seen.body) +
                 testing::chunk("")};
  });
  Client client(io, server.url());
  CHECK(outcome(client, large) == "200 " + large);
  CHECK(outcome(client, "{}") == "200 {}");
  CHECK(server.connections() == 1);
}

}  // namespace
}  // namespace toolgate

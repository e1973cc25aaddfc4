#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <utility>

#include "connectors/remote_server.hpp"
#include "tests/connectors/fake_server.hpp"

namespace toolgate {
namespace {

using testing::After;
using testing::FakeServer;
using testing::RecordedEvents;
using testing::Reply;
using testing::Seen;

const std::string accepted = "HTTP/1.1 202 Accepted\r\nContent-Length: 8\r\n\r\nAccepted";
const std::string endpoint = "event: endpoint\ndata: /messages?session_id=1\n\n";
const std::string request = R"({"jsonrpc":"2.0","id":1,"method":"ping"})";
const std::string answer = R"({"jsonrpc":"2.0","id":1,"result":{}})";

struct Fixture {
  explicit Fixture(FakeServer::Answer what, RemoteServer remote = {})
      : server(io, std::move(what)) {
    remote.url = server.url("/sse");
    link = make_sse_link(io.get_executor(), std::move(remote));
    events.link = link.get();
  }
  ~Fixture() { testing::run(io, link->close()); }
  Status open() { return testing::run(io, link->open(events)); }

  asio::io_context io;
  FakeServer server;
  RecordedEvents events;
  std::unique_ptr<ServerLink> link;
};

bool is_get(const Seen& seen) { return seen.head.starts_with("GET "); }

TEST_CASE("messages go to the endpoint and come over the stream") {
  RemoteServer remote;
  remote.headers = {{"Authorization", "Bearer s3cret"}};
  Fixture f(
      [](const Seen& seen) {
        return is_get(seen) ? Reply{testing::stream_response(": hi\n\n" + endpoint)}
                            : Reply{accepted};
      },
      remote);
  REQUIRE(f.open());
  REQUIRE(f.link->send(request, 1));
  testing::run_until(f.io, [&] { return f.server.seen().size() == 2; });
  f.server.push(0, "event: message\ndata: " + answer + "\n\n");
  testing::run_until(f.io, [&] { return !f.events.log.empty(); });
  CHECK(f.events.log.front() == "received: " + answer);
  CHECK(f.server.seen()[0].head.starts_with("GET /sse "));
  CHECK(f.server.seen()[1].head.starts_with("POST /messages?session_id=1 "));
  CHECK(f.server.seen()[1].body == request);
  CHECK(f.server.count("\r\nAuthorization: Bearer s3cret\r\n") == 2);
  f.server.hang_up(0);
  testing::run_until(f.io, [&] { return f.events.count("closed") == 1; });
  CHECK(f.events.log.back().starts_with("closed: unavailable: "));
  Status late = f.link->send(request, 2);
  CHECK_FALSE(late);
}

TEST_CASE("a message right behind the endpoint is not lost") {
  Fixture f([](const Seen&) {
    return Reply{testing::stream_response(endpoint + "data: " + answer + "\n\n")};
  });
  REQUIRE(f.open());
  testing::run_until(f.io, [&] { return !f.events.log.empty(); });
  CHECK(f.events.log.front() == "received: " + answer);
}

TEST_CASE("a stream that cannot be used is refused") {
  struct Case {
    const char* name;
    std::string response;
    After after;
    Reason reason;
  };
  const auto stream = [](const char* data) {
    return testing::stream_response("event: endpoint\ndata: " + std::string(data) + "\n\n");
  };
  const Case cases[] = {
      {"404", "HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n", After::keep, Reason::unsupported},
      {"405", "HTTP/1.1 405 X\r\nContent-Length: 0\r\n\r\n", After::keep, Reason::unsupported},
      {"401", "HTTP/1.1 401 X\r\nContent-Length: 0\r\n\r\n", After::keep, Reason::unavailable},
      {"JSON", testing::json_response("{}"), After::keep, Reason::bad_answer},
      {"an end at once", testing::stream_response(""), After::close, Reason::unavailable},
      {"another event first", testing::stream_response("data: {}\n\n"), After::keep,
       Reason::bad_answer},
      {"another host", stream("http://evil.example/messages"), After::keep, Reason::bad_answer},
      {"another host without a scheme", stream("//evil.example/messages"), After::keep,
       Reason::bad_answer},
      {"another port", stream("http://127.0.0.1:1/messages"), After::keep, Reason::bad_answer},
      {"another scheme", stream("https://127.0.0.1/messages"), After::keep, Reason::bad_answer},
      {"no URL", stream("http://[/"), After::keep, Reason::bad_answer},
      {"an empty endpoint", stream(""), After::keep, Reason::bad_answer},
      {"a stream without its endpoint", testing::stream_response(":\n\n"), After::keep,
       Reason::timed_out},
  };
  for (const Case& c : cases) {
    INFO(std::string(c.name));
    RemoteServer remote;
    if (c.reason == Reason::timed_out) remote.limits.start_ms = Milliseconds(50);
    Fixture f([&](const Seen&) { return Reply{c.response, c.after}; }, remote);
    Status opened = f.open();
    REQUIRE_FALSE(opened);
    CHECK(reason_name(opened.refusal().reason) == reason_name(c.reason));
    CHECK(f.server.seen().size() == 1);
    Status sent = f.link->send(request, 1);
    CHECK_FALSE(sent);
  }
}

TEST_CASE("a request that the server does not take is lost") {
  Fixture f([](const Seen& seen) {
    return is_get(seen) ? Reply{testing::stream_response(endpoint)}
                        : Reply{"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"};
  });
  REQUIRE(f.open());
  REQUIRE(f.link->send(request, 1));
  testing::run_until(f.io, [&] { return !f.events.log.empty(); });
  CHECK(f.events.log.front() ==
        "lost[1]: unavailable: the server answered with an error (HTTP 500)");
}

TEST_CASE("an oversized event ends the link") {
  RemoteServer remote;
  remote.limits.result_bytes = 100;
  Fixture f([](const Seen&) { return Reply{testing::stream_response(endpoint)}; }, remote);
  REQUIRE(f.open());
  f.server.push(0, "data: " + std::string(200, 'x') + "\n\n");
  testing::run_until(f.io, [&] { return !f.events.log.empty(); });
  CHECK(f.events.log.front().starts_with("closed: too_large: "));
}

}  // namespace
}  // namespace toolgate

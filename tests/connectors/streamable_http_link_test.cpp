#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>
#include <string>

#include "connectors/remote_server.hpp"
#include "tests/connectors/fake_server.hpp"
#include "tests/connectors/streamable_http_support.hpp"

namespace toolgate {
namespace {

using namespace streamable_test;

TEST_CASE("an answer comes as JSON or as a stream") {
  struct Case {
    const char* name;
    std::string response;
    After after;
    std::string received;
  };
  const Case cases[] = {
      {"JSON", testing::json_response(answer(1)), After::keep, "received[1]: " + answer(1)},
      {"JSON with a charset",
       "HTTP/1.1 200 OK\r\ncontent-type: Application/JSON; charset=utf-8\r\ncontent-length: " +
           std::to_string(answer(1).size()) + "\r\n\r\n" + answer(1),
       After::keep, "received[1]: " + answer(1)},
      {"a stream in chunks", chunked(event(answer(1))), After::keep, "received[1]: " + answer(1)},
      {"a stream that hangs up", testing::stream_response(event(answer(1))), After::close,
       "received[1]: " + answer(1)},
      {"a stream with a primer", chunked("id: 1\nretry: 10\ndata: \n\n" + event(answer(1), "2")),
       After::keep, "received[1]: " + answer(1)},
      {"a stream with events of other types",
       chunked("event: ping\ndata: x\n\n" + event(answer(1))), After::keep,
       "received[1]: " + answer(1)},
  };
  for (const Case& c : cases) {
    INFO(std::string(c.name));
    Fixture f([&](const Seen&) { return Reply{c.response, c.after}; });
    CHECK(f.outcome() == c.received);
    CHECK(f.events.log.size() == 1);
    f.ask(2);  // also a different answer's connection serves the next request
    testing::run_until(f.io, [&] { return f.server.seen().size() == 2; });
    CHECK(f.server.connections() == (c.after == After::keep ? 1 : 2));
  }
}

TEST_CASE("what comes before the answer is told apart from it") {
  Fixture f([&](const Seen&) { return Reply{chunked(event(progress) + event(answer(1)))}; });
  f.ask(1);
  f.wait_for("received[1]", 2);
  CHECK(f.events.log.front() == "received[1]: " + progress);
  CHECK(f.events.count("lost") == 0);
}

TEST_CASE("a request that will have no answer is lost, with the reason") {
  struct Case {
    const char* name;
    std::string response;
    After after;
    const char* reason;
  };
  const Case cases[] = {
      {"401", status(401, "{}", "application/json"), After::keep,
       "lost[1]: unavailable: the server refused the credentials (HTTP 401)"},
      {"403", status(403), After::keep,
       "lost[1]: unavailable: the server refused the credentials (HTTP 403)"},
      {"404 to the first request", status(404), After::keep, "lost[1]: unsupported: "},
      {"400 without JSON to the first request", status(400), After::keep, "lost[1]: unsupported: "},
      {"405 to the first request", status(405), After::keep, "lost[1]: unsupported: "},
      {"429", status(429), After::keep, "lost[1]: overloaded: "},
      {"500", status(500), After::keep,
       "lost[1]: unavailable: the server answered with an error (HTTP 500)"},
      {"202 to a request", accepted, After::keep, "lost[1]: bad_answer: "},
      {"HTML", status(200, "<html>", "text/html"), After::keep, "lost[1]: bad_answer: "},
      {"a redirect", "HTTP/1.1 302 X\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", After::keep,
       "lost[1]: unavailable: "},
      {"a hang-up", "", After::close, "lost[1]: unavailable: "},
      {"a stream that ends", testing::stream_response(""), After::close, "lost[1]: unavailable: "},
      {"a stream with an oversized event",
       chunked("id: 1\ndata: " + std::string(20'000, 'x') + "\n\n"), After::keep,
       "lost[1]: too_large: "},
      {"an oversized body", testing::json_response(std::string(20'000, ' ')), After::keep,
       "lost[1]: too_large: "},
      {"a session id with a space", testing::json_response(answer(1), "Mcp-Session-Id: a b\r\n"),
       After::keep, "lost[1]: bad_answer: "},
      {"an endless session id",
       testing::json_response(answer(1), "Mcp-Session-Id: " + std::string(1025, 'x') + "\r\n"),
       After::keep, "lost[1]: bad_answer: "},
      {"two session ids",
       testing::json_response(answer(1), "Mcp-Session-Id: a\r\nMcp-Session-Id: b\r\n"), After::keep,
       "lost[1]: bad_answer: "},
  };
  for (const Case& c : cases) {
    INFO(std::string(c.name));
    RemoteServer remote;
    remote.limits.result_bytes = 10'000;
    Fixture f([&](const Seen&) { return Reply{c.response, c.after}; }, remote);
    std::string out = f.outcome();
    INFO(out);
    CHECK(out.starts_with(c.reason));
    CHECK(f.events.log.size() == 1);
  }
}

TEST_CASE("a JSON body that does not answer the request is delivered, and the request is lost") {
  struct Case {
    const char* name;
    int code;
    const char* reason;
  };
  const Case cases[] = {{"success", 200, "lost[1]: bad_answer: "},
                        {"an error status", 400, "lost[1]: unavailable: "}};
  for (const Case& c : cases) {
    INFO(std::string(c.name));
    Fixture f([&](const Seen&) { return Reply{status(c.code, answer(99), "application/json")}; });
    f.ask(1);
    f.wait_for("lost[1]");
    REQUIRE(f.events.log.size() == 2);
    CHECK(f.events.log[0] == "received[1]: " + answer(99));
    CHECK(f.events.log[1].starts_with(c.reason));
  }
}

TEST_CASE("a JSON-RPC error in an error status is the answer") {
  Fixture f([&](const Seen&) { return Reply{status(400, answer(1), "application/json")}; });
  f.ask(1);
  f.wait_for("received[1]");
  f.ask(2);  // the first one's task is over by the time the second is answered
  f.wait_for("lost[2]");
  CHECK(f.events.count("lost[1]") == 0);
}

TEST_CASE("the session id and the revision are sent once they are known") {
  RemoteServer remote;
  remote.headers = {{"Authorization", "Bearer s3cret"}};
  Fixture f(
      [&](const Seen& seen) {
        if (is_get(seen)) return Reply{status(405)};
        if (is_one_way(seen)) return Reply{accepted};
        return Reply{testing::json_response(answer(f.server.seen().size() == 1 ? 1 : 2),
                                            "Mcp-Session-Id: s-1\r\n")};
      },
      remote);
  f.shake_hands(Revision::r2025_06_18);
  f.ask(2);
  f.wait_for("received[2]");
  const auto& seen = f.server.seen();
  CHECK_FALSE(seen.at(0).has("Mcp-Session-Id"));
  CHECK_FALSE(seen.at(0).has("MCP-Protocol-Version"));
  CHECK(seen.at(0).has("\r\nAccept: application/json, text/event-stream\r\n"));
  CHECK(seen.at(0).has("\r\nContent-Type: application/json\r\n"));
  for (std::size_t i = 1; i < seen.size(); ++i) {
    CHECK(seen[i].has("\r\nMcp-Session-Id: s-1\r\n"));
    CHECK(seen[i].has("\r\nMCP-Protocol-Version: 2025-06-18\r\n"));
    CHECK(seen[i].has("\r\nAuthorization: Bearer s3cret\r\n"));
  }
  testing::run(f.io, f.link->close());
  CHECK(is_delete(f.server.seen().back()));
  CHECK(f.server.seen().back().has("\r\nMcp-Session-Id: s-1\r\n"));
}

TEST_CASE("revisions before 2025-06-18 are not named in a header") {
  Fixture f([&](const Seen& seen) {
    if (is_get(seen)) return Reply{status(405)};
    return is_one_way(seen) ? Reply{accepted} : Reply{testing::json_response(answer(1))};
  });
  f.shake_hands(Revision::r2025_03_26);
  CHECK(f.server.count("MCP-Protocol-Version") == 0);
}

TEST_CASE("404 with a session id means that the session is gone, and is said once") {
  Fixture f([&](const Seen& seen) {
    bool first = f.server.seen().size() == 1;
    static_cast<void>(seen);
    return first ? Reply{testing::json_response(answer(1), "Mcp-Session-Id: s\r\n")}
                 : Reply{status(404)};
  });
  f.ask(1);
  f.wait_for("received[1]");
  f.ask(2);
  f.ask(3);
  f.wait_for("closed");
  Status late = f.link->send(call(4), 4);
  CHECK_FALSE(late);
  testing::run(f.io, f.link->close());
  CHECK(f.events.count("closed: unavailable: ") == 1);
  CHECK(f.events.count("lost") == 0);
  CHECK(f.server.count("DELETE ") == 0);
}

TEST_CASE("a stream that ends early is resumed after the last event, as often as it takes") {
  Fixture f([&](const Seen& seen) {
    if (!is_get(seen))
      return Reply{testing::stream_response("retry: 60\n" + event(progress, "e1")), After::close};
    if (seen.has("Last-Event-ID: e1\r\n"))
      return Reply{testing::stream_response(event(progress, "e2")), After::close};
    if (f.server.seen().size() == 3) return Reply{status(503)};
    return Reply{chunked(event(answer(1), "e3"))};
  });
  f.ask(1);
  f.wait_for("received[1]", 3);
  CHECK(f.events.log.back() == "received[1]: " + answer(1));
  CHECK(f.events.count("lost") == 0);
  const auto& seen = f.server.seen();
  REQUIRE(seen.size() == 4);
  CHECK(seen[2].has("\r\nLast-Event-ID: e2\r\n"));
  CHECK(seen[3].has("\r\nLast-Event-ID: e2\r\n"));
  CHECK(seen[1].when - seen[0].when >= Milliseconds(60));
  CHECK(seen[1].when - seen[0].when < Milliseconds(260));
}

TEST_CASE("resuming ends when it is hopeless") {
  SUBCASE("the server refuses it") {
    Fixture f([&](const Seen& seen) {
      return is_get(seen) ? Reply{status(405)}
                          : Reply{testing::stream_response("retry: 1\n" + event(progress, "e")),
                                  After::close};
    });
    f.ask(1);
    f.wait_for("lost[1]: unavailable: the server does not resume");
    CHECK(f.server.count("GET ") == 1);
  }
  SUBCASE("the server fails again and again") {
    Fixture f([&](const Seen& seen) {
      return is_get(seen) ? Reply{status(503)}
                          : Reply{testing::stream_response("retry: 1\n" + event(progress, "e")),
                                  After::close};
    });
    f.ask(1);
    f.wait_for("lost[1]: unavailable: the server's event stream broke");
    CHECK(f.server.count("GET ") == 5);
  }
  SUBCASE("nobody waits any more") {
    Fixture f([&](const Seen& seen) {
      return is_get(seen) ? Reply{status(503)}
                          : Reply{testing::stream_response("retry: 30000\n" + event(progress, "e")),
                                  After::close};
    });
    f.ask(1);
    f.wait_for("received[1]");
    f.link->abandon(1);
    testing::run(f.io, f.link->close());
    CHECK(f.server.count("GET ") == 0);
    CHECK(f.events.count("lost") == 0);
  }
}

TEST_CASE("an abandoned request is dropped without a word") {
  Fixture f([&](const Seen& seen) {
    return seen.body == call(1) ? Reply{"", After::silence}
                                : Reply{testing::json_response(answer(2))};
  });
  f.ask(1);
  testing::run_until(f.io, [&] { return f.server.seen().size() == 1; });
  f.link->abandon(1);
  f.ask(2);
  f.wait_for("received[2]");
  CHECK(f.events.log.size() == 1);
}

TEST_CASE("the standalone stream brings what belongs to no request, and is resumed") {
  Fixture f([&](const Seen& seen) {
    if (is_get(seen) && f.server.count("GET ") == 1) {
      return Reply{testing::stream_response("retry: 1\n" + event(progress, "g1")), After::close};
    }
    if (is_get(seen)) return Reply{testing::stream_response(event(progress, "g2")), After::keep};
    return is_one_way(seen) ? Reply{accepted} : Reply{testing::json_response(answer(1))};
  });
  f.shake_hands(Revision::r2025_11_25);
  f.wait_for("received: ", 2);
  CHECK(f.server.seen().back().has("\r\nLast-Event-ID: g1\r\n"));
  CHECK(f.server.seen().back().has("\r\nAccept: text/event-stream\r\n"));
  CHECK(f.events.count("closed") == 0);
}

TEST_CASE("a server without a standalone stream is not asked again; one that fails is") {
  int failures = 0;
  SUBCASE("405") { failures = 0; }
  SUBCASE("500 twice") { failures = 2; }
  Fixture f([&](const Seen& seen) {
    if (is_get(seen)) {
      bool fails = f.server.count("GET ") <= static_cast<std::size_t>(failures);
      return fails ? Reply{testing::stream_response("retry: 1\n\n"), After::reset}
                   : Reply{status(405)};
    }
    return is_one_way(seen)
               ? Reply{accepted}
               : Reply{testing::json_response(answer(f.server.seen().size() == 1 ? 1 : 2))};
  });
  f.shake_hands(Revision::r2025_11_25);
  testing::run_until(
      f.io, [&] { return f.server.count("GET ") == static_cast<std::size_t>(failures) + 1; });
  f.ask(2);
  f.wait_for("received[2]");
  CHECK(f.server.count("GET ") == static_cast<std::size_t>(failures) + 1);
}

TEST_CASE("what follows a one-way message leaves when the server has taken that") {
  Fixture f([&](const Seen& seen) {
    return is_one_way(seen) ? Reply{accepted, After::close}
                            : Reply{testing::json_response(answer(2))};
  });
  CHECK(f.link->send(initialized, std::nullopt));
  f.ask(2);
  f.wait_for("received[2]");
  REQUIRE(f.server.seen().size() == 2);
  CHECK(f.server.seen()[0].body == initialized);
}

TEST_CASE("requests do not wait for each other") {
  Fixture f([&](const Seen& seen) {
    return seen.body == call(1) ? Reply{"", After::silence}
                                : Reply{testing::json_response(answer(2))};
  });
  f.ask(1);
  f.ask(2);
  f.wait_for("received[2]");
  CHECK(f.server.connections() == 2);
}

TEST_CASE("what the server does not take is refused past the limits") {
  RemoteServer remote;
  remote.limits.in_flight = 3;
  remote.limits.queued_bytes = 1000;
  Fixture f([&](const Seen&) { return Reply{"", After::silence}; }, remote);
  SUBCASE("requests") {
    for (BrokerId id = 1; id <= 3; ++id) f.ask(id);
    Status fourth = f.link->send(call(4), 4);
    REQUIRE_FALSE(fourth);
    CHECK(fourth.refusal().reason == Reason::overloaded);
  }
  SUBCASE("bytes") {
    Status large = f.link->send(std::string(1001, ' '), 1);
    REQUIRE_FALSE(large);
    CHECK(large.refusal().reason == Reason::overloaded);
  }
}

TEST_CASE("headers of the configuration are checked before anything is sent") {
  struct Case {
    const char* name;
    const char* value;
  };
  const Case cases[] = {{"X", "a\r\nb"},
                        {"X Y", "a"},
                        {"Host", "h"},
                        {"content-length", "1"},
                        {"Mcp-Session-Id", "s"},
                        {"Mcp-Name", "n"},
                        {"MCP-Param-Region", "r"}};
  for (const Case& c : cases) {
    INFO(std::string(c.name));
    asio::io_context io;
    RecordedEvents events;
    RemoteServer remote;
    remote.url = *parse_url("http://127.0.0.1:1/");
    remote.headers = {{c.name, c.value}};
    auto link = make_streamable_http_link(io.get_executor(), remote);
    Status opened = testing::run(io, link->open(events));
    REQUIRE_FALSE(opened);
    CHECK(opened.refusal().reason == Reason::bad_configuration);
    CHECK(opened.refusal().detail.find("a\r\nb") == std::string::npos);
    testing::run(io, link->close());
  }
}

TEST_CASE("closing ends everything, and nothing is said afterwards") {
  Fixture f([&](const Seen& seen) {
    if (is_delete(seen)) return Reply{"", After::close};
    bool first = f.server.seen().size() == 1;
    return first ? Reply{testing::json_response(answer(1), "Mcp-Session-Id: s\r\n")}
                 : Reply{"", After::silence};
  });
  f.ask(1);
  f.wait_for("received[1]");
  f.ask(2);
  testing::run_until(f.io, [&] { return f.server.seen().size() == 2; });
  testing::run(f.io, f.link->close());
  testing::run(f.io, f.link->close());
  CHECK(f.events.log.size() == 1);
  CHECK(f.server.count("DELETE ") == 1);
}

}  // namespace
}  // namespace toolgate

// The link over Streamable HTTP in the modern era: each request stands alone.

#include <doctest/doctest.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "connectors/remote_server.hpp"
#include "tests/connectors/fake_server.hpp"
#include "tests/connectors/streamable_http_support.hpp"

namespace toolgate {
namespace {

using namespace streamable_test;

Carriage stateless(std::vector<HeaderField> headers = {}) {
  Carriage carriage;
  carriage.stateless = true;
  carriage.headers = std::move(headers);
  return carriage;
}

const std::vector<HeaderField> mirrored = {{"MCP-Protocol-Version", "2026-07-28"},
                                           {"Mcp-Method", "tools/call"},
                                           {"Mcp-Name", "=?base64?w6k=?="},
                                           {"Mcp-Param-Region", "us-west1"}};

const std::string no_id_error =
    R"({"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"no session"}})";
const std::string unknown_method =
    R"({"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}})";
// A stream whose first event has come, and which goes on.
const std::string begun =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" +
    chunk("id: e1\nretry: 1\ndata: " + progress + "\n\n");

struct StatelessFixture : Fixture {
  using Fixture::Fixture;
  void ask_alone(BrokerId id, Carriage carriage = stateless(mirrored)) {
    CHECK(link->send(call(id), id, std::move(carriage)));
  }
  // What was said about a request, in order, up to its end.
  std::vector<std::string> said_of(BrokerId id, Carriage carriage = stateless(mirrored)) {
    std::size_t before = events.log.size();
    std::string name = "[" + std::to_string(id) + "]";
    ask_alone(id, std::move(carriage));
    testing::run_until(io, [&] {
      return events.count("lost" + name) > 0 ||
             std::ranges::count(events.log, "received" + name + ": " + answer(id)) > 0 ||
             std::ranges::count(events.log, "received" + name + ": " + unknown_method) > 0;
    });
    return {events.log.begin() + static_cast<std::ptrdiff_t>(before), events.log.end()};
  }
};

TEST_CASE("a stateless request has the headers of its carriage and of the configuration") {
  RemoteServer remote;
  remote.headers = {{"Authorization", "Bearer s3cret"}};
  StatelessFixture f([&](const Seen&) { return Reply{json_response(answer(1))}; }, remote);
  f.said_of(1);
  CHECK(f.link->send(progress, std::nullopt, stateless(mirrored)));
  testing::run_until(f.io, [&] { return f.server.seen().size() == 2; });
  for (const Seen& seen : f.server.seen()) {
    for (const HeaderField& field : mirrored) {
      CHECK(seen.has("\r\n" + field.name + ": " + field.value + "\r\n"));
    }
    CHECK(seen.has("\r\nAuthorization: Bearer s3cret\r\n"));
    CHECK(seen.has("\r\nAccept: application/json, text/event-stream\r\n"));
    CHECK(seen.has("\r\nContent-Type: application/json\r\n"));
  }
}

TEST_CASE("a legacy session and its revision stay out of a stateless request") {
  StatelessFixture f([&](const Seen& seen) {
    if (is_get(seen)) return Reply{status(405)};
    if (is_one_way(seen)) return Reply{accepted};
    if (seen.has("Mcp-Method")) return Reply{status(404)};
    return Reply{json_response(answer(seen.body == call(1) ? 1 : 3), "Mcp-Session-Id: s-1\r\n")};
  });
  f.shake_hands(Revision::r2025_11_25);
  f.said_of(2);
  CHECK(f.link->send(progress, std::nullopt, stateless(mirrored)));
  f.ask(3);
  f.wait_for("received[3]");  // a stateless 404 is not the end of the session
  CHECK(f.events.count("closed") == 0);
  CHECK(f.events.count("lost[2]: unavailable: ") == 1);
  for (const Seen& seen : f.server.seen()) {
    if (!seen.has("Mcp-Method")) continue;
    CHECK_FALSE(seen.has("Mcp-Session-Id"));
    CHECK_FALSE(seen.has("2025-11-25"));
  }
  CHECK(f.server.seen().back().has("\r\nMcp-Session-Id: s-1\r\n"));
  CHECK(f.server.count("Mcp-Method: tools/call") == 2);
}

TEST_CASE("a stateless request ends with its answer, or is lost with the reason") {
  const std::string yes = "received[1]: " + answer(1);
  const std::string broke =
      "lost[1]: unavailable: the server ended the event stream before its answer";
  const std::string some = "received[1]: " + progress;
  struct Case {
    const char* name;
    std::string response;
    After after;
    std::vector<std::string> said;  // how each line begins
  };
  const Case cases[] = {
      {"JSON", json_response(answer(1)), After::keep, {yes}},
      {"a stream", chunked(event(progress) + event(answer(1))), After::keep, {some, yes}},
      {"a stream that hangs up", stream_response(event(answer(1))), After::close, {yes}},
      {"a stream with ids",
       chunked(event(progress, "e1") + event(answer(1), "e2")),
       After::keep,
       {some, yes}},
      {"a session id", json_response(answer(1), "Mcp-Session-Id: s\r\n"), After::keep, {yes}},
      {"a session id with a space",
       json_response(answer(1), "Mcp-Session-Id: a b\r\n"),
       After::keep,
       {yes}},
      {"no answer in a stream with ids",
       chunked(event(progress, "e1")),
       After::keep,
       {some, broke}},
      {"a primer that asks to come back",
       chunked("id: e1\nretry: 1\ndata: \n\n"),
       After::keep,
       {broke}},
      {"a hang-up in a stream with ids",
       stream_response(event(progress, "e1")),
       After::close,
       {some, broke}},
      {"a stream that breaks in the middle of an event",
       stream_response(event(progress, "e1") + "id: e2\ndata: " + answer(1)),
       After::close,
       {some, broke}},
      {"a stream in chunks that breaks", begun, After::close, {some, broke}},
      {"a stream that is reset", begun, After::reset, {broke}},
      {"a malformed chunk",
       "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
       "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
       After::keep,
       {"lost[1]: bad_answer: "}},
      {"an answer to another request, in a stream",
       chunked(event(answer(99), "e1")),
       After::keep,
       {"received[1]: " + answer(99), broke}},
      {"an answer to another request, as JSON",
       json_response(answer(99)),
       After::keep,
       {"received[1]: " + answer(99), "lost[1]: bad_answer: "}},
      {"an empty JSON body",
       json_response(""),
       After::keep,
       {"received[1]: ", "lost[1]: bad_answer: "}},
      {"nothing at all",
       "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
       After::keep,
       {"lost[1]: bad_answer: "}},
      {"202", accepted, After::keep, {"lost[1]: bad_answer: "}},
      {"204", "HTTP/1.1 204 X\r\n\r\n", After::keep, {"lost[1]: bad_answer: "}},
      {"HTML", status(200, "<html>", "text/html"), After::keep, {"lost[1]: bad_answer: "}},
      {"a redirect",
       "HTTP/1.1 307 X\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
       After::keep,
       {"lost[1]: unavailable: "}},
      {"a huge header",
       json_response(answer(1), "X: " + std::string(40'000, 'x') + "\r\n"),
       After::keep,
       {"lost[1]: too_large: "}},
      {"a huge event",
       chunked("data: " + std::string(20'000, 'x') + "\n\n"),
       After::keep,
       {"lost[1]: too_large: "}},
      {"a huge body",
       json_response(std::string(20'000, ' ')),
       After::keep,
       {"lost[1]: too_large: "}},
      {"an error in a 404",
       status(404, unknown_method, "application/json"),
       After::keep,
       {"received[1]: " + unknown_method}},
      {"an error in a 400",
       status(400, unknown_method, "application/json"),
       After::keep,
       {"received[1]: " + unknown_method}},
      {"an error in a 500",
       status(500, unknown_method, "application/json"),
       After::keep,
       {"received[1]: " + unknown_method}},
      {"an error in a 401 is not read",
       status(401, unknown_method, "application/json"),
       After::keep,
       {"lost[1]: unavailable: the server refused the credentials"}},
      {"an error in a 403 is not read",
       status(403, unknown_method, "application/json"),
       After::keep,
       {"lost[1]: unavailable: the server refused the credentials"}},
      {"an error without an id",
       status(400, no_id_error, "application/json"),
       After::keep,
       {"received[1]: " + no_id_error, "lost[1]: unsupported: "}},
      {"500", status(500), After::keep, {"lost[1]: unavailable: "}},
      {"429", status(429), After::keep, {"lost[1]: overloaded: "}},
      {"a hang-up", "", After::close, {"lost[1]: unavailable: "}},
  };
  for (const Case& c : cases) {
    INFO(std::string(c.name));
    RemoteServer remote;
    remote.limits.result_bytes = 10'000;
    StatelessFixture f([&](const Seen&) { return Reply{c.response, c.after}; }, remote);
    auto said = f.said_of(1);
    // A reset may overtake what came before it.
    if (c.after == After::reset) std::erase(said, some);
    REQUIRE(said.size() == c.said.size());
    for (std::size_t i = 0; i < said.size(); ++i) {
      INFO(said[i]);
      CHECK(said[i].starts_with(c.said[i]));
    }
    f.said_of(2);  // lost or answered; had there been a GET or a session, it would show by now
    testing::run(f.io, f.link->close());
    CHECK(f.server.count("POST ") == 2);
    CHECK(f.server.seen().size() == 2);
    CHECK(f.server.count("Mcp-Session-Id") == 0);
    CHECK(f.events.count("closed") == 0);
  }
}

TEST_CASE("what the losses of a probe and of initialize say about the server") {
  const std::string json = "application/json";
  struct Case {
    const char* name;
    std::string to_probe;
    std::string to_initialize;
    const char* probe_said;
    const char* initialize_said;
  };
  const Case cases[] = {
      {"404 to both", status(404), status(404), "lost[1]: unsupported: ", "lost[2]: unsupported: "},
      {"405 to both", status(405), status(405), "lost[1]: unsupported: ", "lost[2]: unsupported: "},
      {"404 with other JSON", status(404, R"({"detail":"Not Found"})", json),
       status(404, R"({"detail":"Not Found"})", json),
       "lost[1]: unsupported: ", "lost[2]: unsupported: "},
      {"400 without JSON", status(400), status(400),
       "lost[1]: unsupported: ", "lost[2]: unsupported: "},
      {"400 with an error without an id", status(400, no_id_error, json),
       status(400, no_id_error, json), "lost[1]: unsupported: ", "lost[2]: unavailable: "},
      {"an old server", status(404), json_response(answer(2)),
       "lost[1]: unsupported: ", "received[2]: "},
      {"an old server that takes what it does not know", accepted, json_response(answer(2)),
       "lost[1]: bad_answer: ", "received[2]: "},
      {"one that says 404 later", json_response(unknown_method), status(404),
       "received[1]: ", "lost[2]: unavailable: "},
      {"one that is broken first", status(503), status(404),
       "lost[1]: unavailable: ", "lost[2]: unsupported: "},
      {"one that hangs up first", "", status(404),
       "lost[1]: unavailable: ", "lost[2]: unsupported: "},
  };
  for (const Case& c : cases) {
    INFO(std::string(c.name));
    StatelessFixture f([&](const Seen& seen) {
      std::string bytes = seen.body == call(1) ? c.to_probe : c.to_initialize;
      return Reply{bytes, bytes.empty() ? After::close : After::keep};
    });
    f.said_of(1);
    CHECK(f.events.log.back().starts_with(c.probe_said));
    f.ask(2);
    testing::run_until(f.io, [&] { return f.events.count(c.initialize_said) > 0; });
    CHECK(f.events.log.back().starts_with(c.initialize_said));
  }
}

TEST_CASE("a success of a one-way message counts: a later 404 is no sign of another transport") {
  StatelessFixture f(
      [&](const Seen& seen) { return Reply{is_one_way(seen) ? accepted : status(404)}; });
  CHECK(f.link->send(progress, std::nullopt, stateless(mirrored)));
  CHECK(f.said_of(1).back().starts_with("lost[1]: unavailable: "));
  CHECK(f.server.seen().front().body == progress);
}

TEST_CASE("abandoning a stateless request before its answer closes its connection at once") {
  struct Case {
    const char* name;
    std::string response;
    std::size_t said;
  };
  const Case cases[] = {
      {"before the head", "", 0},
      {"after the head", stream_response(""), 0},
      {"after a message that is no answer", begun, 1},
      {"in the middle of a body",
       "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
       "Content-Length: 100\r\n\r\n{",
       0},
  };
  for (const Case& c : cases) {
    INFO(std::string(c.name));
    StatelessFixture f([&](const Seen&) { return Reply{c.response}; });
    f.ask_alone(1);
    testing::run_until(f.io, [&] { return f.server.seen().size() == 1; });
    f.wait_for("received[1]", c.said);
    f.io.poll();  // the owner's time to say that this was its answer is over
    CHECK(f.server.open_connections() == 1);
    auto since = std::chrono::steady_clock::now();
    f.link->abandon(1);
    testing::run_until(f.io, [&] { return f.server.open_connections() == 0; });
    // The rest of a stream whose answer came has a second.
    CHECK(std::chrono::steady_clock::now() - since < Milliseconds(900));
    testing::run(f.io, f.link->close());
    CHECK(f.events.log.size() == c.said);
    CHECK(f.server.seen().size() == 1);
  }
}

TEST_CASE("a stateless request that was abandoned before it left does not leave") {
  StatelessFixture f([&](const Seen&) { return Reply{json_response(answer(2))}; });
  f.ask_alone(1);
  f.link->abandon(1);
  f.said_of(2);
  CHECK(f.server.seen().size() == 1);
}

// Abandons an answered request from a handler that it posts, not from inside received().
struct LateOwner : RecordedEvents {
  explicit LateOwner(asio::io_context& context) : io(context) {}
  void received(Untrusted<std::string> message, std::optional<BrokerId> stream_of) override {
    bool answers = message.peek_unchecked() == answer(1);
    RecordedEvents::received(std::move(message), stream_of);
    if (answers) asio::post(io, [this] { late->abandon(1); });
  }
  asio::io_context& io;
  ServerLink* late = nullptr;
};

TEST_CASE("the connection of a stateless stream is kept when the stream ends with its answer") {
  asio::io_context io;
  LateOwner late(io);
  RecordedEvents prompt;
  for (RecordedEvents* events : {&prompt, static_cast<RecordedEvents*>(&late)}) {
    CAPTURE(events == &late);
    FakeServer server(io, [&](const Seen& seen) {
      return seen.body == call(1) ? Reply{begun} : Reply{json_response(answer(2))};
    });
    RemoteServer remote;
    remote.name = ServerName("docs");
    remote.url = server.url();
    auto link = make_streamable_http_link(io.get_executor(), std::move(remote));
    late.late = link.get();
    if (events == &prompt) prompt.link = link.get();
    Status opened = testing::run(io, link->open(*events));
    REQUIRE(opened);
    CHECK(link->send(call(1), 1, stateless(mirrored)));
    testing::run_until(io, [&] { return events->log.size() == 1; });
    server.push(0, chunk(event(answer(1), "e2")));
    testing::run_until(io, [&] { return events->log.size() == 2; });
    server.push(0, chunk(""));
    testing::run_until(io, [&] { return io.poll() == 0; });
    CHECK(link->send(call(2), 2, stateless(mirrored)));
    testing::run_until(io, [&] { return events->log.size() == 3; });
    CHECK(server.connections() == 1);
    CHECK(events->count("lost") == 0);
    testing::run(io, link->close());
  }
}

TEST_CASE("a subscription outlives the deadline of requests") {
  RemoteServer remote;
  remote.limits.call_ms = remote.limits.start_ms = Milliseconds(200);
  remote.owner_grace_ms = Milliseconds(0);
  StatelessFixture f([&](const Seen& seen) { return Reply{seen.body == call(1) ? begun : ""}; },
                     remote);
  Carriage listening = stateless(mirrored);
  listening.long_lived = true;
  f.ask_alone(1, std::move(listening));
  f.wait_for("received[1]");
  f.ask_alone(2);
  f.wait_for("lost[2]: timed_out: ");
  f.server.push(0, chunk(": still there\n\n" + event(progress)));
  f.wait_for("received[1]", 2);
  CHECK(f.events.count("lost[1]") == 0);
  f.server.hang_up(0);
  f.wait_for("lost[1]: unavailable: the server ended the event stream before its answer");
}

TEST_CASE("many stateless requests share the pool of connections") {
  constexpr BrokerId many = 30;
  StatelessFixture f([&](const Seen& seen) {
    auto at = seen.body.find("\"id\":") + 5;
    return Reply{chunked(event(answer(std::stoull(seen.body.substr(at)))))};
  });
  for (BrokerId id = 1; id <= many; ++id) f.ask_alone(id);
  f.wait_for("received", many);
  f.said_of(100);
  std::size_t opened = f.server.connections();
  CHECK(opened <= many);
  for (BrokerId id = many + 1; id <= 2 * many; ++id) f.ask_alone(id);
  f.wait_for("received", 2 * many + 1);
  CHECK(f.server.connections() == opened);
  CHECK(f.events.count("lost") == 0);
}

TEST_CASE("a header that cannot be sent refuses the message, and nothing goes out") {
  struct Case {
    const char* name;
    HeaderField field;
  };
  const Case cases[] = {
      {"CRLF in a value", {"Mcp-Name", "a\r\nX-Admin: 1"}},
      {"LF in a value", {"Mcp-Name", "a\nX-Admin: 1"}},
      {"CR in a value", {"Mcp-Name", "a\rb"}},
      {"NUL in a value", {"Mcp-Name", std::string("a\0b", 3)}},
      {"a whole request in a value", {"Mcp-Name", "a\r\n\r\nPOST /admin HTTP/1.1\r\n\r\n"}},
      {"CRLF in a name", {"Mcp-Param-A: 1\r\nX-Admin", "1"}},
      {"a colon in a name", {"Mcp-Param-A:", "1"}},
      {"a space in a name", {"Mcp-Param-A ", "1"}},
      {"no name", {"", "1"}},
  };
  for (const Case& c : cases) {
    INFO(std::string(c.name));
    StatelessFixture f([&](const Seen&) { return Reply{json_response(answer(1))}; });
    for (std::optional<BrokerId> id : {std::optional<BrokerId>(1), std::optional<BrokerId>()}) {
      Status sent = f.link->send(call(1), id, stateless({mirrored.front(), c.field}));
      REQUIRE_FALSE(sent);
      CHECK(sent.refusal().detail.find("X-Admin") == std::string::npos);
    }
    f.said_of(1);  // nothing of what was refused stands in its way
    CHECK(f.server.seen().size() == 1);
    CHECK_FALSE(f.server.seen().front().has("X-Admin"));
  }
}

TEST_CASE("mirrored headers count as bytes that wait") {
  RemoteServer remote;
  remote.limits.queued_bytes = 1'000;
  StatelessFixture f([&](const Seen&) { return Reply{status(500)}; }, remote);
  Status sent = f.link->send("{}", 1, stateless({{"Mcp-Param-A", std::string(1'000, 'x')}}));
  REQUIRE_FALSE(sent);
  CHECK(sent.refusal().reason == Reason::overloaded);
  for (BrokerId id = 1; id <= 20; ++id) f.said_of(id);  // what was taken waits no more
}

TEST_CASE("closing aborts stateless requests, and says goodbye to a legacy session alone") {
  for (bool has_session : {false, true}) {
    CAPTURE(has_session);
    StatelessFixture f([&](const Seen& seen) {
      if (is_delete(seen)) return Reply{accepted};
      if (seen.has("Mcp-Method")) return Reply{begun};
      return Reply{json_response(answer(1), "Mcp-Session-Id: s\r\n")};
    });
    if (has_session) {
      f.ask(1);
      f.wait_for("received[1]");
    }
    Carriage listening = stateless(mirrored);
    listening.long_lived = true;
    f.ask_alone(2);
    f.ask_alone(3, std::move(listening));
    f.wait_for("received[2]");
    f.wait_for("received[3]");
    std::size_t said = f.events.log.size();
    testing::run(f.io, f.link->close());
    testing::run_until(f.io, [&] { return f.server.open_connections() == 0; });
    CHECK(f.events.log.size() == said);
    CHECK(f.server.count("DELETE ") == (has_session ? 1 : 0));
    CHECK_FALSE(f.link->send(call(4), 4, stateless(mirrored)));
  }
}

}  // namespace
}  // namespace toolgate

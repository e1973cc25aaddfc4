// Requests of the modern era on the HTTP endpoint: which they are, what is refused, and how they
// end.

#include "tests/connectors/http_door_support.hpp"

namespace toolgate::door_test {
namespace {

using std::chrono::milliseconds;

std::string envelope(std::string_view revision = "2026-07-28") {
  return R"("_meta":{"io.modelcontextprotocol/protocolVersion":")" + std::string(revision) +
         R"(","io.modelcontextprotocol/clientCapabilities":{}})";
}
// A request's body; `members` are those of params beside _meta.
std::string modern(std::string_view method, std::string_view members = "", int id = 7) {
  return call_text(id, method,
                   "{" + std::string(members) + (members.empty() ? "" : ",") + envelope() + "}");
}
std::string version(std::string_view revision = "2026-07-28") {
  return "MCP-Protocol-Version: " + std::string(revision) + "\r\n";
}
std::string mirrors(std::string_view method) {
  return version() + "Mcp-Method: " + std::string(method) + "\r\n";
}
std::string modern_post(std::uint16_t port, std::string_view method, std::string_view members = "",
                        std::string_view token = "token-a", int id = 7) {
  return Client::request("POST", port, "", modern(method, members, id), mirrors(method), token);
}
Answer ask(Client& client, std::uint16_t port, std::string_view method,
           std::string_view members = "") {
  client.send(modern_post(port, method, members));
  return client.read();
}
HttpDoorSettings quick() {
  HttpDoorSettings settings;
  settings.limits.session.sse_after_ms = Milliseconds(60'000);
  settings.limits.session.keep_alive_ms = Milliseconds(40);  // the sweep comes every 10 ms
  return settings;
}
bool has_cancelled(RunningDoor& running, int count) {
  return running.eventually([&] {
    const StatelessScript& script = running.conversations.stateless;
    return script.cancelled == count && script.open.empty();
  });
}
bool has_handled(RunningDoor& running, int count) {
  return running.eventually([&] { return running.conversations.stateless.handled == count; });
}

struct Row {
  const char* name;
  std::string headers;
  std::string body;
  int status;
  const char* error = "";  // in the body
  const char* id = "7";
};
const std::string call = mirrors("tools/call");
const std::string weather = R"("name":"weather")";
const std::string named = "Mcp-Name: weather\r\n";
const std::string stray = "Mcp-Session-Id: nobody\r\nLast-Event-ID: 1-1\r\n";
const std::string bare = R"({"jsonrpc":"2.0","id":7,"method":"tools/list","params":{}})";
const std::string handshake =
    R"({"jsonrpc":"2.0","id":7,"method":"initialize","params":{"protocolVersion":"2025-11-25"}})";
const std::string event =
    R"({"jsonrpc":"2.0","method":"notifications/x","params":{)" + envelope() + "}}";
const std::string response = R"({"jsonrpc":"2.0","id":7,"result":{}})";
std::string of_revision(std::string_view revision) {
  return call_text(7, "tools/list", "{" + envelope(revision) + "}");
}

const std::vector<Row> rows = {
    {"a request whose headers agree", mirrors("tools/list"), modern("tools/list"), 200},
    {"a session id and an event id mean nothing", mirrors("tools/list") + stray,
     modern("tools/list"), 200},
    {"header names in any case",
     "mcp-PROTOCOL-version: 2026-07-28\r\nmcp-method: tools/call\r\nMCP-NAME: weather\r\n",
     modern("tools/call", weather), 200},
    {"spaces around a value", call + "Mcp-Name:   weather \t\r\n", modern("tools/call", weather),
     200},
    {"an encoded name", call + "Mcp-Name: =?base64?d2VhdGhlcg==?=\r\n",
     modern("tools/call", weather), 200},
    {"an integer written as a string is an id as well", mirrors("tools/list"),
     R"({"jsonrpc":"2.0","id":"x","method":"tools/list","params":{)" + envelope() + "}}", 200, "",
     "\"x\""},
    {"a revision of the future is for the conversation to refuse",
     version("2099-01-01") + "Mcp-Method: tools/list\r\n", of_revision("2099-01-01"), 200},
    {"a legacy revision in the envelope as well",
     version("2025-11-25") + "Mcp-Method: tools/list\r\n", of_revision("2025-11-25"), 200},
    {"a body that asks for the answer 404", mirrors("x"), modern("x", R"("status":404)"), 404,
     "-32601"},
    {"a body that asks for the answer 400", mirrors("x"), modern("x", R"("status":400)"), 400,
     "-32601"},

    {"no MCP-Protocol-Version", "Mcp-Method: tools/list\r\n", modern("tools/list"), 400, "-32020"},
    {"no Mcp-Method", version(), modern("tools/list"), 400, "-32020"},
    {"no Mcp-Name", call, modern("tools/call", weather), 400, "-32020"},
    {"no headers at all", "", modern("tools/list"), 400, "-32020"},
    {"the revision of another time", version("2025-11-25") + "Mcp-Method: tools/list\r\n",
     modern("tools/list"), 400, "-32020"},
    {"a revision that the body does not name", version("2099-01-01") + "Mcp-Method: tools/list\r\n",
     modern("tools/list"), 400, "-32020"},
    {"another method", mirrors("tools/call"), modern("tools/list"), 400, "-32020"},
    {"a method in capitals", mirrors("TOOLS/LIST"), modern("tools/list"), 400, "-32020"},
    {"another name", call + "Mcp-Name: files\r\n", modern("tools/call", weather), 400, "-32020"},
    {"a name without padding", call + "Mcp-Name: =?base64?d2VhdGhlcg?=\r\n",
     modern("tools/call", weather), 400, "-32020"},
    {"a revision that is no string", mirrors("tools/list"),
     call_text(7, "tools/list", R"({"_meta":{"io.modelcontextprotocol/protocolVersion":5}})"), 400,
     "-32020"},

    {"a modern header and no envelope", mirrors("tools/list"), bare, 400, "-32602"},
    {"the same in an unknown session", mirrors("tools/list") + stray, bare, 400, "-32602"},
    {"a modern header and _meta without a revision", mirrors("tools/list"),
     call_text(7, "tools/list", R"({"_meta":{"progressToken":1}})"), 400, "-32602"},
    {"a modern header and no params", mirrors("tools/list"),
     R"({"jsonrpc":"2.0","id":7,"method":"tools/list"})", 400, "-32602"},
    {"initialize with a modern header", mirrors("initialize"), handshake, 400, "-32020"},
    {"initialize with an envelope is a method like any other", mirrors("initialize"),
     modern("initialize", R"("status":404)"), 404, "-32601"},
    {"an array with a modern header", mirrors("tools/list"), "[" + modern("tools/list") + "]", 400,
     "-32600", "null"},
    {"no JSON with a modern header", mirrors("tools/list"), "{", 400, "-32700", "null"},
    {"no message with a modern header, in no session", mirrors("tools/list") + stray, "{}", 400,
     "-32600", "null"},
    {"an unknown revision and no envelope", version("2099-01-01"), bare, 400, "-32600", "null"},

    {"a notification", mirrors("notifications/x"), event, 202},
    {"a notification without headers", "", event, 202},
    {"a notification that its header contradicts", mirrors("notifications/y"), event, 400, "-32020",
     "null"},
    {"a notification without an envelope", version(), notification("open"), 400, "-32600", "null"},
    {"a notification of no revision spoken here", "",
     notification("x", "{" + envelope("2099-01-01") + "}"), 400, "-32022", "null"},
    {"a response", version(), response, 400, "-32600", "null"},
};

TEST_CASE("which requests stand alone, and what their headers must say") {
  RunningDoor running;
  const std::uint16_t port = running.door.port();
  Client client(port);
  for (const Row& row : rows) {
    CAPTURE(std::string(row.name));
    const Answer answer = client.post("", row.body, row.headers);
    CHECK(answer.status == row.status);
    CHECK(answer.body.find(row.error) != std::string::npos);
    CHECK(answer.body.find("evil") == std::string::npos);
    CHECK(answer.header("Mcp-Session-Id").empty());
    CHECK(answer.body.empty() == (row.status == 202));
    if (row.status == 202) continue;
    CHECK(answer.header("Content-Type") == "application/json");
    CHECK(answer.body.starts_with(R"({"jsonrpc":"2.0","id":)" + std::string(row.id) + ","));
  }
  CHECK(client.post("", modern("x"), mirrors("x")).status == 200);
}

TEST_CASE("heads that are refused whatever the body says") {
  RunningDoor running;
  const std::uint16_t port = running.door.port();
  struct Bad {
    const char* name;
    std::string headers;
    int status;
    const char* error;
  };
  std::string many;
  for (int i = 0; i < 300; ++i) many += "Mcp-Param-A" + std::to_string(i) + ": x\r\n";
  for (const Bad& row : {
           Bad{"the method twice", mirrors("x") + "mcp-METHOD: x\r\n", 400, "-32020"},
           Bad{"the name twice", mirrors("x") + "Mcp-Name: a\r\nMcp-Name: a\r\n", 400, "-32020"},
           Bad{"the revision twice", mirrors("x") + version(), 400, "-32600"},
           Bad{"an empty revision", "MCP-Protocol-Version: \r\nMcp-Method: x\r\n", 400, "-32600"},
           Bad{"a revision with a space", version("2026-07-28 x"), 400, "-32600"},
           Bad{"a revision far too long", version(std::string(65, '2')), 400, "-32600"},
           Bad{"too many lines for arguments", mirrors("x") + many, 431, "-32600"},
           Bad{"a line that goes on in the next", mirrors("x") + "Mcp-Param-A: x\r\n y\r\n", 400,
               "-32600"},
       }) {
    CAPTURE(std::string(row.name));
    Client client(port);
    const Answer answer = client.post("", modern("x"), row.headers);
    CHECK(answer.status == row.status);
    CHECK(answer.body.find(row.error) != std::string::npos);
  }
  CHECK(has_handled(running, 0));
}

TEST_CASE("there is nothing to GET or DELETE") {
  RunningDoor running;
  const std::uint16_t port = running.door.port();
  Client client(port);
  const std::string id = client.initialize();
  for (const char* method : {"GET", "DELETE"}) {
    client.send(Client::request(method, port, id, "", version()));
    const Answer answer = client.read();
    CHECK(answer.status == 405);
    CHECK(answer.header("Allow") == "POST");
  }
  CHECK(client.post(id, call_text(1, "echo")).status == 200);  // the session is untouched
}

TEST_CASE("a request comes with its agent and its argument lines") {
  RunningDoor running;
  const std::uint16_t port = running.door.port();
  Client client(port);
  const std::string lines = mirrors("x") + "mcp-param-Region: eu \r\nMcp-Param-Region: us\r\n" +
                            "Mcp-Param-: y\r\nMcp-Parameter: z\r\nMCP-PARAM-B: =?base64?eA==?=\r\n";
  const Answer answer = client.post("", modern("x"), lines);
  CHECK(answer.body.find(R"({"agent":"a","lines":["mcp-param-Region: eu","Mcp-Param-Region: us",)"
                         R"("MCP-PARAM-B: =?base64?eA==?="]})") != std::string::npos);
  CHECK(client.post("", modern("x"), mirrors("x")).body.find(R"("lines":[])") != std::string::npos);
  client.send(modern_post(port, "x", "", "token-b"));
  CHECK(client.read().body.find(R"("agent":"b")") != std::string::npos);
  client.send(modern_post(port, "x", "", "nobody"));
  CHECK(client.read().status == 401);
}

TEST_CASE("an answer that something goes before is a stream without ids") {
  RunningDoor running;
  const std::uint16_t port = running.door.port();
  Client client(port);
  const Answer answer = ask(client, port, "x", R"("notifications":2)");
  CHECK(answer.status == 200);
  CHECK(answer.header("Content-Type") == "text/event-stream");
  CHECK(answer.header("X-Accel-Buffering") == "no");
  CHECK(answer.header("Mcp-Session-Id").empty());
  CHECK(answer.body.starts_with("event: message\ndata: {"));
  CHECK(answer.body.find("id:") == std::string::npos);
  CHECK(answer.body.find("retry:") == std::string::npos);
  const std::vector<SeenEvent> events = events_in(answer.body);
  REQUIRE(events.size() == 3);
  CHECK(events[1].data.find("\"n\":2") != std::string::npos);
  CHECK(events[2].data.find("\"id\":7") != std::string::npos);
  CHECK(ask(client, port, "x").header("Content-Type") == "application/json");
}

TEST_CASE("an answer that takes long becomes a stream, and silence is filled with comments") {
  HttpDoorSettings settings = quick();
  settings.limits.session.sse_after_ms = Milliseconds(40);
  RunningDoor running(settings);
  const std::uint16_t port = running.door.port();
  Client client(port);
  client.send(modern_post(port, "hang"));
  CHECK(client.read_head().chunked);
  CHECK(client.read_chunk() == ":\n\n");
  CHECK(client.read_chunk() == ":\n\n");
  running.on_loop([&] { running.conversations.open_gates(); });
  CHECK(events_in(client.read_stream_until("passed")).size() == 1);
  CHECK(client.read_chunk().empty());
  CHECK(ask(client, port, "x").status == 200);
}

TEST_CASE("a client that goes away cancels its request") {
  RunningDoor running(quick());
  const std::uint16_t port = running.door.port();
  auto client = std::make_unique<Client>(port);
  std::string request = modern_post(port, "hang");
  bool streams = false;
  bool only_shuts = false;
  SUBCASE("while it waits") {}
  SUBCASE("while it reads a stream") { streams = true; }
  SUBCASE("with other requests behind") {
    request += modern_post(port, "x") + modern_post(port, "y");
  }
  SUBCASE("with half a request behind") { request += modern_post(port, "x").substr(0, 50); }
  SUBCASE("with much behind") { request += std::string(100'000, 'x'); }
  SUBCASE("by saying that it sends no more") { only_shuts = true; }
  SUBCASE("by saying so on a stream") { streams = only_shuts = true; }
  if (streams) request = modern_post(port, "gate");
  client->send(request);
  CHECK(has_handled(running, 1));
  if (streams) {
    client->read_head();
    client->read_stream_until("before");
  }
  CHECK(running.on_loop([&] { return running.conversations.stateless.cancelled; }) == 0);
  if (only_shuts) {
    client->stream().shutdown(asio::ip::tcp::socket::shutdown_send);
    CHECK(client->is_closed());
  } else {
    client->close();
  }
  CHECK(has_cancelled(running, 1));
  CHECK(has_handled(running, 1));  // what was behind is not begun
  CHECK(running.eventually([&] { return running.door.connections() == 0; }));
}

TEST_CASE("a connection that is reset cancels its request") {
  RunningDoor running(quick());
  Client client(running.door.port());
  client.send(modern_post(running.door.port(), "gate"));
  client.read_head();
  client.stream().set_option(asio::socket_base::linger(true, 0));
  client.close();
  CHECK(has_cancelled(running, 1));
}

TEST_CASE("a client that does not read its stream loses it, and with it the request") {
  HttpDoorSettings settings = quick();
  settings.limits.session.queued_bytes = 200'000;
  RunningDoor running(settings);
  Client client(running.door.port());
  client.send(modern_post(running.door.port(), "flood"));
  CHECK(has_cancelled(running, 1));
  CHECK(client.is_closed());
}

TEST_CASE("a write that takes too long cancels the request") {
  HttpDoorSettings settings = quick();
  settings.limits.door.body_ms = Milliseconds(60);
  RunningDoor running(settings);
  Client client(running.door.port());
  client.send(modern_post(running.door.port(), "flood"));
  CHECK(has_cancelled(running, 1));
}

TEST_CASE("calls of a session go on without their client, on the same door") {
  RunningDoor running(quick());
  const std::uint16_t port = running.door.port();
  Client client(port);
  const std::string id = client.initialize();
  auto lost = std::make_unique<Client>(port);
  lost->send(Client::request("POST", port, id, call_text(1, "gate")));
  lost->read_head();
  lost->read_stream_until("before");
  lost.reset();
  CHECK(running.eventually([&] { return running.door.connections() <= 2; }));
  CHECK(client.post(id, notification("open")).status == 202);
  Client back(port);
  back.send(Client::request("GET", port, id, "", "Last-Event-ID: 1-1\r\n"));
  back.read_head();
  back.read_stream_until("passed");
}

TEST_CASE("one connection carries requests of both eras") {
  RunningDoor running;
  const std::uint16_t port = running.door.port();
  Client client(port);
  const std::string id = client.initialize();
  std::string all;
  for (int i = 0; i < 300; ++i) {
    const std::string notes = R"("notifications":)" + std::to_string(i % 3);
    all += i % 2 == 0 ? modern_post(port, "x", notes, "token-a", i)
                      : Client::request("POST", port, id, call_text(i, "echo", "{" + notes + "}"));
  }
  for (std::size_t at = 0; at < all.size(); at += 4'099) {
    client.send(std::string_view(all).substr(at, 4'099));
  }
  for (int i = 0; i < 300; ++i) {
    const Answer answer = client.read();
    CHECK(answer.status == 200);
    CHECK(answer.chunked == (i % 3 != 0));
    CHECK(answer.body.find("\"id\":" + std::to_string(i) + ",") != std::string::npos);
    CHECK((answer.body.find("lines") != std::string::npos) == (i % 2 == 0));
  }
  CHECK(running.on_loop([&] { return running.door.sessions(); }) == 1);
  CHECK(client.post(id, modern("x"), mirrors("x")).header("Mcp-Session-Id").empty());
}

TEST_CASE("an agent has no more requests at a time than its limit, whoever else asks") {
  HttpDoorSettings settings = quick();
  settings.limits.session.in_flight = 2;
  RunningDoor running(settings);
  const std::uint16_t port = running.door.port();
  Client first(port), second(port), third(port);
  first.send(modern_post(port, "gate"));
  second.send(modern_post(port, "gate"));
  CHECK(has_handled(running, 2));
  const Answer full = ask(third, port, "x");
  CHECK(full.status == 503);
  CHECK(full.header("Retry-After") == "10");
  CHECK(full.body.starts_with(R"({"jsonrpc":"2.0","id":7,"error":{"code":4290)"));
  third.send(modern_post(port, "x", "", "token-b"));
  CHECK(third.read().status == 200);
  first.close();
  CHECK(running.eventually([&] { return running.conversations.stateless.cancelled == 1; }));
  CHECK(ask(third, port, "x").status == 200);
}

TEST_CASE("a fault is answered, and the door goes on") {
  RunningDoor running;
  const std::uint16_t port = running.door.port();
  Client client(port);
  const Answer fault = ask(client, port, "fault");
  CHECK(fault.status == 500);
  CHECK(fault.body.find("-32603") != std::string::npos);
  CHECK(ask(client, port, "x").status == 200);
}

TEST_CASE("stopping asks subscriptions to end, lets calls finish, and cancels the rest") {
  RunningDoor running;
  const std::uint16_t port = running.door.port();
  const StatelessScript& script = running.conversations.stateless;
  Client client(port);
  SUBCASE("a subscription ends with its result, long before the time is up") {
    client.send(modern_post(port, "subscriptions/listen"));
    client.read_head();
    client.read_stream_until("listening");
    const auto begun = std::chrono::steady_clock::now();
    running.stop(milliseconds(20'000));
    CHECK(std::chrono::steady_clock::now() - begun < milliseconds(10'000));
    CHECK(events_in(client.read_stream_until("passed")).size() == 1);
    CHECK(client.read_chunk().empty());
    CHECK(script.wound_down == 1);
    CHECK(script.cancelled == 0);
  }
  SUBCASE("a call finishes, and what arrives meanwhile is sent away") {
    client.send(modern_post(port, "hang"));
    CHECK(has_handled(running, 1));
    Client late(port);
    const std::string request = modern_post(port, "x");
    late.send(request.substr(0, 60));
    CHECK(running.eventually([&] { return running.door.connections() == 2; }));
    auto stopping = running.begin_stop(milliseconds(20'000));
    CHECK(running.eventually([&] { return script.wound_down == 1; }));
    late.send(request.substr(60));
    CHECK(late.read().status == 503);
    running.on_loop([&] { running.conversations.open_gates(); });
    CHECK(client.read().body.find("passed") != std::string::npos);
    running.finish_stop(std::move(stopping));
    CHECK(script.cancelled == 0);
  }
  SUBCASE("a client that goes away meanwhile cancels its call") {
    client.send(modern_post(port, "hang"));
    CHECK(has_handled(running, 1));
    auto stopping = running.begin_stop(milliseconds(60'000));
    CHECK(running.eventually([&] { return script.wound_down == 1; }));
    const auto begun = std::chrono::steady_clock::now();
    client.close();
    running.finish_stop(std::move(stopping));
    CHECK(std::chrono::steady_clock::now() - begun < milliseconds(30'000));
    CHECK(script.cancelled == 1);
    CHECK(script.open.empty());
  }
  SUBCASE("a call that does not finish is answered so") {
    client.send(modern_post(port, "hang"));
    CHECK(has_handled(running, 1));
    running.stop(milliseconds(1));
    const Answer answer = client.read();
    CHECK(answer.status == 503);
    CHECK(answer.body.find("\"cancelled\"") != std::string::npos);
    CHECK(script.cancelled == 1);
  }
  SUBCASE("a stream that does not finish ends without an answer") {
    client.send(modern_post(port, "gate"));
    client.read_head();
    client.read_stream_until("before");
    running.stop(milliseconds(1));
    CHECK(client.read_chunk().empty());
    CHECK(script.cancelled == 1);
  }
}

}  // namespace
}  // namespace toolgate::door_test

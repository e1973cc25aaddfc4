// Raw requests to the HTTP endpoint, and what they are answered.

#include "tests/connectors/http_door_support.hpp"

namespace toolgate::door_test {
namespace {

const std::string ping = call_text(1, "echo");

// PORT and SESSION are replaced; a request without a blank line at its end gets one.
struct Row {
  const char* name;
  std::string request;
  int status;
  bool closes = false;
};

std::string post_with(std::string headers, const std::string& body = ping) {
  return "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}
const std::string token = "Authorization: Bearer token-a\r\n";
const std::string accept = "Accept: application/json, text/event-stream\r\n";
const std::string json = "Content-Type: application/json\r\n";
const std::string session = "Mcp-Session-Id: SESSION\r\n";
const std::string usual = token + accept + json + session;

std::string with_host(const std::string& host) {
  return "POST /mcp HTTP/1.1\r\nHost: " + host + "\r\n" + usual +
         "Content-Length: " + std::to_string(ping.size()) + "\r\n\r\n" + ping;
}
std::string chunked(const std::string& body) {
  return "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n" + usual +
         "Transfer-Encoding: chunked\r\n\r\n" + body;
}
std::string in_chunks(const std::string& text) {
  std::string out;
  for (char c : text) out += std::string("1\r\n") + c + "\r\n";
  return out + "0\r\n\r\n";
}
std::string first_line(const std::string& line) {
  return line + "\r\nHost: 127.0.0.1:PORT\r\n" + usual +
         "Content-Length: " + std::to_string(ping.size()) + "\r\n\r\n" + ping;
}
std::string without_body(const std::string& method, const std::string& headers) {
  return method + " /mcp HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n" + headers + "\r\n";
}

const std::vector<Row> rows = {
    {"a request of a session", post_with(usual), 200},
    {"the path may have a query", first_line("POST /mcp?x=1 HTTP/1.1"), 200},
    {"headers' names in any case",
     post_with("AUTHORIZATION: bearer token-a\r\naCCEPT: */*\r\n" + json +
               "mcp-session-ID: SESSION\r\n"),
     200},
    {"content type with charset",
     post_with(token + accept + session + "Content-Type: application/json; charset=utf-8\r\n"),
     200},
    {"chunked", chunked(in_chunks(ping)), 200},
    {"Host localhost", with_host("localhost:PORT"), 200},
    {"Host [::1]", with_host("[::1]:PORT"), 200},
    {"Host in capitals", with_host("LocalHost:PORT"), 200},
    {"Host that is allowed", with_host("gateway.example"), 200},
    {"Origin of a local page", post_with(usual + "Origin: http://localhost:3000\r\n"), 200},
    {"Origin that is allowed", post_with(usual + "Origin: https://app.example\r\n"), 200},
    {"a known revision", post_with(usual + "MCP-Protocol-Version: 2025-06-18\r\n"), 200},
    {"a notification", post_with(usual, notification("open")), 202},
    {"a response", post_with(usual, R"({"jsonrpc":"2.0","id":9,"result":{}})"), 202},

    {"another path", first_line("POST /other HTTP/1.1"), 404},
    {"a path below", first_line("POST /mcp/ HTTP/1.1"), 404},
    {"the root", without_body("GET", token).replace(4, 4, "/"), 404},
    {"OPTIONS", without_body("OPTIONS", token), 405},
    {"PUT", first_line("PUT /mcp HTTP/1.1"), 405},
    {"HEAD", without_body("HEAD", token), 405},
    {"Host of another name", with_host("evil.example:PORT"), 403},
    {"Host with another port", with_host("127.0.0.1:1"), 403},
    {"Host without the port", with_host("127.0.0.1"), 403},
    {"Host that is checked before the path", "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403},
    {"Host with user information", with_host("localhost:PORT@evil.example"), 403},
    {"empty Host", with_host(""), 403},
    {"Origin of a foreign page", post_with(usual + "Origin: http://evil.example\r\n"), 403},
    {"Origin null", post_with(usual + "Origin: null\r\n"), 403},
    {"Origin that begins like a local one",
     post_with(usual + "Origin: http://localhost.evil.example\r\n"), 403},
    {"Origin with user information", post_with(usual + "Origin: http://localhost@evil.example\r\n"),
     403},

    {"no token", post_with(accept + json + session), 401},
    {"an unknown token", post_with("Authorization: Bearer nobody\r\n" + accept + json + session),
     401},
    {"another scheme", post_with("Authorization: Basic dTpw\r\n" + accept + json + session), 401},
    {"an empty token", post_with("Authorization: Bearer \r\n" + accept + json + session), 401},
    {"a token of another agent: no such session",
     post_with("Authorization: Bearer token-b\r\n" + accept + json + session), 404},
    {"an unknown session", post_with(token + accept + json + "Mcp-Session-Id: nobody\r\n"), 404},
    {"no session", post_with(token + accept + json), 400},
    {"GET without a session", without_body("GET", token + accept), 400},
    {"DELETE of an unknown session", without_body("DELETE", token + "Mcp-Session-Id: x\r\n"), 404},
    {"a second initialize",
     post_with(usual, call_text(2, "initialize", R"({"protocolVersion":"x"})")), 400},

    {"content type text", post_with(token + accept + session + "Content-Type: text/plain\r\n"),
     415},
    {"no content type", post_with(token + accept + session), 415},
    {"another charset",
     post_with(token + accept + session + "Content-Type: application/json; charset=utf-16\r\n"),
     415},
    {"content encoding", post_with(usual + "Content-Encoding: gzip\r\n"), 415},
    {"no Accept", post_with(token + json + session), 406},
    {"Accept JSON alone", post_with(token + json + session + "Accept: application/json\r\n"), 406},
    {"Accept that refuses streams",
     post_with(token + json + session + "Accept: application/json, text/event-stream;q=0\r\n"),
     406},
    {"GET that accepts JSON alone",
     without_body("GET", token + session + "Accept: application/json\r\n"), 406},
    {"an unknown revision", post_with(usual + "MCP-Protocol-Version: 2099-01-01\r\n"), 400},
    {"another expectation", post_with(usual + "Expect: tea\r\n"), 417, true},

    {"no JSON", post_with(usual, "hello"), 400},
    {"no message", post_with(usual, "{}"), 400},
    {"duplicate keys", post_with(usual, R"({"jsonrpc":"2.0","id":1,"id":2,"method":"echo"})"), 400},
    {"a batch where there are none", post_with(usual, "[" + ping + "]"), 400},
    {"an empty body", post_with(usual, ""), 400},

    {"both lengths", post_with(usual + "Transfer-Encoding: chunked\r\n"), 400, true},
    {"two lengths", post_with(usual + "Content-Length: 5\r\n"), 400, true},
    {"a list of lengths",
     "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n" + usual + "Content-Length: 2, 2\r\n\r\n{}",
     400, true},
    {"a signed length",
     "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n" + usual + "Content-Length: +2\r\n\r\n{}", 400,
     true},
    {"two hosts", post_with(usual + "Host: 127.0.0.1:PORT\r\n"), 400, true},
    {"two tokens", post_with(usual + "Authorization: Bearer token-b\r\n"), 400, true},
    {"two sessions", post_with(usual + "Mcp-Session-Id: x\r\n"), 400, true},
    {"two transfer encodings", chunked("0\r\n\r\n").insert(20, "Transfer-Encoding: chunked\r\n"),
     400, true},
    {"another transfer encoding",
     "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n" + usual +
         "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
     400, true},
    {"a folded header", post_with(usual + "X: a\r\n b\r\n"), 400, true},
    {"space before a colon", post_with(usual + "X : a\r\n"), 400, true},
    {"no Host", "GET /mcp HTTP/1.1\r\n" + token + "\r\n", 400, true},
    {"an absolute target", first_line("POST http://127.0.0.1/mcp HTTP/1.1"), 400, true},
    {"a tunnel", without_body("CONNECT", token).replace(8, 4, "host:443"), 400, true},
    {"an asterisk", without_body("OPTIONS", token).replace(8, 4, "*"), 400, true},
    {"HTTP/1.0", first_line("POST /mcp HTTP/1.0"), 505, true},
    {"HTTP/2.0", first_line("POST /mcp HTTP/2.0"), 505, true},
    {"no HTTP at all", "\x16\x03\x01 hello\r\n\r\n", 400, true},
    {"a bare line feed", "POST /mcp HTTP/1.1\nHost: 127.0.0.1:PORT\r\n\r\n", 400, true},
    {"a control character", post_with(usual + std::string("X: a\0b\r\n", 8)), 400, true},
    {"a body with GET", without_body("GET", usual + "Content-Length: 3\r\n") + "abc", 400, true},
    {"a chunk extension", chunked("1;x=y\r\n{\r\n0\r\n\r\n"), 400, true},
    {"a bad chunk size", chunked("zz\r\n"), 400, true},
    {"a chunk size that overflows", chunked("fffffffff\r\n"), 400, true},
    {"a chunk past its size", chunked("1\r\n{}\r\n0\r\n\r\n"), 400, true},
    {"a trailer", chunked("0\r\nX: y\r\n\r\n"), 400, true},
    {"no length", "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n" + usual + "\r\n", 411, true},
    {"a length past the limit",
     "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n" + usual + "Content-Length: 99999999\r\n\r\n",
     413, true},
    {"a chunk past the limit", chunked("7fffffff\r\n"), 413, true},
    {"a header past the limit", post_with(usual + "X: " + std::string(40'000, 'x') + "\r\n"), 431,
     true},
};

std::string filled_in(std::string text, std::uint16_t port, const std::string& id) {
  const auto replace = [&](std::string_view what, const std::string& with) {
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
      text.replace(at, what.size(), with);
    }
  };
  replace("PORT", std::to_string(port));
  replace("SESSION", id);
  return text;
}

HttpDoorSettings with_names() {
  HttpDoorSettings settings;
  settings.allowed_hosts = {"gateway.example"};
  settings.allowed_origins = {"https://app.example"};
  return settings;
}

TEST_CASE("raw requests and their status") {
  RunningDoor running(with_names());
  const std::uint16_t port = running.door.port();
  Client first(port);
  const std::string id = first.initialize();
  REQUIRE(id.size() >= 43);
  for (const Row& row : rows) {
    CAPTURE(std::string(row.name));
    Client client(port);
    client.send(filled_in(row.request, port, id));
    const Answer answer = client.read();
    CHECK(answer.status == row.status);
    CHECK(answer.body.find("evil") == std::string::npos);
    CHECK((answer.header("Connection") == "close") == row.closes);
    if (answer.status >= 400 && answer.status != 500) {
      CHECK(answer.body.find(R"("jsonrpc":"2.0")") != std::string::npos);
      CHECK(answer.body.find(R"("error")") != std::string::npos);
    }
    if (row.closes) {
      client.stream().shutdown(asio::ip::tcp::socket::shutdown_send);
      CHECK(client.is_closed());
    } else {
      CHECK(client.post(id, ping).status == 200);  // the connection goes on
    }
  }
}

TEST_CASE("what answers carry beside the status") {
  RunningDoor running;
  Client client(running.door.port());
  client.send(Client::request("OPTIONS", running.door.port(), "", ""));
  CHECK(client.read().header("Allow") == "POST, GET, DELETE");
  client.send(Client::request("POST", running.door.port(), "", ping, "", ""));
  const Answer unauthorised = client.read();
  CHECK(unauthorised.header("WWW-Authenticate") == "Bearer");
  CHECK(unauthorised.body.find("toolgate agent add NAME") != std::string::npos);
  const Answer unknown = client.post("", ping, "MCP-Protocol-Version: 1999-01-01\r\n");
  CHECK(unknown.body.find("2025-11-25") != std::string::npos);
  CHECK(unknown.body.find("-32600") != std::string::npos);
  CHECK(running.tokens.refusals == 1);
}

TEST_CASE("refused attempts are recorded, but not without end") {
  RunningDoor running;
  Client client(running.door.port());
  for (int i = 0; i < 200; ++i) {
    client.send(Client::request("POST", running.door.port(), "", ping, "", "nobody"));
    CHECK(client.read().status == 401);
  }
  CHECK(running.tokens.refusals >= 10);
  CHECK(running.tokens.refusals < 200);
}

TEST_CASE("the gateway's own user needs no token where that is accepted") {
  RunningDoor running;
  running.tokens.accepts_local = true;
  const std::uint16_t port = running.door.port();
  Client client(port);
  const std::string id = client.initialize("2025-11-25", "");
  CHECK_FALSE(id.empty());
  client.send(Client::request("POST", port, id, ping, "", ""));
  CHECK(client.read().status == 200);
  client.send(Client::request("POST", port, id, ping, "", "nobody"));
  CHECK(client.read().status == 401);  // a wrong token is not as good as none
  running.tokens.accepts_local = false;
  client.send(Client::request("POST", port, id, ping, "", ""));
  CHECK(client.read().status == 401);
}

TEST_CASE("100-continue") {
  RunningDoor running;
  Client client(running.door.port());
  const std::string id = client.initialize();
  std::string request =
      Client::request("POST", running.door.port(), id, ping, "Expect: 100-continue\r\n");
  client.send(request.substr(0, request.size() - ping.size()));
  CHECK(client.read().status == 100);
  client.send(ping);
  CHECK(client.read().status == 200);
}

TEST_CASE("pipelined requests are answered in order, however the bytes are cut") {
  RunningDoor running;
  const std::uint16_t port = running.door.port();
  Client client(port);
  const std::string id = client.initialize();
  std::string all;
  for (int i = 0; i < 20; ++i) {
    const std::string params =
        "{\"notifications\":" + std::to_string(i % 3) + ",\"i\":" + std::to_string(i) + "}";
    all += Client::request("POST", port, id, call_text(i, "echo", params));
  }
  for (std::size_t at = 0; at < all.size(); at += 97)
    client.send(std::string_view(all).substr(at, 97));
  for (int i = 0; i < 20; ++i) {
    const Answer answer = client.read();
    CHECK(answer.status == 200);
    CHECK(answer.chunked == (i % 3 != 0));
    CHECK(answer.body.find("\"i\":" + std::to_string(i) + "}") != std::string::npos);
  }
}

TEST_CASE("large messages both ways") {
  RunningDoor running;
  Client client(running.door.port());
  const std::string id = client.initialize();
  const std::string text(3'000'000, 'y');
  const Answer echoed = client.post(id, call_text(1, "echo", "{\"t\":\"" + text + "\"}"));
  CHECK(echoed.body.find(text) != std::string::npos);
  const Answer big = client.post(id, call_text(2, "big", R"({"bytes":5000000})"));
  CHECK(big.body.size() > 5'000'000);
  CHECK(big.header("Content-Type") == "application/json");
}

TEST_CASE("deadlines: a header, a body and a pause that take too long") {
  HttpDoorSettings settings;
  settings.limits.door.header_ms = Milliseconds(60);
  settings.limits.door.body_ms = Milliseconds(60);
  settings.limits.door.idle_ms = Milliseconds(60);
  RunningDoor running(settings);
  Client header(running.door.port());
  header.send("POST /mcp HTTP/1.1\r\nHost");
  Client body(running.door.port());
  const std::string request = Client::request("POST", running.door.port(), "", ping);
  body.send(request.substr(0, request.size() - 1));
  Client idle(running.door.port());
  CHECK(header.is_closed());
  CHECK(body.is_closed());
  CHECK(idle.is_closed());
}

TEST_CASE("no more connections than the limit") {
  HttpDoorSettings settings;
  settings.limits.door.connections = 2;
  RunningDoor running(settings);
  Client first(running.door.port());
  CHECK_FALSE(first.initialize().empty());
  Client second(running.door.port());
  CHECK_FALSE(second.initialize().empty());
  Client third(running.door.port());
  CHECK(third.is_closed());
}

TEST_CASE("an address that cannot be listened on is refused") {
  RunningDoor running;
  asio::io_context loop;
  ScriptedConversations conversations(loop.get_executor());
  TwoTokens tokens;
  HttpDoorSettings settings;
  settings.address = "gateway.example";
  HttpDoor named(loop.get_executor(), conversations, tokens, settings);
  Status no_address = named.listen();
  REQUIRE_FALSE(no_address);
  CHECK(no_address.refusal().reason == Reason::bad_configuration);
  settings.address = "127.0.0.1";
  settings.certificate = "/nonexistent.pem";
  settings.key = "/nonexistent.pem";
  HttpDoor secured(loop.get_executor(), conversations, tokens, settings);
  Status no_certificate = secured.listen();
  REQUIRE_FALSE(no_certificate);
  CHECK(no_certificate.refusal().detail.find("/nonexistent.pem") != std::string::npos);
  settings.certificate.clear();
  settings.key.clear();
  settings.port = running.door.port();
  HttpDoor taken(loop.get_executor(), conversations, tokens, settings);
  Status no_port = taken.listen();
  REQUIRE_FALSE(no_port);
  CHECK(no_port.refusal().reason == Reason::unavailable);
}

}  // namespace
}  // namespace toolgate::door_test

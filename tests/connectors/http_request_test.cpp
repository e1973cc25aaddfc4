// The parts of the HTTP endpoint that do no I/O: Host and Origin, the head, the body, the event
// log.

#include "connectors/http_request.hpp"

#include <doctest/doctest.h>

#include <sstream>

#include "connectors/event_log.hpp"
#include "connectors/http_door_peer.hpp"
#include "connectors/http_request_body.hpp"
#include "connectors/sse_writer.hpp"

namespace toolgate {
namespace {

HostCheck check_with(std::vector<std::string> hosts, std::vector<std::string> origins,
                     std::string listen = "192.0.2.7", std::uint16_t port = 8808) {
  HostRules rules;
  rules.listen_name = std::move(listen);
  rules.port = port;
  rules.hosts = std::move(hosts);
  rules.origins = std::move(origins);
  return HostCheck(rules);
}

TEST_CASE("hosts") {
  const HostCheck check = check_with({"any.example", "one.example:9000", "not a host"}, {});
  for (const char* good : {"localhost:8808", "127.0.0.1:8808", "[::1]:8808", "192.0.2.7:8808",
                           "any.example", "any.example:1", "ONE.example:9000"}) {
    CAPTURE(std::string(good));
    CHECK(check.accepts_host(good));
  }
  for (const char* bad : {"",
                          "localhost",
                          "localhost:80",
                          "localhost:08808x",
                          "localhost:",
                          ":8808",
                          "::1",
                          "[::1",
                          "[]:8808",
                          "[localhost]:8808",
                          "one.example",
                          "one.example:9001",
                          "any.example.evil",
                          "evil@any.example",
                          "any.example/",
                          "any.example:0",
                          "any.example:70000",
                          "any.example ",
                          "0.0.0.0:8808",
                          "not a host"}) {
    CAPTURE(std::string(bad));
    CHECK_FALSE(check.accepts_host(bad));
  }
  const HostCheck on_80 = check_with({}, {}, "::", 80);
  CHECK(on_80.accepts_host("localhost"));
  CHECK_FALSE(on_80.accepts_host("[::]"));
  CHECK(check_with({}, {}, "fd00::1").accepts_host("[FD00::1]:8808"));
}

TEST_CASE("origins") {
  const HostCheck check = check_with({}, {"https://App.example", "vscode-webview://x"});
  for (const char* good : {"http://localhost", "https://localhost:1", "http://127.0.0.1:3000",
                           "http://[::1]:3", "https://app.example", "vscode-webview://x"}) {
    CAPTURE(std::string(good));
    CHECK(check.accepts_origin(good));
  }
  for (const char* bad : {"", "null", "localhost", "ftp://localhost", "http://localhost.evil",
                          "http://localhost/", "http://evil@localhost", "https://app.example:8443",
                          "http://app.example", "http://", "http://localhost:3000 http://evil"}) {
    CAPTURE(std::string(bad));
    CHECK_FALSE(check.accepts_origin(bad));
  }
}

TEST_CASE("what a judged head says") {
  const HostCheck hosts = check_with({}, {});
  const std::string head =
      "POST /mcp HTTP/1.1\r\nHost: localhost:8808\r\nAuthorization: BEARER  abc.DEF-123~+/=\r\n"
      "Accept: text/event-stream ; q=0.5 , application/*\r\nContent-Type: "
      "Application/JSON;charset=\"UTF-8\"\r\n"
      "Mcp-Session-Id: s1\r\nMCP-Protocol-Version: 2025-06-18\r\nExpect: 100-Continue\r\n"
      "mcp-METHOD: tools/call\r\nMcp-Param-A: 1\r\nMcp-Name: \t x y \r\nmcp-param-a:2\r\n"
      "Connection: keep-alive, Close\r\nContent-Length: 12\r\nX-Other: y\r\n\r\n";
  RequestFields fields;
  REQUIRE_FALSE(parse_head(head, 32'768, fields));
  const auto judged = judge_request(fields, RequestRules{hosts, 100});
  REQUIRE(judged);
  CHECK(judged->method == RequestMethod::post);
  CHECK(judged->credentials == RequestCredentials::bearer);
  CHECK(judged->bearer == "abc.DEF-123~+/=");
  CHECK(judged->session_id == "s1");
  CHECK(judged->revision == Revision::r2025_06_18);
  CHECK(judged->revision_text == "2025-06-18");
  CHECK_FALSE(judged->names_modern_revision());
  CHECK(judged->mirrored_method == "tools/call");
  CHECK(judged->mirrored_name == "x y");
  CHECK(fields.arguments == std::vector<HeaderField>{{"Mcp-Param-A", "1"}, {"mcp-param-a", "2"}});
  CHECK(judged->expects_continue);
  CHECK_FALSE(judged->keep_alive);
  CHECK(judged->content_length == 12);
  CHECK_FALSE(judged->last_event_id);
}

TEST_CASE("MCP-Protocol-Version, before the body is known") {
  const HostCheck hosts = check_with({}, {});
  struct Row {
    const char* method;
    std::string revision;
    unsigned status;  // of the refusal; 0 for none
    bool modern = false;
  };
  for (const Row& row : {
           Row{"POST", "2025-11-25", 0},
           Row{"POST", "2026-07-28", 0, true},
           Row{"POST", "2099-01-01", 0},
           Row{"POST", "draft", 0},
           Row{"POST", "", 400},
           Row{"POST", "2026-07-28, 2026-07-28", 400},
           Row{"POST", std::string(64, 'x'), 0},
           Row{"POST", std::string(65, 'x'), 400},
           Row{"POST", "\xC3\xA9", 400},
           Row{"GET", "2025-11-25", 0},
           Row{"GET", "2099-01-01", 400},
           Row{"GET", "2026-07-28", 405},
           Row{"DELETE", "2026-07-28", 405},
           Row{"DELETE", "draft", 400},
       }) {
    CAPTURE(row.method + (" " + row.revision));
    const std::string head =
        std::string(row.method) + " /mcp HTTP/1.1\r\nHost: localhost:8808\r\nAccept: */*\r\n" +
        (row.method[0] == 'P' ? "Content-Type: application/json\r\n" : "") +
        "Content-Length: 0\r\nMCP-Protocol-Version: " + row.revision + "\r\n\r\n";
    RequestFields fields;
    REQUIRE_FALSE(parse_head(head, 32'768, fields));
    const auto judged = judge_request(fields, RequestRules{hosts, 100});
    CHECK((judged ? 0 : judged.error().status) == row.status);
    if (judged) CHECK(judged->names_modern_revision() == row.modern);
  }
}

TEST_CASE("the lines of arguments are counted, and forgotten with their head") {
  const auto head_with = [](std::size_t lines) {
    std::string head = "POST /mcp HTTP/1.1\r\n";
    for (std::size_t i = 0; i < lines; ++i) head += "Mcp-Param-A: x\r\n";
    return head + "\r\n";
  };
  RequestFields fields;
  CHECK_FALSE(parse_head(head_with(most_argument_lines), 32'768, fields));
  CHECK(fields.arguments.size() == most_argument_lines);
  const auto refusal = parse_head(head_with(most_argument_lines + 1), 32'768, fields);
  REQUIRE(refusal);
  CHECK(refusal->status == 431);
  CHECK_FALSE(parse_head(head_with(0), 32'768, fields));
  CHECK(fields.arguments.empty());
}

TEST_CASE("where a head ends, however it is cut") {
  const std::string text = "GET /mcp HTTP/1.1\r\nHost: x\r\n\r\nrest";
  for (std::size_t cut = 0; cut < text.size(); ++cut) {
    const std::string_view seen = std::string_view(text).substr(0, cut);
    const bool complete = cut >= text.size() - 4;
    CHECK((head_size(seen, 0) != 0) == complete);
    CHECK(head_size(text, complete ? 0 : cut) == text.size() - 4);
  }
}

std::string body_after(const std::string& bytes, std::size_t step, RequestBody::State& state) {
  RequestHead head;
  head.chunked = true;
  RequestBody body;
  body.begin(head, 10);
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t used = body.take(std::string_view(bytes).substr(at, step));
    at += used;
    if (body.state() != RequestBody::State::more) break;
    CHECK(used == std::min(step, bytes.size() - at + used));
  }
  state = body.state();
  return body.release();
}

TEST_CASE("chunked bodies") {
  using State = RequestBody::State;
  struct Row {
    const char* bytes;
    State state;
    const char* text;
  };
  for (const Row& row :
       {Row{"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", State::complete, "abcde"},
        Row{"0A\r\n0123456789\r\n000\r\n\r\n", State::complete, "0123456789"},
        Row{"0\r\n\r\n", State::complete, ""}, Row{"3\r\nab", State::more, "ab"},
        Row{"b\r\n", State::too_large, ""}, Row{"5\r\n01234\r\n6\r\n", State::too_large, "01234"},
        Row{"ffffffff\r\n", State::too_large, ""}, Row{"000000001\r\n", State::malformed, ""},
        Row{"\r\n", State::malformed, ""}, Row{"3;a=b\r\n", State::malformed, ""},
        Row{"3 \r\n", State::malformed, ""}, Row{"-1\r\n", State::malformed, ""},
        Row{"3\n", State::malformed, ""}, Row{"3\r\nabcd", State::malformed, "abc"},
        Row{"0\r\nX: y\r\n\r\n", State::malformed, ""}}) {
    for (std::size_t step : {std::size_t{1}, std::size_t{2}, std::size_t{100}}) {
      CAPTURE(std::string(row.bytes));
      State state = State::more;
      CHECK(body_after(row.bytes, step, state) == row.text);
      CHECK(state == row.state);
    }
  }
}

TEST_CASE("a counted body takes what is its own and no more") {
  RequestHead head;
  head.content_length = 4;
  RequestBody body;
  body.begin(head, 10);
  CHECK(body.take("ab") == 2);
  CHECK(body.remaining() == 2);
  CHECK(body.take("cdPOST") == 2);
  CHECK(body.state() == RequestBody::State::complete);
  CHECK(body.release() == "abcd");
}

TEST_CASE("event ids") {
  CHECK(event_id_text(EventId{3, 17}) == "3-17");
  CHECK(event_id_from("3-17") == EventId{3, 17});
  for (const char* bad : {"", "-", "3", "3-", "-3", "03-1", "3-01", "+3-1", "3-1-1", "3- 1", "x-1",
                          "99999999999999999999-1"}) {
    CHECK_FALSE(event_id_from(bad));
  }
}

TEST_CASE("the event log keeps the newest events of all streams together") {
  EventLog log(1'000'000, 3);
  const std::uint64_t a = log.open();
  const std::uint64_t b = log.open();
  log.append(a, "1");
  log.append(b, "2");
  log.append(a, "3");
  CHECK(log.after(EventId{a, 0})->size() == 2);
  CHECK(log.after(EventId{a, 2})->empty());
  CHECK_FALSE(log.after(EventId{a, 3}));
  log.append(b, "4");  // drops "1"
  CHECK_FALSE(log.after(EventId{a, 0}));
  CHECK(log.kept_after(EventId{a, 0}).size() == 1);
  CHECK(log.after(EventId{a, 1})->size() == 1);
  CHECK(log.after(EventId{b, 0})->size() == 2);
  log.finish(a);
  CHECK_FALSE(log.is_open(a));
  CHECK(log.streams() == 3);
  log.append(b, "5");
  log.append(b, "6");  // the last of a's events goes, and with it the stream
  CHECK(log.streams() == 2);
  CHECK_FALSE(log.after(EventId{a, 2}));
  CHECK(log.events() == 3);
}

TEST_CASE("the event log is bounded in bytes, also for one event") {
  EventLog log(100, 1'000);
  const std::uint64_t a = log.open();
  const StreamEvent large = log.append(a, std::string(500, 'x'));
  CHECK(large->size() > 500);
  CHECK(log.bytes() == 0);
  CHECK_FALSE(log.after(EventId{a, 0}));
  CHECK(log.after(EventId{a, 1})->empty());
  log.finish(a);
  CHECK(log.streams() == 1);
  log.finish(EventLog::general);
  CHECK(log.is_open(EventLog::general));
}

TEST_CASE("events and chunks as text") {
  CHECK(sse_event("1-1", "{\n\"a\":1}\r") ==
        "id: 1-1\nevent: message\ndata: {\ndata: \"a\":1}\ndata: \n\n");
  std::string out;
  append_chunk(out, "");
  append_chunk(out, std::string(26, 'x'));
  CHECK(out == "1a\r\n" + std::string(26, 'x') + "\r\n");
}

TEST_CASE("the kernel's socket table") {
  using asio::ip::tcp;
  const tcp::endpoint own(asio::ip::make_address("127.0.0.1"), 0x1F90);
  const tcp::endpoint peer(asio::ip::make_address("127.0.0.1"), 0x2260);
  const std::string title =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n";
  const std::string row =
      "   1: 0100007F:2260 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 "
      "123 1 0\n";
  const std::string other =
      "   0: 0100007F:1F90 0100007F:2260 01 00000000:00000000 02:00000000 00000000     0        0 "
      "124 1 0\n";
  const auto look = [&](const std::string& text) {
    std::istringstream table(text);
    return user_in_socket_table(table, socket_row_key(own, peer));
  };
  CHECK(look(title + other + row) == uid_t{1000});
  CHECK_FALSE(look(title + other));
  std::string waiting = row;
  waiting.replace(waiting.find(" 01 "), 4, " 06 ");  // TIME_WAIT has no owner, and says 0
  CHECK_FALSE(look(title + waiting));
  CHECK_FALSE(look(title + row.substr(0, 60)));
  CHECK(socket_row_key({asio::ip::make_address("::1"), 1}, {asio::ip::make_address("::1"), 2}) ==
        "00000000000000000000000001000000:0002 00000000000000000000000001000000:0001 01");
  CHECK_FALSE(local_peer_user(own, {asio::ip::make_address("192.0.2.1"), 5}));
}

}  // namespace
}  // namespace toolgate

// Streams of the HTTP endpoint: their events, what a client that lost one gets back, and batches.

#include "tests/connectors/http_door_support.hpp"

namespace toolgate::door_test {
namespace {

TEST_CASE("a stream has its priming event, its messages in order, and the answer last") {
  RunningDoor running;
  Client client(running.door.port());
  const std::string id = client.initialize();
  const Answer answer = client.post(id, call_text(5, "echo", R"({"notifications":3})"));
  CHECK(answer.header("Content-Type") == "text/event-stream");
  CHECK(answer.header("Cache-Control") == "no-cache");
  CHECK(answer.header("X-Accel-Buffering") == "no");
  CHECK(answer.body.starts_with("id: 1-0\nretry: 1000\ndata: \n\n"));
  const std::vector<SeenEvent> events = events_in(answer.body);
  REQUIRE(events.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) CHECK(events[i].id == "1-" + std::to_string(i + 1));
  CHECK(events[0].data.find("\"n\":1") != std::string::npos);
  CHECK(events[2].data.find("\"n\":3") != std::string::npos);
  CHECK(events[3].data.find("\"id\":5") != std::string::npos);
  CHECK(client.post(id, call_text(6, "echo")).status == 200);
}

TEST_CASE("older revisions are not primed") {
  RunningDoor running;
  Client client(running.door.port());
  const std::string id = client.initialize("2025-06-18");
  const Answer answer = client.post(id, call_text(5, "echo", R"({"notifications":1})"));
  CHECK(answer.body.starts_with("id: 1-1\n"));
}

TEST_CASE("an answer that takes long becomes a stream, and a silent stream is kept alive") {
  HttpDoorSettings settings;
  settings.limits.session.sse_after_ms = Milliseconds(40);
  settings.limits.session.keep_alive_ms = Milliseconds(40);
  RunningDoor running(settings);
  const std::uint16_t port = running.door.port();
  Client client(port);
  const std::string id = client.initialize();
  Client waiting(port);
  waiting.send(Client::request("POST", port, id, call_text(1, "hang")));
  CHECK(waiting.read_head().chunked);
  waiting.read_stream_until("id: 1-0");
  waiting.read_stream_until(":\n\n");
  waiting.read_stream_until(":\n\n");
}

TEST_CASE("a client that lost its stream gets the rest of it, live, and no other's") {
  RunningDoor running;
  const std::uint16_t port = running.door.port();
  Client client(port);
  const std::string id = client.initialize();
  const std::string other = client.initialize();
  auto lost = std::make_unique<Client>(port);
  lost->send(Client::request("POST", port, id, call_text(1, "gate")));
  lost->read_head();
  CHECK(lost->read_stream_until("before").find("id: 1-1\n") != std::string::npos);
  lost.reset();
  client.post(id, call_text(2, "echo", R"({"notifications":2})"));  // a stream in between

  Client back(port);
  back.send(Client::request("GET", port, id, "", "Last-Event-ID: 1-0\r\n"));
  CHECK(back.read_head().status == 200);
  const std::string replayed = back.read_stream_until("before");
  CHECK(events_in(replayed).size() == 1);
  CHECK(client.post(id, notification("open")).status == 202);
  const std::string rest = back.read_stream_until("passed");
  CHECK(rest.find("\"id\":1,") != std::string::npos);
  CHECK(back.read_chunk().empty());  // the answer was the end of it

  SUBCASE("again, after the end") {
    back.send(Client::request("GET", port, id, "", "Last-Event-ID: 1-1\r\n"));
    const Answer again = back.read();
    const std::vector<SeenEvent> events = events_in(again.body);
    REQUIRE(events.size() == 2);
    CHECK(events[0].id == "1-2");
    CHECK(events[1].data.find("passed") != std::string::npos);
  }
  SUBCASE("not from another session") {
    back.send(Client::request("GET", port, other, "", "Last-Event-ID: 1-1\r\n"));
    CHECK(back.read().status == 400);
  }
  SUBCASE("not what was never sent, or is no id") {
    for (const char* bad :
         {"1-9", "99-0", "x", "1", "1-", "-1", "01-1", "1-1 ", "18446744073709551616-0"}) {
      CAPTURE(std::string(bad));
      back.send(
          Client::request("GET", port, id, "", "Last-Event-ID: " + std::string(bad) + "\r\n"));
      CHECK(back.read().status == (std::string_view(bad) == "1-1 " ? 200 : 400));
    }
  }
}

TEST_CASE("a call whose client has gone is finished, and its answer kept") {
  RunningDoor running;
  const std::uint16_t port = running.door.port();
  Client client(port);
  const std::string id = client.initialize();
  {
    Client lost(port);
    lost.send(Client::request("POST", port, id, call_text(1, "gate")));
    lost.read_head();
    lost.read_stream_until("before");
  }
  client.post(id, notification("open"));
  Client back(port);
  back.send(Client::request("GET", port, id, "", "Last-Event-ID: 1-1\r\n"));
  CHECK(back.read_head().status == 200);
  back.read_stream_until("passed");
}

TEST_CASE("what is no longer kept cannot be resumed from") {
  HttpDoorSettings settings;
  settings.limits.session.replay_events = 4;
  RunningDoor running(settings);
  const std::uint16_t port = running.door.port();
  Client client(port);
  const std::string id = client.initialize();
  client.post(id, call_text(1, "echo", R"({"notifications":10})"));
  client.send(Client::request("GET", port, id, "", "Last-Event-ID: 1-2\r\n"));
  const Answer gone = client.read();
  CHECK(gone.status == 400);
  CHECK(gone.body.find("Last-Event-ID") != std::string::npos);
  client.send(Client::request("GET", port, id, "", "Last-Event-ID: 1-7\r\n"));
  CHECK(events_in(client.read().body).size() == 4);
}

TEST_CASE("the general stream: one at a time, kept while nobody listens, resumable") {
  RunningDoor running;
  const std::uint16_t port = running.door.port();
  Client client(port);
  const std::string id = client.initialize();
  client.post(id, notification("say", R"({"n":1})"));
  auto listening = std::make_unique<Client>(port);
  listening->send(Client::request("GET", port, id, ""));
  CHECK(listening->read_head().status == 200);
  std::string seen = listening->read_stream_until("\"n\":1");
  CHECK(seen.starts_with("id: 0-0\nretry: 1000\ndata: \n\n"));
  client.post(id, notification("say", R"({"n":2})"));
  CHECK(listening->read_stream_until("\"n\":2").find("id: 0-2\n") != std::string::npos);

  client.send(Client::request("GET", port, id, ""));
  CHECK(client.read().status == 409);

  SUBCASE("a resumption takes the stream over") {
    Client second(port);
    second.send(Client::request("GET", port, id, "", "Last-Event-ID: 0-1\r\n"));
    second.read_head();
    second.read_stream_until("\"n\":2");
    CHECK(listening->is_closed());
    client.post(id, notification("say", R"({"n":3})"));
    second.read_stream_until("\"n\":3");
  }
  SUBCASE("a listener that goes away makes room, and misses nothing") {
    listening.reset();
    Client second(port);
    Answer answer;
    do {  // the door learns of the end a moment later
      second.send(Client::request("GET", port, id, ""));
      answer = second.read_head();
      if (answer.status == 409) second.read_body(answer);
    } while (answer.status == 409);
    CHECK(answer.status == 200);
    client.post(id, notification("say", R"({"n":4})"));
    CHECK(events_in(second.read_stream_until("\"n\":4")).size() == 1);
  }
}

TEST_CASE("a reader that does not read loses its stream, and nothing else") {
  HttpDoorSettings settings;
  settings.limits.session.queued_bytes = 200'000;
  settings.limits.session.replay_bytes = 100'000'000;
  settings.limits.session.replay_events = 100'000;
  settings.limits.session.keep_alive_ms = Milliseconds(40);
  RunningDoor running(settings);
  const std::uint16_t port = running.door.port();
  Client client(port);
  const std::string id = client.initialize();
  Client slow(port);
  slow.send(Client::request("GET", port, id, ""));
  slow.read_head();
  slow.read_stream_until("0-0");
  const std::string text(50'000, 'z');
  for (int i = 1; i <= 400; ++i) {
    const std::string params = "{\"n\":" + std::to_string(i) + ",\"t\":\"" + text + "\"}";
    CHECK(client.post(id, notification("say", params)).status == 202);
  }
  CHECK(running.eventually([&] { return running.door.connections() == 1; }));
  client.send(Client::request("GET", port, id, "", "Last-Event-ID: 0-399\r\n"));
  CHECK(client.read_head().status == 200);
  client.read_stream_until("\"n\":400,");
}

TEST_CASE("batches, where the revision has them") {
  RunningDoor running;
  const std::uint16_t port = running.door.port();
  Client client(port);
  const std::string id = client.initialize("2025-03-26");
  SUBCASE("answers alone are an array") {
    const Answer answer =
        client.post(id, "[" + call_text(1, "echo", R"({"a":1})") + ",{\"x\":1}," +
                            notification("open") + "," + call_text(2, "echo") + "]");
    CHECK(answer.status == 200);
    CHECK(answer.header("Content-Type") == "application/json");
    CHECK(answer.body.starts_with("["));
    CHECK(answer.body.ends_with("]"));
    CHECK(answer.body.find("\"id\":1,") != std::string::npos);
    CHECK(answer.body.find("\"id\":2,") != std::string::npos);
    CHECK(answer.body.find("-32600") != std::string::npos);
  }
  SUBCASE("more than answers is a stream") {
    const Answer answer = client.post(id, "[" + call_text(1, "echo", R"({"notifications":1})") +
                                              "," + call_text(2, "echo") + "]");
    CHECK(answer.chunked);
    CHECK(events_in(answer.body).size() == 3);
  }
  SUBCASE("requests run side by side") {
    const Answer answer = client.post(id, "[" + call_text(1, "gate") + "," + call_text(2, "gate") +
                                              "," + notification("open") + "]");
    CHECK(events_in(answer.body).size() == 6);
  }
  SUBCASE("without requests there is nothing to answer") {
    CHECK(client.post(id, "[" + notification("open") + "]").status == 202);
  }
  SUBCASE("an id twice") {
    const Answer answer = client.post(id, "[" + call_text(1, "gate") + "," + call_text(1, "echo") +
                                              "," + notification("open") + "]");
    CHECK(answer.body.find("-32600") != std::string::npos);
  }
  SUBCASE("an empty batch") { CHECK(client.post(id, "[]").status == 400); }
}

}  // namespace
}  // namespace toolgate::door_test

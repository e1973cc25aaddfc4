// Sessions of the HTTP endpoint: their beginning, their end, and what belongs to whom.

#include "tests/connectors/http_door_support.hpp"

namespace toolgate::door_test {
namespace {

TEST_CASE("a failed initialize leaves no session") {
  RunningDoor running;
  Client client(running.door.port());
  const Answer answer = client.post("", call_text(1, "initialize", R"({"protocolVersion":"x"})"));
  CHECK(answer.status == 200);
  CHECK(answer.body.find("-32602") != std::string::npos);
  CHECK(answer.header("Mcp-Session-Id").empty());
  CHECK(running.on_loop([&] { return running.door.sessions(); }) == 0);
  CHECK(running.conversations.open_now == 0);
}

TEST_CASE("DELETE ends a session, its listening stream and its calls") {
  RunningDoor running;
  const std::uint16_t port = running.door.port();
  Client client(port);
  const std::string id = client.initialize();
  Client listening(port);
  listening.send(Client::request("GET", port, id, ""));
  CHECK(listening.read_head().status == 200);
  Client hanging(port);
  hanging.send(Client::request("POST", port, id, call_text(1, "gate")));
  CHECK(hanging.read_head().status == 200);
  hanging.read_stream_until("before");
  client.send(Client::request("DELETE", port, id, ""));
  CHECK(client.read().status == 200);
  CHECK(client.post(id, call_text(2, "echo")).status == 404);
  for (std::string chunk = "x"; !chunk.empty(); chunk = listening.read_chunk()) {
  }
  CHECK(hanging.read_chunk().empty());
  CHECK(running.eventually([&] { return running.conversations.open_now == 0; }));
}

TEST_CASE("a session is another agent's business") {
  RunningDoor running;
  const std::uint16_t port = running.door.port();
  Client client(port);
  const std::string id = client.initialize();
  for (const char* method : {"POST", "GET", "DELETE"}) {
    client.send(Client::request(method, port, id, call_text(1, "echo"), "", "token-b"));
    CHECK(client.read().status == 404);
  }
  CHECK(client.post(id, call_text(1, "echo")).status == 200);
}

TEST_CASE("an id that is in use, and one that is free again") {
  RunningDoor running;
  const std::uint16_t port = running.door.port();
  Client client(port);
  const std::string id = client.initialize();
  Client waiting(port);
  waiting.send(Client::request("POST", port, id, call_text(7, "gate")));
  waiting.read_head();
  waiting.read_stream_until("before");
  const Answer twice = client.post(id, call_text(7, "echo"));
  CHECK(twice.status == 400);
  CHECK(twice.body.find("-32600") != std::string::npos);
  CHECK(client.post(id, notification("open")).status == 202);
  CHECK(waiting.read_stream_until("passed").find("after") != std::string::npos);
  CHECK(client.post(id, call_text(7, "echo")).status == 200);
}

TEST_CASE("too many sessions, and too many requests in one") {
  HttpDoorSettings settings;
  settings.limits.door.sessions = 1;
  settings.limits.session.in_flight = 1;
  RunningDoor running(settings);
  const std::uint16_t port = running.door.port();
  Client client(port);
  const std::string id = client.initialize();
  Client waiting(port);
  waiting.send(Client::request("POST", port, id, call_text(7, "gate")));
  waiting.read_head();
  CHECK(client.post(id, call_text(8, "echo")).status == 503);
  const Answer full =
      client.post("", call_text(1, "initialize", R"({"protocolVersion":"2025-11-25"})"));
  CHECK(full.status == 503);
  CHECK(full.header("Retry-After") == "10");
}

TEST_CASE("where there is no room, the session that is idle for longest goes") {
  HttpDoorSettings settings;
  settings.limits.door.sessions = 2;
  RunningDoor running(settings);
  Client client(running.door.port());
  const std::string used = client.initialize();
  const std::string idle = client.initialize();
  CHECK(client.post(used, call_text(1, "echo")).status == 200);
  const std::string fresh = client.initialize();
  CHECK(client.post(idle, call_text(2, "echo")).status == 404);
  CHECK(client.post(used, call_text(3, "echo")).status == 200);
  CHECK(client.post(fresh, call_text(4, "echo")).status == 200);
}

TEST_CASE("an idle session ends, one that is listened to does not") {
  HttpDoorSettings settings;
  settings.limits.session.idle_ms = Milliseconds(60);
  RunningDoor running(settings);
  const std::uint16_t port = running.door.port();
  Client client(port);
  const std::string idle = client.initialize();
  const std::string used = client.initialize();
  Client listening(port);
  listening.send(Client::request("GET", port, used, ""));
  if (listening.read_head().status == 200) {
    CHECK(running.eventually([&] { return running.door.sessions() == 1; }));
    CHECK(client.post(used, call_text(1, "echo")).status == 200);
  }
  CHECK(client.post(idle, call_text(1, "echo")).status == 404);
}

TEST_CASE("a fault ends the session, not the door") {
  RunningDoor running;
  Client client(running.door.port());
  const std::string id = client.initialize();
  CHECK(client.post(id, call_text(1, "fault")).status == 500);
  CHECK(client.post(id, call_text(1, "echo")).status == 404);
  CHECK_FALSE(client.initialize().empty());
}

TEST_CASE("stopping lets calls finish, and ends what does not") {
  RunningDoor running;
  const std::uint16_t port = running.door.port();
  Client client(port);
  const std::string id = client.initialize();
  Client opens(port);
  CHECK(opens.post(id, call_text(1, "echo")).status == 200);
  client.send(Client::request("POST", port, id, call_text(2, "gate")));
  client.read_head();
  client.read_stream_until("before");
  SUBCASE("in time") {
    opens.send(Client::request("POST", port, id, notification("open")).substr(0, 40));
    CHECK(running.eventually([&] { return running.door.connections() == 2; }));
    auto stopping = running.begin_stop(std::chrono::seconds(20));
    opens.send(Client::request("POST", port, id, notification("open")).substr(40));
    CHECK(client.read_stream_until("passed").find("after") != std::string::npos);
    running.finish_stop(std::move(stopping));
  }
  SUBCASE("too late") {
    running.stop(std::chrono::milliseconds(1));
    CHECK(client.read_chunk().empty());
  }
}

TEST_CASE("200 sessions, 50 calls each, every answer looked at") {
  RunningDoor running;
  const std::uint16_t port = running.door.port();
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<std::string> ids;
  for (int i = 0; i < 200; ++i) {
    clients.push_back(std::make_unique<Client>(port));
    ids.push_back(clients.back()->initialize());
  }
  int wrong = 0;
  for (int call = 0; call < 50; ++call) {
    for (std::size_t i = 0; i < clients.size(); ++i) {
      const std::string params = "{\"notifications\":" + std::to_string(call % 5 == 0) +
                                 ",\"who\":" + std::to_string(i) + "}";
      clients[i]->send(Client::request("POST", port, ids[i], call_text(call, "echo", params)));
    }
    for (std::size_t i = 0; i < clients.size(); ++i) {
      const Answer answer = clients[i]->read();
      const bool right =
          answer.status == 200 &&
          answer.body.find("\"id\":" + std::to_string(call)) != std::string::npos &&
          answer.body.find("\"who\":" + std::to_string(i) + "}") != std::string::npos;
      if (!right) ++wrong;
    }
  }
  CHECK(wrong == 0);
}

}  // namespace
}  // namespace toolgate::door_test

#pragma once
// What the tests of the Streamable HTTP link share: the texts of messages and responses, and a link
// to a fake server.

#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "connectors/remote_server.hpp"
#include "tests/connectors/fake_server.hpp"

namespace toolgate::streamable_test {

using testing::After;
using testing::chunk;
using testing::FakeServer;
using testing::json_response;
using testing::RecordedEvents;
using testing::Reply;
using testing::Seen;
using testing::stream_response;

inline std::string call(BrokerId id) {
  return R"({"jsonrpc":"2.0","id":)" + std::to_string(id) + R"(,"method":"tools/call"})";
}
inline std::string answer(BrokerId id) {
  return R"({"jsonrpc":"2.0","id":)" + std::to_string(id) + R"(,"result":{}})";
}
inline const std::string progress = R"({"jsonrpc":"2.0","method":"notifications/progress"})";
inline const std::string initialized = R"({"jsonrpc":"2.0","method":"notifications/initialized"})";
inline const std::string accepted = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";

inline std::string status(int code, std::string_view body = "",
                          std::string_view type = "text/plain") {
  return "HTTP/1.1 " + std::to_string(code) + " X\r\nContent-Type: " + std::string(type) +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}
inline std::string event(std::string_view data, std::string_view id = "") {
  return (id.empty() ? "" : "id: " + std::string(id) + "\n") + "data: " + std::string(data) +
         "\n\n";
}
// A whole event stream in chunks, so that its connection can be kept.
inline std::string chunked(std::string_view events) {
  return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: "
         "chunked\r\n\r\n" +
         chunk(events) + chunk("");
}

inline bool is_get(const Seen& seen) { return seen.head.starts_with("GET "); }
inline bool is_delete(const Seen& seen) { return seen.head.starts_with("DELETE "); }
inline bool is_one_way(const Seen& seen) { return seen.body.find("\"id\":") == std::string::npos; }

// A link to a fake server, opened, and closed at the end.
struct Fixture {
  explicit Fixture(FakeServer::Answer what, RemoteServer remote = {})
      : server(io, std::move(what)) {
    remote.name = ServerName("docs");
    remote.url = server.url();
    link = make_streamable_http_link(io.get_executor(), std::move(remote));
    events.link = link.get();
    Status opened = testing::run(io, link->open(events));
    CHECK(opened);
  }
  ~Fixture() { testing::run(io, link->close()); }

  void ask(BrokerId id) { CHECK(link->send(call(id), id)); }
  void wait_for(const std::string& prefix, std::size_t times = 1) {
    testing::run_until(io, [&] { return events.count(prefix) >= times; });
  }
  // What was said about request 1, waiting for it.
  std::string outcome() {
    ask(1);
    testing::run_until(io, [&] { return !events.log.empty(); });
    testing::run_until(io,
                       [&] { return events.count("lost") == 1 || events.count("received") == 1; });
    return events.log.back();
  }
  // The handshake: gives the server the time to take the notice.
  void shake_hands(Revision revision) {
    ask(1);
    wait_for("received[1]");
    link->negotiated(revision);
    CHECK(link->send(initialized, std::nullopt));
    testing::run_until(io, [&] { return server.count("GET ") > 0; });
  }

  asio::io_context io;
  FakeServer server;
  RecordedEvents events;
  std::unique_ptr<ServerLink> link;
};

}  // namespace toolgate::streamable_test

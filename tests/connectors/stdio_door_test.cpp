#include "connectors/stdio_door.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "tests/connectors/agent_support.hpp"
#include "tests/connectors/process_support.hpp"

namespace toolgate {
namespace {

using namespace process_test;

std::string read_to_end(int number) {
  std::string text;
  char part[65536];
  for (ssize_t count = 1; count > 0;) {
    count = ::read(number, part, sizeof part);
    if (count > 0) text.append(part, static_cast<std::size_t>(count));
  }
  return text;
}

void write_text(int number, std::string_view text) {
  REQUIRE(::write(number, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

// An agent: its ends of two pipes, and the door that serves it.
struct Agent {
  Agent() : to(make_pipe()), from(make_pipe()), conversations(loop.get_executor()) {}

  void write(std::string_view text) { write_text(to.writing.number(), text); }
  void serve() {
    asio::co_spawn(loop,
                   serve_stdio(conversations, AgentName("tester"), to.reading.number(),
                               from.writing.number(), limits),
                   asio::bind_cancellation_slot(cancel.slot(),
                                                [this](std::exception_ptr thrown, Status status) {
                                                  fault = thrown;
                                                  refusal = status ? "" : status.refusal().detail;
                                                  ended = true;
                                                }));
  }
  // Lets the loop work until the door has ended.
  void finish() {
    loop.restart();
    while (!ended && loop.run_one() > 0) continue;
    REQUIRE(ended);
    CHECK_FALSE(fault);
    CHECK(conversations.seen.closed == 1);
  }
  // Lets the loop work as long as it has something to do at once.
  void work() {
    loop.restart();
    while (loop.poll() > 0) continue;
  }
  std::string output() {
    from.writing.close();
    return read_to_end(from.reading.number());
  }

  asio::io_context loop{1};
  asio::cancellation_signal cancel;
  Pipe to;
  Pipe from;
  Limits limits;
  ScriptedConversations conversations;
  std::exception_ptr fault;
  std::string refusal;
  bool ended = false;
};

// What the agent reads when it writes all that at once and closes its end.
std::string answers_to(const std::string& text, const Limits& limits = Limits()) {
  Agent agent;
  agent.limits = limits;
  agent.write(text);
  agent.to.writing.close();
  agent.serve();
  agent.finish();
  return agent.output();
}

TEST_CASE("requests are answered in lines") {
  CHECK(answers_to(request(1, "echo", R"({"a":1.50})") + request(2, "other")) ==
        answer(1, R"({"a":1.50})") + answer(2, R"({"method":"other"})"));
}

TEST_CASE("the last line needs no newline, and empty lines mean nothing") {
  std::string text = "\n\r\n" + request(1, "echo");
  text.pop_back();
  CHECK(answers_to(text) == answer(1, "{}"));
}

TEST_CASE("messages are handed over in the order in which they came") {
  Agent agent;
  std::vector<std::string> expected;
  for (int i = 0; i < 200; ++i) {
    std::string method = (i % 2 == 0 ? "a" : "notifications/b") + std::to_string(i);
    agent.write(i % 2 == 0 ? request(i, method) : notification_text(method, "{}") + "\n");
    expected.push_back(method);
  }
  agent.write(R"({"jsonrpc":"2.0","id":9,"result":{}})"
              "\n");
  expected.emplace_back("response");
  agent.to.writing.close();
  agent.serve();
  agent.finish();
  CHECK(agent.conversations.seen.methods == expected);
  CHECK(agent.conversations.seen.agents == std::vector<std::string>{"tester"});
  CHECK(agent.conversations.seen.transports == std::vector<std::string>{"stdio"});
}

TEST_CASE("what is no message is refused, and the next one is served") {
  std::string out = answers_to("garbage\n" + request(1, "echo"));
  CHECK(out.find(R"("code":-32700)") != std::string::npos);
  CHECK(out.ends_with(answer(1, "{}")));
}

TEST_CASE("a message that is too long is refused, and the next one is served") {
  Limits limits;
  limits.json.bytes = 1000;
  std::string out = answers_to(
      request(1, "echo", R"({"a":")" + std::string(2000, 'x') + "\"}") + request(2, "echo"),
      limits);
  CHECK(out.find(R"("id":null)") != std::string::npos);
  CHECK(out.find(R"("code":-32600)") != std::string::npos);
  CHECK(out.ends_with(answer(2, "{}")));
}

std::string initialize(const char* revision) {
  return request(0, "initialize", std::string(R"({"protocolVersion":")") + revision + "\"}");
}
const std::string initialized = answer(0, R"({"method":"initialize"})");

TEST_CASE("a batch is answered in one array where the revision has batches") {
  std::string batch = "[" + request_text("1", "echo", R"({"n":1})") + "," +
                      notification_text("note", "{}") + "," + request_text("2", "other", "{}") +
                      ",17]\n";
  std::string out = answers_to(initialize("2025-03-26") + batch);
  REQUIRE(out.starts_with(initialized + "["));
  CHECK(out.ends_with("]\n"));
  CHECK(out.find(R"({"jsonrpc":"2.0","id":1,"result":{"n":1}})") != std::string::npos);
  CHECK(out.find(R"({"jsonrpc":"2.0","id":2,"result":{"method":"other"}})") != std::string::npos);
  CHECK(out.find(R"("code":-32600)") != std::string::npos);
  CHECK(std::count(out.begin(), out.end(), '\n') == 2);
}

TEST_CASE("a batch of notifications is not answered") {
  std::string batch =
      "[" + notification_text("a", "{}") + "," + notification_text("b", "{}") + "]\n";
  CHECK(answers_to(initialize("2025-03-26") + batch) == initialized);
}

TEST_CASE("a batch is one refusal where the revision has none") {
  for (const char* revision : {"2024-11-05", "2025-06-18", "2025-11-25"}) {
    std::string out =
        answers_to(initialize(revision) + "[" + request_text("1", "echo", "{}") + "]\n");
    CHECK(out.find(R"("code":-32600)") != std::string::npos);
    CHECK(out.find('[') == std::string::npos);
  }
}

TEST_CASE("past the limit of requests in flight the next one waits, and all behind it") {
  Agent agent;
  agent.limits.session.in_flight = 2;
  agent.write(request(1, "hold") + request(2, "hold") + notification_text("still", "{}") + "\n" +
              request(3, "echo") + notification_text("behind", "{}") + "\n");
  agent.serve();
  agent.work();
  CHECK(agent.conversations.seen.methods == std::vector<std::string>{"hold", "hold", "still"});
  agent.cancel.emit(asio::cancellation_type::terminal);
  agent.finish();
  CHECK(agent.conversations.seen.methods.size() == 3);
}

TEST_CASE("requests that waited for their turn are served when it comes") {
  Agent agent;
  agent.limits.session.in_flight = 2;
  agent.write(request(1, "hold") + notification_text("release", "{}") + "\n");
  for (int i = 2; i < 50; ++i) agent.write(request(i, "echo"));
  agent.to.writing.close();
  agent.serve();
  agent.finish();
  CHECK(agent.conversations.seen.methods.size() == 50);
  CHECK(agent.conversations.seen.most_at_once <= 2);
}

TEST_CASE("cancelling ends the session at once, input open or not") {
  Agent agent;
  agent.write(request(1, "hold"));
  agent.serve();
  agent.work();
  agent.cancel.emit(asio::cancellation_type::terminal);
  agent.finish();
}

TEST_CASE("calls in flight finish after the end of the input") {
  Agent agent;
  agent.write(request(1, "hold") + request(2, "echo") + notification_text("release", "{}") + "\n");
  agent.to.writing.close();
  agent.serve();
  agent.finish();
  CHECK(agent.output() == answer(2, "{}") + answer(1, R"({"method":"hold"})"));
}

TEST_CASE("calls that do not finish are cancelled after drain_ms") {
  Agent agent;
  agent.limits.drain_ms = Milliseconds(1);
  agent.write(request(1, "hold"));
  agent.to.writing.close();
  agent.serve();
  agent.finish();
}

TEST_CASE("an agent that does not read its answers ends its session") {
  Agent agent;
  agent.limits.session.queued_bytes = 300'000;
  agent.limits.drain_ms = Milliseconds(1);
  for (int i = 0; i < 10; ++i) agent.write(request(i, "big", R"({"bytes":100000})"));
  agent.serve();
  agent.finish();  // although its input is still open
}

TEST_CASE("an agent that is gone ends its session") {
  Agent agent;
  agent.from.reading.close();
  agent.write(request(1, "echo"));
  agent.serve();
  agent.finish();
}

TEST_CASE("a fault in a conversation ends its session alone") {
  Agent agent;
  agent.write(request(1, "echo") + request(2, "fault"));
  agent.serve();
  agent.finish();
  CHECK(agent.output() == answer(1, "{}"));
}

TEST_CASE("big answers arrive whole and in order through a full pipe") {
  Agent agent;
  std::string expected;
  for (int i = 0; i < 20; ++i) {
    agent.write(request(i, "big", R"({"bytes":100000})"));
    expected += answer(i, R"({"text":")" + std::string(100'000, 'x') + R"("})");
  }
  agent.to.writing.close();
  agent.serve();
  set_blocking(agent.from.reading.number(), false);
  std::string got;
  agent.loop.restart();
  while (!agent.ended) {
    agent.loop.run_one();
    got += read_to_end(agent.from.reading.number());  // what is there now
  }
  agent.from.writing.close();
  got += read_to_end(agent.from.reading.number());
  CHECK(got == expected);
}

TEST_CASE("a regular file can be stdin, and another stdout") {
  char in_path[] = "/tmp/toolgate-in-XXXXXX";
  char out_path[] = "/tmp/toolgate-out-XXXXXX";
  Descriptor in(::mkstemp(in_path));
  Descriptor out(::mkstemp(out_path));
  std::string requests, expected;
  for (int i = 0; i < 1000; ++i) {
    requests += request(i, "echo", R"({"filler":"................................"})");
    expected += answer(i, R"({"filler":"................................"})");
  }
  write_text(in.number(), requests);
  ::lseek(in.number(), 0, SEEK_SET);
  Agent agent;
  agent.to.reading = std::move(in);
  agent.from.writing = std::move(out);
  agent.serve();
  agent.finish();
  Descriptor written(::open(out_path, O_RDONLY | O_CLOEXEC));
  CHECK(read_to_end(written.number()) == expected);
  ::unlink(in_path);
  ::unlink(out_path);
}

TEST_CASE("/dev/null is an agent that says nothing") {
  Agent agent;
  agent.to.reading = Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  agent.serve();
  agent.finish();
}

TEST_CASE("a closed descriptor is refused") {
  Agent agent;
  int number = agent.to.reading.release();
  ::close(number);
  agent.to.reading = Descriptor(number);
  agent.serve();
  agent.loop.run();
  CHECK(agent.refusal.find("is closed") != std::string::npos);
  agent.to.reading.release();
}

TEST_CASE("descriptors are given back as they were: open and blocking") {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  Descriptor far(ends[1]);
  Agent agent;
  asio::posix::stream_descriptor first(agent.loop);  // the loop opens its own descriptors now
  const int before = open_descriptors();
  agent.to.reading = Descriptor(ends[0]);
  write_text(far.number(), request(1, "echo"));
  ::shutdown(far.number(), SHUT_WR);
  agent.serve();
  agent.finish();
  CHECK((::fcntl(ends[0], F_GETFL) & O_NONBLOCK) == 0);
  CHECK((::fcntl(agent.from.writing.number(), F_GETFL) & O_NONBLOCK) == 0);
  CHECK(open_descriptors() == before - 1);  // the pipe's end that the socket replaced
  CHECK(agent.output() == answer(1, "{}"));
}

}  // namespace
}  // namespace toolgate

#include "connectors/stdio_link.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/connectors/process_support.hpp"

namespace toolgate {
namespace {

using namespace process_test;

TEST_CASE("a call goes there and back") {
  Fixture fixture;
  REQUIRE_FALSE(fixture.refused);
  CHECK(fixture.call(1, "echo", R"({"text":"hello"})") == answer_text(1, "hello"));
  CHECK(fixture.link->process_id());
}

TEST_CASE("a message with newlines between its tokens is still one line") {
  Fixture fixture;
  std::string pretty = "{\n\"jsonrpc\":\"2.0\",\r\n\"id\":5,\"method\":\"ping\"\n}";
  CHECK(fixture.link->send(pretty, std::nullopt));
  CHECK(fixture.next() == R"({"jsonrpc":"2.0","id":5,"result":{}})");
}

TEST_CASE("a server that cannot be started is refused by name") {
  StdioServer server = misbehaving();
  server.argv = {"/no/such/program"};
  Fixture fixture(std::move(server));
  REQUIRE(fixture.refused);
  CHECK(fixture.refused->reason == Reason::unavailable);
  CHECK(fixture.refused->detail.starts_with(
      "server 'moody' was not started: '/no/such/program' cannot be executed"));
  CHECK_FALSE(fixture.link->send("{}", std::nullopt));
}

TEST_CASE("the end of a server is told, with its status and without its words") {
  struct Row {
    const char* tool;
    const char* end;
  };
  const Row rows[] = {
      {"crash_mid_call", "server 'moody' exited with status 3"},
      {"abort_mid_call", "server 'moody' was ended by signal 9 (SIGKILL)"},
      {"close_stdout", "server 'moody' closed its output (stdout)"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.tool);
    Fixture fixture;
    CHECK(fixture.call(1, "write_stderr", R"({"text":"unspeakable"})") ==
          answer_text(1, "written"));
    CHECK(fixture.call(2, row.tool).empty());
    std::string why = fixture.closing();
    CHECK(why.starts_with(row.end));
    CHECK(why.find("unspeakable") == std::string::npos);
    CHECK(fixture.link->stderr_tail() == "unspeakable\n");
    CHECK_FALSE(fixture.link->send(call_text(3, "echo"), std::nullopt));
  }
}

TEST_CASE("a server that exits at its start is told") {
  Fixture fixture(misbehaving({"--exit-at-start", "7"}));
  CHECK(fixture.closing().starts_with("server 'moody' exited with status 7"));
  CHECK_FALSE(fixture.link->process_id());
}

TEST_CASE("a server that reads no more is told at the next message") {
  Fixture fixture;
  CHECK(fixture.call(1, "close_stdin") == answer_text(1, "closed"));
  CHECK_FALSE(fixture.link->send(call_text(2, "echo"), std::nullopt));
  CHECK(fixture.closing().starts_with("server 'moody' closed its input (stdin)"));
}

TEST_CASE("every line is delivered, sensible or not") {
  Fixture fixture;
  CHECK(fixture.call(1, "answer_twice") == answer_text(1, "once"));
  CHECK(fixture.next() == answer_text(1, "twice"));
  CHECK(fixture.call(2, "answer_unknown_id") == answer_text(987654321, "to nobody"));
  CHECK(fixture.next() == answer_text(2, "to you"));
  CHECK(fixture.call(3, "bad_json_then_answer") ==
        R"({"jsonrpc":"2.0","id":3,"result":{"content":[)");
  CHECK(fixture.next() == answer_text(3, "good"));
  CHECK(fixture.call(4, "duplicate_keys_answer").find("harmful") != std::string::npos);
  CHECK(fixture.call(5, "tags").find("hello\U000E0069") != std::string::npos);
  CHECK(fixture.call(6, "ansi").find("\\u001b[31m") != std::string::npos);
}

TEST_CASE("calls overtake one that hangs or is late") {
  Fixture fixture;
  CHECK(fixture.link->send(call_text(1, "hang"), 1));
  CHECK(fixture.link->send(call_text(2, "answer_late", R"({"ms":50})"), 2));
  CHECK(fixture.call(3, "echo", R"({"text":"quick"})") == answer_text(3, "quick"));
  CHECK(fixture.next() == answer_text(2, "late"));
}

TEST_CASE("a result up to the limit arrives whole; a longer one is dropped and the link lives on") {
  StdioServer server = misbehaving();
  server.limits.result_bytes = 1'000'000;
  Fixture fixture(std::move(server));
  const std::size_t frame = answer_text(1, "").size();
  std::string bytes = std::to_string(1'000'000 - frame);
  CHECK(fixture.call(1, "huge_result", R"({"bytes":)" + bytes + "}").size() == 1'000'000);
  CHECK(fixture.link->send(call_text(2, "huge_result", R"({"bytes":1000000})"), 2));
  CHECK(fixture.call(3, "echo", R"({"text":"still here"})") == answer_text(3, "still here"));
}

TEST_CASE("a flood on stdout takes bounded memory and lets others run") {
  Fixture quiet;
  Fixture fixture;
  rusage before{};
  ::getrusage(RUSAGE_SELF, &before);
  CHECK(fixture.link->send(call_text(1, "flood_line", R"({"megabytes":100})"), 1));
  CHECK(quiet.call(1, "echo", R"({"text":"undisturbed"})") == answer_text(1, "undisturbed"));
  CHECK(fixture.next() == answer_text(1, "flooded"));
  rusage after{};
  ::getrusage(RUSAGE_SELF, &after);
  CHECK(after.ru_maxrss - before.ru_maxrss < 48 << 10);  // kilobytes; the limit of a line is 8 MB
}

TEST_CASE("garbage in lines is passed on, line by line, until the answer") {
  Fixture fixture;
  std::string line = fixture.call(1, "flood_garbage", R"({"megabytes":2})");
  std::size_t garbage = 0;
  for (; line.find('"') == std::string::npos; line = fixture.next()) {
    ++garbage;
    REQUIRE_FALSE(line.empty());
  }
  CHECK(garbage > 20'000);
  CHECK(line == answer_text(1, "flooded"));
}

TEST_CASE("of stderr the last bytes are kept") {
  StdioServer server = misbehaving();
  server.limits.stderr_bytes = 1000;
  Fixture fixture(std::move(server));
  CHECK(fixture.call(1, "flood_stderr", R"({"megabytes":3})") == answer_text(1, "flooded"));
  CHECK(fixture.call(2, "write_stderr", R"({"text":"last words"})") == answer_text(2, "written"));
  fixture.call(3, "crash_mid_call");
  fixture.closing();
  CHECK(fixture.link->stderr_tail().size() == 1000);
  CHECK(fixture.link->stderr_tail().ends_with("last words\n"));
}

TEST_CASE("a server that does not read makes send() refuse, at the limit") {
  StdioServer server = misbehaving();
  server.limits.queued_bytes = 1'000'000;
  Fixture fixture(std::move(server));
  CHECK(fixture.link->send(call_text(1, "freeze"), 1));
  const std::string message =
      call_text(2, "echo", R"({"text":")" + std::string(10'000, 'x') + "\"}");
  std::size_t taken = 0;
  std::string refusal;
  while (refusal.empty() && taken < 10'000'000) {
    Status sent = fixture.link->send(message, 2);
    if (!sent) refusal = sent.refusal().detail;
    if (!sent) CHECK(sent.refusal().reason == Reason::overloaded);
    taken += message.size();
  }
  CHECK(refusal.starts_with("server 'moody' does not read its input"));
  CHECK(taken < 1'200'000);  // the queue and what the pipe holds
}

TEST_CASE("messages keep their order and bytes through a full pipe") {
  Fixture fixture;
  const std::string filler(20'000, 'x');
  for (int id = 1; id <= 50; ++id) {
    CHECK(fixture.link->send(
        call_text(id, "echo", R"({"text":")" + filler + std::to_string(id) + "\"}"), std::nullopt));
  }
  for (int id = 1; id <= 50; ++id) {
    CHECK(fixture.next() == answer_text(id, filler + std::to_string(id)));
  }
}

TEST_CASE("a server knows only what it was given") {
  StdioServer server = misbehaving();
  server.env = {{"GIVEN", "yes"}};
  server.cwd = "/usr";
  Fixture fixture(std::move(server));
  CHECK(fixture.call(1, "environment", R"({"name":"GIVEN"})") == answer_text(1, "yes"));
  CHECK(fixture.call(2, "environment", R"({"name":"PATH"})") == answer_text(2, "(not set)"));
  CHECK(fixture.call(3, "directory") == answer_text(3, "/usr"));
  CHECK(fixture.call(4, "descriptors") == answer_text(4, "0 1 2"));
}

TEST_CASE("closing ends the server, however it misbehaves, and what it forked") {
  for (const char* tool : {"echo", "hang", "freeze", "ignore_eof", "close_stdin", "close_stdout"}) {
    CAPTURE(tool);
    std::vector<Watched> processes;
    {
      Fixture fixture;
      processes.emplace_back(*fixture.link->process_id());
      std::string ids = text_in(fixture.call(1, "fork_grandchildren", R"({"count":3})"));
      for (int id : numbers_in(ids)) processes.emplace_back(id);
      REQUIRE(processes.size() == 4);
      for (const Watched& process : processes) CHECK(process.exists());
      CHECK(fixture.link->send(call_text(2, tool), 2));
    }
    for (const Watched& process : processes) CHECK(process.has_ended());
    CHECK(children_of(::getpid()).empty());
  }
}

TEST_CASE("a crash takes the grandchildren with it before it is told") {
  Fixture fixture;
  std::vector<Watched> processes;
  std::string ids = text_in(fixture.call(1, "fork_grandchildren", R"({"count":2})"));
  for (int id : numbers_in(ids)) processes.emplace_back(id);
  REQUIRE(processes.size() == 2);
  fixture.call(2, "crash_mid_call");
  CHECK(fixture.closing().starts_with("server 'moody' exited with status 3"));
  for (const Watched& process : processes) CHECK(process.has_ended());
}

TEST_CASE("closing is idempotent, also before and after a failed start") {
  asio::io_context loop(1);
  auto never_opened = make_stdio_link(loop.get_executor(), misbehaving());
  run(loop, never_opened->close());
  run(loop, never_opened->close());
  Fixture fixture;
  run(fixture.loop, fixture.link->close());
  run(fixture.loop, fixture.link->close());
  CHECK_FALSE(fixture.events.end);
}

TEST_CASE("no descriptor is left behind by a link") {
  {
    Fixture warm_up;
  }
  const int before = open_descriptors();
  for (int i = 0; i < 5; ++i) {
    Fixture fixture;
    CHECK(fixture.call(1, "echo", R"({"text":"x"})") == answer_text(1, "x"));
  }
  CHECK(open_descriptors() == before);
}

// What the gateway does, in a process that will be killed: writes the ids of all that it started to
// `out`.
[[noreturn]] void be_a_gateway(int out) {
  Fixture fixture;
  std::string ids = text_in(fixture.call(1, "fork_grandchildren", R"({"count":3})"));
  int server = fixture.link->process_id().value_or(0);
  ids += " " + std::to_string(server) + " " + std::to_string(parent_of(server)) + "\n";
  fixture.call(2, "ignore_eof");
  [[maybe_unused]] ssize_t written = ::write(out, ids.data(), ids.size());
  for (;;) ::pause();
}

TEST_CASE("a gateway that is killed with SIGKILL leaves no process") {
  Pipe told = make_pipe();
  const int gateway = ::fork();
  REQUIRE(gateway >= 0);
  if (gateway == 0) be_a_gateway(told.writing.number());
  told.writing.close();

  std::string ids;
  for (char byte = 0; ::read(told.reading.number(), &byte, 1) == 1 && byte != '\n';) ids += byte;
  std::vector<Watched> processes;
  for (int id : numbers_in(ids)) processes.emplace_back(id);
  REQUIRE(processes.size() == 5);  // three grandchildren, the server, its keeper
  for (const Watched& process : processes) CHECK(process.exists());

  ::kill(gateway, SIGKILL);
  CHECK(::waitpid(gateway, nullptr, 0) == gateway);
  for (const Watched& process : processes) CHECK(process.ends());
}

}  // namespace
}  // namespace toolgate

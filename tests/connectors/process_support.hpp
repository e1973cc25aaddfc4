#pragma once
// What the tests of local processes, lines and unix sockets share. Real processes, real pipes;
// every wait has a deadline and nothing sleeps.

#include <dirent.h>
#include <doctest/doctest.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <exception>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "connectors/descriptor.hpp"
#include "connectors/stdio_link.hpp"
#include "gateway/core/server_link.hpp"
#include "gateway/core/task.hpp"

namespace toolgate::process_test {

constexpr Milliseconds patience{20'000};

// Runs a loop until this task ends, and hands back what it returned or threw. What else runs on the
// loop goes on with the next call.
template <class T>
T run(asio::io_context& loop, Task<T> task) {
  std::optional<T> result;
  std::exception_ptr fault;
  asio::co_spawn(loop, std::move(task), [&](std::exception_ptr thrown, T value) {
    fault = thrown;
    result.emplace(std::move(value));
  });
  loop.restart();
  while (!result && loop.run_one() > 0) continue;
  if (fault) std::rethrow_exception(fault);
  REQUIRE(result);
  return std::move(*result);
}

inline void run(asio::io_context& loop, Task<> task) {
  std::exception_ptr fault;
  bool ended = false;
  asio::co_spawn(loop, std::move(task), [&](std::exception_ptr thrown) {
    fault = thrown;
    ended = true;
  });
  loop.restart();
  while (!ended && loop.run_one() > 0) continue;
  if (fault) std::rethrow_exception(fault);
  REQUIRE(ended);
}

inline int open_descriptors() {
  int count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    ++count;
  }
  return count;
}

// The parent of a process; 0 when it is gone.
inline int parent_of(int process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string text;
  std::getline(file, text);
  std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream rest(text.substr(name_end + 4));
  int parent = 0;
  rest >> parent;
  return parent;
}

inline std::vector<int> children_of(int parent) {
  std::vector<int> children;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    int process = std::atoi(entry.path().filename().c_str());
    if (process > 0 && parent_of(process) == parent) children.push_back(process);
  }
  return children;
}

inline std::vector<int> numbers_in(const std::string& text) {
  std::istringstream stream(text);
  std::vector<int> numbers;
  for (int number = 0; stream >> number;) numbers.push_back(number);
  return numbers;
}

// Holds on to a process, whoever its parent is.
class Watched {
 public:
  explicit Watched(int process)
      : process_(static_cast<int>(::syscall(SYS_pidfd_open, process, 0))) {}
  bool exists() const { return static_cast<bool>(process_); }
  bool ends() const {
    pollfd watched{process_.number(), POLLIN, 0};
    return !process_ || ::poll(&watched, 1, static_cast<int>(patience.count())) == 1;
  }
  bool has_ended() const {
    pollfd watched{process_.number(), POLLIN, 0};
    return !process_ || ::poll(&watched, 1, 0) == 1;
  }

 private:
  Descriptor process_;
};

// Remembers what a link says.
class Recorder : public ServerEvents {
 public:
  explicit Recorder(asio::io_context& loop) : changed_(loop) {}

  void received(Untrusted<std::string> message, std::optional<BrokerId>) override {
    messages.push_back(std::move(message).open_unchecked());
    changed_.cancel();
  }
  void lost(BrokerId, Refusal) override { FAIL("stdio loses no single request"); }
  void closed(Refusal why) override {
    CHECK_FALSE(end);
    end = std::move(why);
    changed_.cancel();
  }

  // The next message; empty when none comes.
  Task<std::string> next() {
    if (messages.empty() && !end) co_await change();
    if (messages.empty()) co_return std::string();
    std::string message = std::move(messages.front());
    messages.pop_front();
    co_return message;
  }
  // Why the link closed; empty when it does not.
  Task<std::string> closing() {
    const auto deadline = asio::steady_timer::clock_type::now() + patience;
    while (!end && asio::steady_timer::clock_type::now() < deadline) co_await change();
    co_return end ? end->detail : std::string();
  }

  std::deque<std::string> messages;
  std::optional<Refusal> end;

 private:
  Task<> change() {
    changed_.expires_after(patience);
    co_await changed_.async_wait(as_result);
  }
  asio::steady_timer changed_;
};

inline std::string program_beside(const std::string& name) {
  auto path = std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
  REQUIRE_MESSAGE(std::filesystem::exists(path), "build the target ", name);
  return path.native();
}

inline StdioServer misbehaving(std::vector<std::string> options = {}) {
  StdioServer server;
  server.name = ServerName("moody");
  server.argv = {program_beside("misbehaving_server")};
  for (std::string& option : options) server.argv.push_back(std::move(option));
  server.limits.stop_ms = Milliseconds(200);
  return server;
}

inline std::string call_text(int id, const std::string& tool, const std::string& arguments = "{}") {
  return R"({"jsonrpc":"2.0","id":)" + std::to_string(id) +
         R"(,"method":"tools/call","params":{"name":")" + tool + R"(","arguments":)" + arguments +
         "}}";
}

inline std::string answer_text(int id, const std::string& text) {
  return R"({"jsonrpc":"2.0","id":)" + std::to_string(id) +
         R"(,"result":{"content":[{"type":"text","text":")" + text + R"("}]}})";
}

// The text of an answer that answer_text() would make.
inline std::string text_in(const std::string& answer) {
  std::size_t begin = answer.rfind(R"("text":")");
  std::size_t end = answer.rfind(R"("}]}})");
  if (begin == std::string::npos || end == std::string::npos) return "";
  return answer.substr(begin + 8, end - begin - 8);
}

// One link to a misbehaving server, on a loop of its own.
struct Fixture {
  explicit Fixture(StdioServer server = misbehaving())
      : events(loop), link(make_stdio_link(loop.get_executor(), std::move(server))) {
    Status opened = run(loop, link->open(events));
    if (!opened) refused = opened.refusal();
  }
  ~Fixture() { run(loop, link->close()); }

  Task<std::string> ask(int id, std::string tool, std::string arguments) {
    auto sent = link->send(call_text(id, tool, arguments), std::nullopt);
    if (!sent) co_return "refused: " + sent.refusal().detail;
    co_return co_await events.next();
  }
  std::string call(int id, const std::string& tool, const std::string& arguments = "{}") {
    return run(loop, ask(id, tool, arguments));
  }
  std::string next() { return run(loop, events.next()); }
  std::string closing() { return run(loop, events.closing()); }

  asio::io_context loop{1};
  Recorder events;
  std::unique_ptr<ServerLink> link;
  std::optional<Refusal> refused;
};

}  // namespace toolgate::process_test

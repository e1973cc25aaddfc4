// An MCP server over stdio (legacy handshake) with one tool per way to misbehave. See --help.

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace json = boost::json;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::string_view help =
    "misbehaving_server [--slow-start MS] [--exit-at-start STATUS] [--ignore-eof]\n"
    "\n"
    "An MCP server on stdin and stdout. Each tool misbehaves in its own way:\n"
    "  echo {text}               answers with the text; the healthy one\n"
    "  crash_mid_call            exits with status 3 instead of an answer\n"
    "  abort_mid_call            ends itself with SIGKILL\n"
    "  hang                      never answers; other calls are served\n"
    "  freeze                    never answers and never reads again\n"
    "  flood_garbage {megabytes} writes that much that is no JSON, in lines, then answers\n"
    "  flood_line {megabytes}    writes one line of that length, then answers\n"
    "  flood_stderr {megabytes}  writes that much to stderr, then answers\n"
    "  write_stderr {text}       writes the text to stderr, then answers\n"
    "  close_stdin               answers, then reads no more but lives on\n"
    "  close_stdout              closes its stdout and lives on\n"
    "  fork_grandchildren {count} starts processes that leave its session and ignore SIGTERM; the\n"
    "                            answer's text is their ids, separated by spaces\n"
    "  answer_twice              the same answer, twice\n"
    "  answer_unknown_id         an answer to a request that nobody made, then the real one\n"
    "  answer_late {ms}          answers after so long; other calls are served\n"
    "  bad_json_then_answer      a line that is cut short, then the answer\n"
    "  duplicate_keys_answer     an answer with the member \"content\" twice\n"
    "  huge_result {bytes}       a text of that many bytes\n"
    "  ignore_eof                answers; from then on the end of stdin and SIGTERM do nothing\n"
    "  ansi                      a text with terminal escape sequences\n"
    "  tags                      a text with invisible Unicode tag characters (U+E0000..U+E007F)\n"
    "  environment {name}        the value of an environment variable, or \"(not set)\"\n"
    "  descriptors               the numbers of its open file descriptors, separated by spaces\n"
    "  directory                 its working directory\n"
    "\n"
    "--slow-start MS             waits before it answers initialize\n"
    "--exit-at-start STATUS      exits at once\n"
    "--ignore-eof                as the tool of that name, from the start\n";

struct Late {
  Clock::time_point due;
  std::string text;
};

long slow_start_ms = 0;
bool ignores_eof = false;
bool reads = true;
std::vector<Late> late_answers;

void write_all(int number, std::string_view text) {
  while (!text.empty()) {
    ssize_t count = ::write(number, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

void send_line(std::string text) { write_all(STDOUT_FILENO, text.append("\n")); }

std::string result_line(const std::string& id, const json::value& result) {
  return R"({"jsonrpc":"2.0","id":)" + id + R"(,"result":)" + json::serialize(result) + "}";
}

json::value text_result(std::string_view text) {
  return json::object{{"content", json::array{json::object{{"type", "text"}, {"text", text}}}}};
}

void sleep_ms(long ms) { ::poll(nullptr, 0, static_cast<int>(ms)); }

void become_stubborn() {
  ignores_eof = true;
  std::signal(SIGTERM, SIG_IGN);
}

// A process whose parent is gone, in a session of its own, that ignores SIGTERM. Returns its id.
int fork_grandchild() {
  int ends[2];
  if (::pipe(ends) != 0) return -1;
  int child = ::fork();
  if (child == 0) {
    ::setsid();
    int grandchild = ::fork();
    if (grandchild != 0) ::_exit(0);
    ::setsid();
    std::signal(SIGTERM, SIG_IGN);
    int self = ::getpid();
    [[maybe_unused]] ssize_t count = ::write(ends[1], &self, sizeof self);
    ::close(ends[0]);
    ::close(ends[1]);
    for (;;) ::pause();
  }
  int grandchild = -1;
  [[maybe_unused]] ssize_t count = ::read(ends[0], &grandchild, sizeof grandchild);
  ::close(ends[0]);
  ::close(ends[1]);
  return grandchild;
}

struct Call {
  std::string id;
  json::object arguments;

  long number(std::string_view name, long otherwise) const {
    const json::value* value = arguments.if_contains(name);
    return value != nullptr && value->is_int64() ? static_cast<long>(value->as_int64()) : otherwise;
  }
  std::string text(std::string_view name) const {
    const json::value* value = arguments.if_contains(name);
    if (value == nullptr || !value->is_string()) return "";
    return std::string(std::string_view(value->as_string()));
  }
  void answer(std::string_view text) const { send_line(result_line(id, text_result(text))); }
};

void flood(int number, long megabytes, bool lines) {
  std::string part(std::size_t{1} << 20, 'x');
  for (std::size_t at = 99; lines && at < part.size(); at += 100) part[at] = '\n';
  for (long i = 0; i < megabytes; ++i) write_all(number, part);
  write_all(number, "\n");
}

std::string open_descriptors() {
  std::string list;
  for (int number = 0; number < 1024; ++number) {
    if (::fcntl(number, F_GETFD) >= 0) list += (list.empty() ? "" : " ") + std::to_string(number);
  }
  return list;
}

using Tool = std::function<void(const Call&)>;

std::map<std::string, Tool, std::less<>> floods() {
  return {
      {"flood_garbage",
       [](const Call& call) {
         flood(STDOUT_FILENO, call.number("megabytes", 100), true);
         call.answer("flooded");
       }},
      {"flood_line",
       [](const Call& call) {
         flood(STDOUT_FILENO, call.number("megabytes", 100), false);
         call.answer("flooded");
       }},
      {"flood_stderr",
       [](const Call& call) {
         flood(STDERR_FILENO, call.number("megabytes", 10), true);
         call.answer("flooded");
       }},
      {"write_stderr",
       [](const Call& call) {
         write_all(STDERR_FILENO, call.text("text") + "\n");
         call.answer("written");
       }},
      {"huge_result",
       [](const Call& call) {
         call.answer(std::string(static_cast<std::size_t>(call.number("bytes", 1 << 20)), 'x'));
       }},
  };
}

std::map<std::string, Tool, std::less<>> lives() {
  return {
      {"crash_mid_call", [](const Call&) { std::_Exit(3); }},
      {"abort_mid_call", [](const Call&) { ::raise(SIGKILL); }},
      {"hang", [](const Call&) {}},
      {"freeze",
       [](const Call&) {
         for (;;) ::pause();
       }},
      {"close_stdin",
       [](const Call& call) {
         ::close(STDIN_FILENO);
         reads = false;
         call.answer("closed");
       }},
      {"close_stdout",
       [](const Call&) {
         ::close(STDOUT_FILENO);
         reads = false;
       }},
      {"fork_grandchildren",
       [](const Call& call) {
         std::string ids;
         for (long i = call.number("count", 2); i > 0; --i) {
           ids += (ids.empty() ? "" : " ") + std::to_string(fork_grandchild());
         }
         call.answer(ids);
       }},
      {"ignore_eof",
       [](const Call& call) {
         become_stubborn();
         call.answer("ignoring");
       }},
  };
}

std::map<std::string, Tool, std::less<>> answers() {
  return {
      {"echo", [](const Call& call) { call.answer(call.text("text")); }},
      {"answer_twice",
       [](const Call& call) {
         call.answer("once");
         call.answer("twice");
       }},
      {"answer_unknown_id",
       [](const Call& call) {
         send_line(result_line("987654321", text_result("to nobody")));
         call.answer("to you");
       }},
      {"answer_late",
       [](const Call& call) {
         auto due = Clock::now() + std::chrono::milliseconds(call.number("ms", 1000));
         late_answers.push_back(Late{due, result_line(call.id, text_result("late"))});
       }},
      {"bad_json_then_answer",
       [](const Call& call) {
         send_line(R"({"jsonrpc":"2.0","id":)" + call.id + R"(,"result":{"content":[)");
         call.answer("good");
       }},
      {"duplicate_keys_answer",
       [](const Call& call) {
         send_line(R"({"jsonrpc":"2.0","id":)" + call.id +
                   R"(,"result":{"content":[{"type":"text","text":"harmless"}],)"
                   R"("content":[{"type":"text","text":"harmful"}]}})");
       }},
      {"ansi",
       [](const Call& call) {
         call.answer(
             "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b[2J\xc2\x9b"
             "31m");
       }},
      {"tags",
       [](const Call& call) { call.answer("hello\U000E0069\U000E0067\U000E006E\U000E006F"); }},
      {"environment",
       [](const Call& call) {
         const char* value = std::getenv(call.text("name").c_str());
         call.answer(value == nullptr ? "(not set)" : value);
       }},
      {"descriptors", [](const Call& call) { call.answer(open_descriptors()); }},
      {"directory",
       [](const Call& call) {
         char path[4096];
         call.answer(::getcwd(path, sizeof path) == nullptr ? "" : path);
       }},
  };
}

const std::map<std::string, Tool, std::less<>>& tools() {
  static const auto all = [] {
    auto list = answers();
    list.merge(lives());
    list.merge(floods());
    return list;
  }();
  return all;
}

json::value tool_list() {
  json::array list;
  for (const auto& [name, tool] : tools()) {
    json::object schema{{"type", "object"}};
    list.push_back(json::object{
        {"name", name}, {"description", "misbehaves: " + name}, {"inputSchema", schema}});
  }
  return json::object{{"tools", std::move(list)}};
}

json::value initialize_result(const json::object& params) {
  if (slow_start_ms > 0) sleep_ms(slow_start_ms);
  return json::object{
      {"protocolVersion", params.at("protocolVersion")},
      {"capabilities", json::object{{"tools", json::object{}}}},
      {"serverInfo", json::object{{"name", "misbehaving"}, {"version", "1"}}},
  };
}

void call_tool(std::string id, const json::object& params) {
  Call call{std::move(id), {}};
  if (const json::value* given = params.if_contains("arguments"))
    call.arguments = given->as_object();
  auto tool = tools().find(std::string_view(params.at("name").as_string()));
  if (tool != tools().end()) return tool->second(call);
  send_line(R"({"jsonrpc":"2.0","id":)" + call.id +
            R"(,"error":{"code":-32602,"message":"unknown tool"}})");
}

void handle(std::string_view line) {
  const json::object message = json::parse(line).as_object();
  const json::value* id_value = message.if_contains("id");
  const json::value* method = message.if_contains("method");
  if (id_value == nullptr || method == nullptr) return;
  const json::value* given = message.if_contains("params");
  const json::object params = given == nullptr ? json::object() : given->as_object();
  std::string id = json::serialize(*id_value);
  std::string_view name = method->as_string();
  if (name == "initialize") return send_line(result_line(id, initialize_result(params)));
  if (name == "ping") return send_line(result_line(id, json::object()));
  if (name == "tools/list") return send_line(result_line(id, tool_list()));
  if (name == "tools/call") return call_tool(std::move(id), params);
  send_line(R"({"jsonrpc":"2.0","id":)" + id +
            R"(,"error":{"code":-32601,"message":"no such method"}})");
}

int wait_ms() {
  if (late_answers.empty()) return -1;
  Clock::time_point first = late_answers.front().due;
  for (const Late& late : late_answers) first = std::min(first, late.due);
  auto left = std::chrono::ceil<std::chrono::milliseconds>(first - Clock::now()).count();
  return left < 0 ? 0 : static_cast<int>(left);
}

void send_late_answers() {
  const auto now = Clock::now();
  for (std::size_t i = 0; i < late_answers.size();) {
    if (late_answers[i].due > now) {
      ++i;
      continue;
    }
    send_line(late_answers[i].text);
    late_answers.erase(late_answers.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

int serve() {
  std::string pending;
  std::vector<char> buffer(64 << 10);
  for (;;) {
    pollfd input{reads ? STDIN_FILENO : -1, POLLIN, 0};
    ::poll(&input, 1, wait_ms());
    send_late_answers();
    if (!reads || input.revents == 0) continue;
    ssize_t count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      if (!ignores_eof) return 0;
      reads = false;
      continue;
    }
    pending.append(buffer.data(), static_cast<std::size_t>(count));
    std::size_t newline = 0;
    while ((newline = pending.find('\n')) != std::string::npos) {
      std::string line = pending.substr(0, newline);
      pending.erase(0, newline + 1);
      if (!line.empty()) handle(line);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    std::string_view option = argv[i];
    if (option == "--help") {
      write_all(STDOUT_FILENO, help);
      return 0;
    }
    if (option == "--ignore-eof") {
      become_stubborn();
    } else if (option == "--slow-start" && i + 1 < argc) {
      slow_start_ms = std::atol(argv[++i]);
    } else if (option == "--exit-at-start" && i + 1 < argc) {
      return std::atoi(argv[++i]);
    } else {
      write_all(STDERR_FILENO, help);
      return 2;
    }
  }
  return serve();
}

#include "connectors/unix_door.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cstring>

#include "connectors/unix_hello.hpp"
#include "tests/connectors/agent_support.hpp"
#include "tests/connectors/process_support.hpp"

namespace toolgate {
namespace {

using namespace process_test;

class Refusals : public Doorkeeper {
 public:
  Result<AgentName> agent_for(std::string_view) override {
    return Refusal(Reason::unauthenticated, "no token is known");
  }
  bool accepts_local_user() override { return true; }
  void refused(std::string_view transport, const Refusal& why) override {
    CHECK(transport == "unix");
    list.push_back(why.detail);
  }
  std::vector<std::string> list;
};

// A directory that is removed at the end.
struct Folder {
  Folder() {
    char name[] = "/tmp/toolgate-door-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

struct House {
  House() : conversations(loop.get_executor()) {}
  ~House() {
    run(loop, door.stop(Milliseconds(0)));
    while (accepting) loop.run_one();
  }
  void open() {
    Status listening = door.listen();
    REQUIRE(listening);
    accepting = true;
    asio::co_spawn(loop, door.run(), [this](std::exception_ptr) { accepting = false; });
  }

  Folder folder;
  asio::io_context loop{1};
  ScriptedConversations conversations;
  Refusals doorkeeper;
  Limits limits;
  UnixDoor door{loop.get_executor(), conversations, doorkeeper, folder.path / "house" / "socket",
                limits};
  bool accepting = false;
};

// A blocking client that says `text` and reads to the end.
std::string raw_exchange(House& house, const std::string& text) {
  sockaddr_un address = *unix_address(house.door.path());
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::connect(socket.number(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::send(socket.number(), text.data(), text.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(text.size()));
  ::shutdown(socket.number(), SHUT_WR);
  std::string answer;
  house.loop.restart();
  for (;;) {
    char part[4096];
    ssize_t count = ::recv(socket.number(), part, sizeof part, MSG_DONTWAIT);
    if (count == 0) return answer;
    if (count > 0) answer.append(part, static_cast<std::size_t>(count));
    if (count < 0 && errno != EAGAIN) return answer;
    if (count < 0) house.loop.run_one();
  }
}

// What `toolgate connect` gets for what an agent writes before it closes its stdin.
std::string connect_and_say(House& house, const AgentName& agent, const std::string& text) {
  Pipe to = make_pipe();
  Pipe from = make_pipe();
  REQUIRE(::write(to.writing.number(), text.data(), text.size()) ==
          static_cast<ssize_t>(text.size()));
  to.writing.close();
  Status status = run(
      house.loop,
      connect_stdio_to_unix(house.door.path(), agent, to.reading.number(), from.writing.number()));
  if (!status) return "refused: " + status.refusal().detail;
  from.writing.close();
  std::string answer;
  char part[65536];
  for (ssize_t count = 1; count > 0;) {
    count = ::read(from.reading.number(), part, sizeof part);
    if (count > 0) answer.append(part, static_cast<std::size_t>(count));
  }
  return answer;
}

TEST_CASE("an agent that connects is served like one on stdio, under its name") {
  House house;
  house.open();
  CHECK(connect_and_say(house, AgentName("helper"), request(1, "echo", R"({"a":1})")) ==
        answer(1, R"({"a":1})"));
  CHECK(connect_and_say(house, AgentName(), request(2, "echo")) == answer(2, "{}"));
  CHECK(house.conversations.seen.agents == std::vector<std::string>{"helper", "local"});
  CHECK(house.conversations.seen.transports == std::vector<std::string>{"unix", "unix"});
  CHECK(house.doorkeeper.list.empty());
}

TEST_CASE("a connection that is served leaves no descriptor") {
  House house;
  house.open();
  connect_and_say(house, AgentName(), request(1, "echo"));
  const int before = open_descriptors();
  for (int i = 0; i < 10; ++i) {
    CHECK(connect_and_say(house, AgentName(), request(1, "echo")) == answer(1, "{}"));
  }
  house.loop.restart();
  while (house.loop.poll() > 0) continue;
  CHECK(open_descriptors() <= before);
}

TEST_CASE("greetings are judged strictly") {
  struct Row {
    const char* name;
    std::string line;
    const char* outcome;
  };
  const Row rows[] = {
      {"complete", R"({"toolgate":"connect","version":1,"agent":"a"})", "connected"},
      {"without an agent", R"({"toolgate":"connect","version":1})", "connected"},
      {"no JSON", "GET / HTTP/1.1\r", "is no greeting"},
      {"no object", "[]", "is no greeting"},
      {"an MCP message", R"({"jsonrpc":"2.0","id":1,"method":"ping"})", "unknown member"},
      {"another word", R"({"toolgate":"hello","version":1})", "is no greeting"},
      {"another version", R"({"toolgate":"connect","version":2})", "another version"},
      {"no version", R"({"toolgate":"connect"})", "another version"},
      {"an agent twice", R"({"toolgate":"connect","version":1,"agent":"a","agent":"b"})",
       "is no greeting"},
      {"a number for an agent", R"({"toolgate":"connect","version":1,"agent":1})", "no string"},
      {"an agent that is no name", R"({"toolgate":"connect","version":1,"agent":"../x"})", "name"},
      {"an unknown member", R"({"toolgate":"connect","version":1,"admin":true})", "unknown member"},
      {"much too long", R"({"toolgate":")" + std::string(20'000, 'x') + "\"}", "refused"},
      {"nothing", "", "no greeting came"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    House house;
    house.open();
    std::string line = raw_exchange(house, row.line + "\n");
    CHECK(line.find(row.outcome) != std::string::npos);
    const bool welcome = std::string(row.outcome) == "connected";
    CHECK(house.doorkeeper.list.size() == (welcome ? 0 : 1));
    CHECK(house.conversations.seen.agents.size() == (welcome ? 1 : 0));
  }
}

TEST_CASE("a greeting that does not come is not waited for") {
  House house;
  house.limits.door.header_ms = Milliseconds(1);
  house.open();
  sockaddr_un address = *unix_address(house.door.path());
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::connect(socket.number(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  house.loop.restart();
  while (house.doorkeeper.list.empty()) house.loop.run_one();
  CHECK(house.doorkeeper.list.front() == "the greeting took longer than 1 ms");
}

TEST_CASE("what follows the greeting in one packet is not lost") {
  House house;
  house.open();
  std::string got = raw_exchange(house, hello_text(AgentName("a")) + "\n" + request(1, "echo"));
  CHECK(got == welcome_text() + "\n" + answer(1, "{}"));
}

TEST_CASE("what a refused agent is told") {
  House house;
  house.open();
  CHECK(connect_and_say(house, AgentName("../x"), "").starts_with("refused: the agent's name"));
}

TEST_CASE("connecting where nobody listens says what to do") {
  House house;
  std::string why = connect_and_say(house, AgentName(), "");
  CHECK(why.find("start `toolgate serve`") != std::string::npos);
}

TEST_CASE("the socket and its directory are closed to others") {
  House house;
  house.open();
  struct stat about{};
  REQUIRE(::stat(house.door.path().c_str(), &about) == 0);
  CHECK((about.st_mode & 07777) == 0600);
  REQUIRE(::stat(house.door.path().parent_path().c_str(), &about) == 0);
  CHECK((about.st_mode & 07777) == 0700);
}

TEST_CASE("a directory that others can look into is refused") {
  House house;
  std::filesystem::create_directory(house.door.path().parent_path());
  REQUIRE(::chmod(house.door.path().parent_path().c_str(), 0755) == 0);
  Status listening = house.door.listen();
  REQUIRE_FALSE(listening);
  CHECK(listening.refusal().detail.find("chmod 700") != std::string::npos);
}

TEST_CASE("a socket at which somebody listens is left alone, a stale one is replaced") {
  House house;
  house.open();
  {
    UnixDoor second(house.loop.get_executor(), house.conversations, house.doorkeeper,
                    house.door.path(), house.limits);
    Status listening = second.listen();
    REQUIRE_FALSE(listening);
    CHECK(listening.refusal().detail.starts_with("somebody listens at"));
  }
  CHECK(connect_and_say(house, AgentName(), request(1, "echo")) == answer(1, "{}"));

  auto stale = house.folder.path / "house" / "stale";
  sockaddr_un address = *unix_address(stale);
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::bind(socket.number(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  socket.close();
  UnixDoor third(house.loop.get_executor(), house.conversations, house.doorkeeper, stale,
                 house.limits);
  CHECK(third.listen());
  run(house.loop, third.stop(Milliseconds(0)));
  CHECK_FALSE(std::filesystem::exists(stale));
}

TEST_CASE("a file that is no socket is not touched") {
  House house;
  std::filesystem::create_directory(house.door.path().parent_path());
  REQUIRE(::chmod(house.door.path().parent_path().c_str(), 0700) == 0);
  std::ofstream(house.door.path()) << "precious";
  Status listening = house.door.listen();
  REQUIRE_FALSE(listening);
  CHECK(std::filesystem::file_size(house.door.path()) == 8);
}

TEST_CASE("a path that does not fit into a socket's address is refused") {
  House house;
  UnixDoor door(house.loop.get_executor(), house.conversations, house.doorkeeper,
                house.folder.path / std::string(100, 'x'), house.limits);
  Status listening = door.listen();
  REQUIRE_FALSE(listening);
  CHECK(listening.refusal().detail.find("107 bytes") != std::string::npos);
}

TEST_CASE("stopping ends connections and removes the socket") {
  House house;
  house.open();
  sockaddr_un address = *unix_address(house.door.path());
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::connect(socket.number(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  std::string text = hello_text(AgentName()) + "\n" + request(1, "hold");
  REQUIRE(::write(socket.number(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  house.loop.restart();
  while (house.conversations.seen.methods.empty()) house.loop.run_one();
  run(house.loop, house.door.stop(Milliseconds(0)));
  CHECK(house.conversations.seen.closed == 1);
  CHECK_FALSE(std::filesystem::exists(house.door.path()));
}

TEST_CASE("another user is refused, whatever the file modes say" *
          doctest::skip(::geteuid() != 0)) {
  House house;
  house.open();
  REQUIRE(::chmod(house.folder.path.c_str(), 0755) == 0);
  REQUIRE(::chmod(house.door.path().parent_path().c_str(), 0755) == 0);
  REQUIRE(::chmod(house.door.path().c_str(), 0666) == 0);
  const int stranger = ::fork();
  REQUIRE(stranger >= 0);
  if (stranger == 0) {
    sockaddr_un address = *unix_address(house.door.path());
    Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::setuid(65534) != 0) ::_exit(2);
    if (::connect(socket.number(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      ::_exit(3);
    }
    char part[512];
    ssize_t count = ::read(socket.number(), part, sizeof part);
    bool refused =
        count > 0 && std::string_view(part, static_cast<std::size_t>(count)).find("refused") !=
                         std::string_view::npos;
    ::_exit(refused ? 0 : 4);
  }
  house.loop.restart();
  while (house.doorkeeper.list.empty()) house.loop.run_one();
  CHECK(house.doorkeeper.list.front().starts_with("the socket belongs to another user"));
  int status = -1;
  CHECK(::waitpid(stranger, &status, 0) == stranger);
  CHECK(status == 0);
}

}  // namespace
}  // namespace toolgate

#include "connectors/janitor.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "connectors/unix_hello.hpp"
#include "tests/connectors/process_support.hpp"

namespace toolgate {
namespace {

using namespace process_test;
namespace fs = std::filesystem;

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/toolgate-janitor-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    path_ = name;
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  std::string file(const std::string& name) const { return path_ / name; }

 private:
  fs::path path_;
};

void write_file(const std::string& path) { std::ofstream(path) << "{}\n"; }

Descriptor listening(const std::string& path) {
  auto address = unix_address(path);
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  bool listens =
      address && socket &&
      ::bind(socket.number(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) == 0 &&
      ::listen(socket.number(), 8) == 0;
  if (!listens) socket.close();
  return socket;
}

TEST_CASE("a janitor that is dismissed removes what it was told, and nothing that lives") {
  Folder folder;
  const std::string status = folder.file("1.json");
  const std::string stale = folder.file("stale.sock");
  const std::string live = folder.file("live.sock");
  const std::string directory = folder.file("folder");
  write_file(status);
  fs::create_directory(directory);
  REQUIRE(listening(stale));
  Descriptor open = listening(live);
  REQUIRE(open);
  {
    auto janitor =
        Janitor::start("/proc/self/exe", {status, stale, live, directory, folder.file("absent")});
    REQUIRE(janitor);
    CHECK(fs::exists(status));
  }
  CHECK_FALSE(fs::exists(status));
  CHECK_FALSE(fs::exists(stale));
  CHECK(fs::exists(live));
  CHECK_FALSE(fs::exists(directory));
  CHECK(children_of(::getpid()).empty());
}

// In a process of its own: holds a socket and a file, says so, and waits to be killed.
[[noreturn]] void be_a_gateway(const std::string& status, const std::string& socket, int ready) {
  write_file(status);
  Descriptor open = listening(socket);
  auto janitor = Janitor::start("/proc/self/exe", {status, socket});
  if (!open || !janitor || ::write(ready, "r", 1) != 1) ::_exit(1);
  for (;;) ::pause();
}

TEST_CASE("what a killed gateway leaves is removed") {
  Folder folder;
  const std::string status = folder.file("1.json");
  const std::string socket = folder.file("serve.sock");
  Pipe ready = make_pipe();
  const int gateway = ::fork();
  if (gateway == 0) be_a_gateway(status, socket, ready.writing.number());
  ready.writing.close();
  char byte = 0;
  REQUIRE(::read(ready.reading.number(), &byte, 1) == 1);
  auto keepers = children_of(gateway);
  REQUIRE(keepers.size() == 1);
  Watched janitor(keepers.front());
  ::kill(keepers.front(), SIGTERM);  // signals do not impress it
  CHECK(fs::exists(socket));
  ::kill(gateway, SIGKILL);
  ::waitpid(gateway, nullptr, 0);
  CHECK(janitor.ends());
  CHECK_FALSE(fs::exists(status));
  CHECK_FALSE(fs::exists(socket));
}

TEST_CASE("a janitor needs something to remove") {
  CHECK_FALSE(Janitor::start("/proc/self/exe", {}));
  CHECK_FALSE(Janitor::start("/proc/self/exe", {std::string("a\0b", 3)}));
}

}  // namespace
}  // namespace toolgate

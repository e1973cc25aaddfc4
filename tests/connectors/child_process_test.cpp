#include "connectors/child_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>

#include "tests/connectors/process_support.hpp"

namespace toolgate {
namespace {

using namespace process_test;

KeeperOrders orders(std::vector<std::string> argv) {
  KeeperOrders orders;
  orders.argv = std::move(argv);
  return orders;
}

struct Outcome {
  std::string refusal;
  std::string end;
  std::string output;
};

// Starts a program, reads its stdout to the end, waits for it.
Task<Outcome> outcome_of(asio::any_io_executor executor, KeeperOrders what) {
  ChildProcess process(executor, "/proc/self/exe", "test");
  Outcome outcome;
  auto started = co_await process.start(std::move(what));
  if (!started) outcome.refusal = started.refusal().detail;
  if (started) {
    bool ended = co_await process.ended_within(patience);
    if (ended) outcome.end = process.end()->text();
    char part[4096];
    for (ssize_t count = 1; count > 0;) {
      count = ::read(process.output().number(), part, sizeof part);
      if (count > 0) outcome.output.append(part, static_cast<std::size_t>(count));
    }
  }
  co_await process.finish();
  co_return outcome;
}

Outcome outcome(KeeperOrders what) {
  asio::io_context loop(1);
  return run(loop, outcome_of(loop.get_executor(), std::move(what)));
}

TEST_CASE("the keeper is known by its name") {
  char keeper[] = "toolgate-keeper";
  char other[] = "toolgate";
  char* as_keeper[] = {keeper, nullptr};
  char* as_other[] = {other, keeper, nullptr};
  CHECK(is_keeper(1, as_keeper));
  CHECK_FALSE(is_keeper(2, as_other));
  CHECK_FALSE(is_keeper(0, as_keeper));
}

TEST_CASE("how a process ended is told") {
  CHECK(outcome(orders({"/bin/true"})).end == "exited with status 0");
  CHECK(outcome(orders({"/bin/sh", "-c", "exit 3"})).end == "exited with status 3");
  CHECK(outcome(orders({"/bin/sh", "-c", "kill -9 $$"})).end == "was ended by signal 9 (SIGKILL)");
}

TEST_CASE("what shall not be left is removed at the end, whatever that was") {
  char name[] = "/tmp/toolgate-leftovers-XXXXXX";
  REQUIRE(::mkdtemp(name) != nullptr);
  const std::filesystem::path folder = name;
  std::filesystem::create_directories(folder / "a" / "b");
  std::ofstream(folder / "a" / "file") << "text";
  KeeperOrders what = orders({"/bin/sh", "-c", "exit 3"});
  what.leftovers = {folder.string(), "/tmp/toolgate-never-there"};
  CHECK(outcome(what).end == "exited with status 3");
  CHECK_FALSE(std::filesystem::exists(folder));
}

TEST_CASE("what cannot be executed is named, with the remedy") {
  CHECK(outcome(orders({"no-such-program"})).refusal ==
        "'no-such-program' cannot be executed (No such file or directory): check \"command\" and "
        "the PATH in its environment");
  CHECK(outcome(orders({"/etc/passwd"}))
            .refusal.starts_with("'/etc/passwd' cannot be executed (Permission denied)"));
  KeeperOrders nowhere = orders({"/bin/true"});
  nowhere.cwd = "/no/such/directory";
  CHECK(outcome(nowhere).refusal ==
        "its working directory '/no/such/directory' cannot be entered (No such file or directory): "
        "check \"cwd\"");
  CHECK(outcome(orders({})).refusal == "there is no command: set \"command\"");
  CHECK(outcome(orders({"/bin/true", std::string("a\0b", 3)}))
            .refusal.starts_with("an argument holds a NUL"));
  KeeperOrders twisted = orders({"/bin/true"});
  twisted.env = {{"A=B", "c"}};
  CHECK(outcome(twisted).refusal.starts_with("an environment variable"));
}

TEST_CASE("no shell runs what the kernel does not") {
  char path[] = "/tmp/toolgate-script-XXXXXX";
  Descriptor file(::mkstemp(path));
  REQUIRE(::write(file.number(), "echo a shell ran this\n", 22) == 22);
  REQUIRE(::fchmod(file.number(), 0700) == 0);
  file.close();
  Outcome result = outcome(orders({path}));
  ::unlink(path);
  CHECK(result.output.empty());
  CHECK(result.refusal.find("Exec format error") != std::string::npos);
}

TEST_CASE("the environment is what was given and nothing else") {
  ::setenv("TOOLGATE_TEST_SECRET", "hunter2", 1);
  KeeperOrders what = orders({"env"});
  what.env = {
      {"PATH", "relative:/no/such/folder::/usr/bin:/bin"}, {"EMPTY", ""}, {"LINES", "a\nb"}};
  CHECK(outcome(what).output ==
        "EMPTY=\nLINES=a\nb\nPATH=relative:/no/such/folder::/usr/bin:/bin\n");
  ::unsetenv("TOOLGATE_TEST_SECRET");
}

TEST_CASE("directory, umask, session and signals are as they should be") {
  KeeperOrders what = orders({"/bin/sh", "-c",
                              "pwd; umask; cut -d' ' -f1,5,6 /proc/$$/stat; echo $$; "
                              "exec grep -E '^Sig(Blk|Ign)' /proc/self/status"});
  what.cwd = "/usr";
  std::istringstream lines(outcome(what).output);
  std::string directory, umask, self;
  int process = 0, group = 0, session = 0;
  lines >> directory >> umask >> process >> group >> session >> self;
  CHECK(directory == "/usr");
  CHECK(umask == "0022");
  CHECK(std::to_string(process) == self);
  CHECK(group == process);
  CHECK(session == process);
  std::string blocked, ignored;
  lines >> blocked >> blocked >> ignored >> ignored;
  CHECK(blocked == "0000000000000000");
  // 32 and 33 are the C library's own.
  CHECK((std::stoull(ignored, nullptr, 16) & ~0x180000000ULL) == 0);
}

TEST_CASE("a program inherits three descriptors, whatever the gateway has open") {
  int leaky = ::open("/dev/null", O_RDONLY);  // not close-on-exec
  CHECK(outcome(orders({"/bin/sh", "-c", "exec ls /proc/self/fd"})).output == "0\n1\n2\n3\n");
  ::close(leaky);
}

TEST_CASE("neither descriptors nor zombies are left") {
  asio::io_context loop(1);  // its own descriptors are there before and after
  run(loop, outcome_of(loop.get_executor(), orders({"/bin/true"})));
  const int before = open_descriptors();
  for (int i = 0; i < 20; ++i) {
    run(loop, outcome_of(loop.get_executor(), orders({"/bin/true"})));
    run(loop, outcome_of(loop.get_executor(), orders({"no-such-program"})));
  }
  CHECK(open_descriptors() == before);
  CHECK(children_of(::getpid()).empty());
}

TEST_CASE("what a program leaves behind is dead when its end is told") {
  // A child in a session of its own that ignores SIGTERM and outlives its parent.
  Outcome result = outcome(orders(
      {"/bin/sh", "-c", "trap '' TERM; setsid sleep 1000 >/dev/null 2>&1 & echo $!; exit 0"}));
  CHECK(result.end == "exited with status 0");
  auto left = numbers_in(result.output);
  REQUIRE(left.size() == 1);
  CHECK(::kill(left.front(), 0) == -1);
}

Task<> start_and_forget(asio::any_io_executor executor, int& server) {
  ChildProcess process(executor, "/proc/self/exe", "test");
  auto started = co_await process.start(orders({"/bin/sleep", "1000"}));
  CHECK(started);
  server = process.process_id();
  co_await process.finish();
}

TEST_CASE("finish() ends what still runs") {
  asio::io_context loop(1);
  int server = -1;
  run(loop, start_and_forget(loop.get_executor(), server));
  REQUIRE(server > 0);
  CHECK(::kill(server, 0) == -1);
  CHECK(children_of(::getpid()).empty());
}

Task<std::string> killed_keeper(asio::any_io_executor executor) {
  ChildProcess process(executor, "/proc/self/exe", "test");
  auto started = co_await process.start(orders({"/bin/sleep", "1000"}));
  CHECK(started);
  Watched server(process.process_id());
  ::kill(parent_of(process.process_id()), SIGKILL);
  co_await process.ended_within(patience);
  std::string end = process.end() ? process.end()->text() : "nothing was told";
  CHECK(server.ends());
  co_await process.finish();
  co_return end;
}

TEST_CASE("a keeper that is killed takes its server with it, and that is told") {
  asio::io_context loop(1);
  CHECK(run(loop, killed_keeper(loop.get_executor())) == "lost its keeper process");
  CHECK(children_of(::getpid()).empty());
}

}  // namespace
}  // namespace toolgate

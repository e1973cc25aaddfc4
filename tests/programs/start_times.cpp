// How long a server takes from the order to start it until it writes its first byte: by itself
// (fork and exec), beneath a keeper, and in sandboxes of the tier `process`. In turns, so that a
// busy machine is busy for all of them; medians and least values in ms. It is sent an `initialize`,
// so that one that waits to be asked has something to answer.
//
//   start_times ROUNDS FOLDER [PEER WORD...] -- SERVER WORD...
//   start_times ROUNDS FOLDER --frozen PACKAGE -- ARGUMENT...
//
// The second takes a package that `toolgate freeze` made, and compares the server by itself, run
// from the package's folder, with its start from a verified copy.
//
// FOLDER is a scope for those that may write. With PEER the server's command is also given to that
// program, beneath a keeper that ends all of it. The server must write something and then wait.

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/child_process.hpp"
#include "connectors/custody_desk.hpp"
#include "connectors/frozen/view.hpp"
#include "connectors/keeper.hpp"
#include "connectors/sandbox/orders.hpp"
#include "gateway/core/task_group.hpp"
#include "gateway/core/within.hpp"

namespace {

using namespace toolgate;
using Clock = std::chrono::steady_clock;
using Words = std::vector<std::string>;

constexpr const char* path_variable = "PATH=/usr/local/bin:/usr/bin:/bin";
constexpr Milliseconds first_byte_ms{30'000};

constexpr std::string_view hello =
    R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18",)"
    R"("capabilities":{},"clientInfo":{"name":"start","version":"1"}}})"
    "\n";

// Into a pipe, which holds all of it.
void say_hello(const Descriptor& input) {
  if (::write(input.number(), hello.data(), hello.size()) < 0) throw std::runtime_error("no pipe");
}

double since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

// By itself, to its first byte.
double start_bare(const Words& command) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  const Descriptor reading(ends[0]);
  Descriptor writing(ends[1]);
  const Pipe input = make_pipe();
  say_hello(input.writing);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, writing.number(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, input.reading.number(), STDIN_FILENO);
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  char* environment[] = {const_cast<char*>(path_variable), nullptr};
  const auto begin = Clock::now();
  pid_t child = -1;
  const int error = ::posix_spawn(&child, argv[0], &actions, nullptr, argv.data(), environment);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error(command.front() + " cannot be executed");
  writing.close();
  char byte = 0;
  const bool wrote = ::read(reading.number(), &byte, 1) == 1;
  const double ms = since(begin);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  if (!wrote) throw std::runtime_error(command.front() + " wrote nothing");
  return ms;
}

class NobodyKeeps : public Custodian {
 public:
  void keep(const ServerName&, const FileNote&, Descriptor,
            std::function<void(int)> done) override {
    done(ENOSPC);
  }
  void hold(const ServerName&, const FileNote& note,
            std::function<void(std::string)> done) override {
    done(note.id);
  }
  void unclaimed(const ServerName&, const std::string&, std::shared_ptr<OpenNotes>) override {}
};

Task<Status> first_byte(asio::posix::stream_descriptor& output) {
  char byte = 0;
  auto [error, count] = co_await output.async_read_some(asio::buffer(&byte, 1), as_result);
  if (error || count == 0) co_return Refusal(Reason::unavailable, "the server wrote nothing");
  co_return done();
}

Task<> start_kept(KeeperOrders orders, double& ms, std::string& failure) {
  auto executor = co_await asio::this_coro::executor;
  NobodyKeeps custodian;
  CustodyDesk desk(executor, ServerName("start"), custodian);
  TaskGroup group(executor, "custody");
  SandboxSockets sockets;
  if (orders.sandbox && orders.sandbox->stages()) {
    sockets.custody = std::move(*desk.open());
    group.spawn(desk.run());
  }
  ChildProcess process(executor, "/proc/self/exe", "start");
  const auto begin = Clock::now();
  Status status = co_await process.start(std::move(orders), std::move(sockets));
  if (status) {
    say_hello(process.input());
    asio::posix::stream_descriptor output(executor, process.output().release());
    status = co_await within(first_byte_ms, first_byte(output), "the first byte");
    ms = since(begin);
  }
  if (!status) failure = status.refusal().detail;
  co_await process.finish();
  desk.stop();
  co_await group.drain(Milliseconds(1000));
}

double start_with(const KeeperOrders& orders) {
  asio::io_context loop(1);
  TaskGroup group(loop.get_executor(), "start");
  double ms = 0;
  std::string failure;
  group.spawn(start_kept(orders, ms, failure));
  loop.run();
  if (!failure.empty()) throw std::runtime_error(failure);
  return ms;
}

KeeperOrders kept(const Words& command) {
  KeeperOrders orders;
  orders.argv = command;
  orders.env = {{"PATH", "/usr/local/bin:/usr/bin:/bin"}};
  return orders;
}

KeeperOrders sandboxed(const Words& command, std::vector<FileScope> files = {}) {
  KeeperOrders orders = kept(command);
  orders.env["HOME"] = sandbox_home;
  orders.cwd = sandbox_home;
  orders.sandbox.emplace();
  orders.sandbox->files = std::move(files);
  return orders;
}

KeeperOrders frozen(KeeperOrders orders, FrozenSource source) {
  if (!orders.sandbox) source.at = *place_without_sandbox() + "/tree";
  for (std::string& word : orders.argv) {
    const std::string tree = source.package + "/tree/";
    if (word.starts_with(tree)) word = source.at + "/" + word.substr(tree.size());
  }
  if (orders.sandbox) orders.sandbox->programs = {source.at, orders.argv.front()};
  orders.frozen = std::move(source);
  return orders;
}

struct Package {
  FrozenSource source;
  Words command;
};

Package read_package(const std::string& folder, const Words& arguments) {
  std::ifstream file(folder + '/' + manifest_name_in_package, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const auto start = read_manifest_start(text);
  if (!start) throw std::runtime_error(start.refusal().detail);
  Package package{{folder, manifest_digest(text), folder + "/tree", view_bytes(*start)}, {}};
  if (start->head.interpreter) package.command.push_back(start->head.interpreter->path);
  package.command.insert(package.command.end(), start->head.options.begin(),
                         start->head.options.end());
  package.command.push_back(folder + "/tree/" + start->head.entry);
  package.command.insert(package.command.end(), arguments.begin(), arguments.end());
  std::printf("%zu entries, %.1f MB\n", start->entries, static_cast<double>(start->bytes) / 1e6);
  return package;
}

struct Kind {
  std::string name;
  std::function<double()> start;
  std::vector<double> ms;
};

std::vector<Kind> kinds(const Words& peer, const Words& server, const std::string& folder) {
  std::vector<Kind> list;
  list.push_back({"bare", [=] { return start_bare(server); }, {}});
  auto add = [&list](std::string name, KeeperOrders orders) {
    list.push_back({std::move(name), [orders] { return start_with(orders); }, {}});
  };
  add("none", kept(server));
  add("process", sandboxed(server));
  add("process, rw", sandboxed(server, {{folder, FileMode::rw, false}}));
  add("process, rw-no-delete", sandboxed(server, {{folder, FileMode::rw_no_delete, false, true}}));
  if (!peer.empty()) {
    Words command = peer;
    command.insert(command.end(), server.begin(), server.end());
    add("peer", kept(command));
  }
  return list;
}

std::vector<Kind> frozen_kinds(const Package& package) {
  std::vector<Kind> list;
  const Words& server = package.command;
  list.push_back({"bare", [=] { return start_bare(server); }, {}});
  auto add = [&list](std::string name, KeeperOrders orders) {
    list.push_back({std::move(name), [orders] { return start_with(orders); }, {}});
  };
  KeeperOrders from_disk = sandboxed(server);
  from_disk.sandbox->programs = {package.source.at};
  add("process, from the disk", std::move(from_disk));
  add("frozen, none", frozen(kept(server), package.source));
  add("frozen, process", frozen(sandboxed(server), package.source));
  return list;
}

int measure(int rounds, std::vector<Kind> list) {
  for (int i = 0; i <= rounds; ++i) {
    for (Kind& kind : list) {
      const double ms = kind.start();
      if (i > 0) kind.ms.push_back(ms);  // the first brings what is needed into memory
    }
  }
  double bare = 0;
  for (Kind& kind : list) {
    std::ranges::sort(kind.ms);
    const double median = kind.ms[kind.ms.size() / 2];
    if (kind.name == "bare") bare = median;
    std::printf("%-22s median %6.1f ms, least %6.1f ms, %+6.1f ms, %5.2f times bare\n",
                kind.name.c_str(), median, kind.ms.front(), median - bare, median / bare);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (is_keeper(argc, argv)) return keeper_main(argc, argv);
  const Words words(argv + 1, argv + argc);
  const auto fence = std::ranges::find(words, "--");
  const int rounds = words.empty() ? 0 : std::atoi(words.front().c_str());
  const bool is_frozen =
      fence - words.begin() == 4 && words[2] == "--frozen" && fence != words.end();
  if (rounds < 1 || fence - words.begin() < 2 || (!is_frozen && words.end() - fence < 2)) {
    std::fputs(
        "usage: start_times ROUNDS FOLDER [PEER WORD...] -- SERVER WORD...\n"
        "       start_times ROUNDS FOLDER --frozen PACKAGE -- ARGUMENT...\n",
        stderr);
    return 2;
  }
  try {
    const Words server(fence + 1, words.end());
    if (is_frozen) return measure(rounds, frozen_kinds(read_package(words[3], server)));
    return measure(rounds, kinds(Words(words.begin() + 2, fence), server, words[1]));
  } catch (const std::exception& fault) {
    std::fprintf(stderr, "start_times: %s\n", fault.what());
    return 1;
  }
}

// Runs one command in a sandbox, of the tier `process` unless another is named, as a server would
// be, with this program's own stdin, stdout and stderr:
//
//   sandboxed [--tier gvisor|vm] [--ro PATH] [--rw PATH] [--keep PATH] [--staged PATH] [--exec
//   PATH]
//             [--program PATH] [--protect NAME] [--forbid PATH] [--env NAME=VALUE] [--cwd PATH]
//             [--limit NAME=NUMBER]... -- COMMAND...
//
// Ends with the command's status, 128 + its signal, or 125 with "refused: ..." on stderr. What
// happens in staged scopes it says at the end, on stderr: "change PATH SIZE" with the size that was
// kept, "remove PATH", "move PATH TO", "replace PATH TO". With TOOLGATE_KEEP_NOTHING set, nothing
// can be kept. SIGUSR1 lets a window begin; SIGTERM asks the server to end, as the gateway would.

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string_view>

#include "connectors/child_process.hpp"
#include "connectors/custody_desk.hpp"
#include "connectors/keeper.hpp"
#include "connectors/sandbox/orders.hpp"
#include "gateway/core/task_group.hpp"

namespace {

using namespace toolgate;

void set_limit(SandboxLimits& limits, const std::string& text) {
  const std::size_t equals = text.find('=');
  const std::string name = text.substr(0, equals);
  const auto value = static_cast<std::size_t>(std::atoll(text.c_str() + equals + 1));
  if (name == "memory_mb") limits.memory_mb = value;
  if (name == "processes") limits.processes = value;
  if (name == "cpu_s") limits.cpu_s = value;
  if (name == "open_files") limits.open_files = value;
  if (name == "file_mb") limits.file_mb = value;
  if (name == "require_tree" && value != 0) limits.tree = TreeLimit::required;
}

KeeperOrders orders_from(int argc, char** argv) {
  KeeperOrders orders;
  orders.sandbox.emplace();
  SandboxPlan& plan = *orders.sandbox;
  orders.cwd = sandbox_home;
  orders.env = {
      {"HOME", sandbox_home}, {"PATH", "/usr/local/bin:/usr/bin:/bin"}, {"TMPDIR", "/tmp"}};
  int at = 1;
  for (; at + 1 < argc && std::string_view(argv[at]) != "--"; at += 2) {
    const std::string_view option = argv[at];
    const std::string value = argv[at + 1];
    if (option == "--ro") plan.files.push_back({value, FileMode::ro, false});
    if (option == "--rw") plan.files.push_back({value, FileMode::rw, false});
    if (option == "--keep") plan.files.push_back({value, FileMode::rw_no_delete, false});
    if (option == "--staged") plan.files.push_back({value, FileMode::rw_no_delete, false, true});
    if (option == "--exec") plan.files.push_back({value, FileMode::ro, true});
    if (option == "--program") plan.programs.push_back(value);
    if (option == "--protect") plan.protect.push_back(value);
    if (option == "--forbid") plan.forbidden.push_back(value);
    if (option == "--env")
      orders.env[value.substr(0, value.find('='))] = value.substr(value.find('=') + 1);
    if (option == "--tier" && value == "gvisor") plan.tier = SandboxTier::gvisor;
    if (option == "--tier" && value == "vm") plan.tier = SandboxTier::vm;
    if (option == "--cwd") orders.cwd = value;
    if (option == "--limit") set_limit(plan.limits, value);
  }
  for (++at; at < argc; ++at) orders.argv.emplace_back(argv[at]);
  return orders;
}

class PrintingCustodian : public Custodian {
 public:
  void keep(const ServerName&, const FileNote& note, Descriptor file,
            std::function<void(int error)> done) override {
    struct stat about{};
    ::fstat(file.number(), &about);
    said_ += "change " + note.path + " " + std::to_string(about.st_size) + "\n";
    done(std::getenv("TOOLGATE_KEEP_NOTHING") != nullptr ? ENOSPC : 0);
  }
  void hold(const ServerName&, const FileNote& note,
            std::function<void(std::string)> done) override {
    said_ += std::string(effect_name(note.effect)) + " " + note.path +
             (note.to.empty() ? "" : " " + note.to) + "\n";
    done(note.id);
  }
  void unclaimed(const ServerName&, const std::string&, std::shared_ptr<OpenNotes>) override {}
  const std::string& said() const { return said_; }

 private:
  std::string said_;
};

Task<> obey(asio::signal_set& signals, CustodyDesk& desk, ChildProcess& process) {
  for (BrokerId call = 1;; ++call) {
    auto [error, number] = co_await signals.async_wait(as_result);
    if (error) co_return;
    if (number == SIGTERM) {
      process.terminate();
      continue;
    }
    desk.begin_call(call);
    desk.end_call(call);
  }
}

Task<> copy(int from, int to) {
  auto executor = co_await asio::this_coro::executor;
  asio::posix::stream_descriptor input(executor, from);
  char part[65536];
  for (;;) {
    auto [error, count] =
        co_await input.async_read_some(asio::buffer(part, sizeof part), as_result);
    if (error) co_return;
    for (std::size_t done = 0; done < count;) {
      const ssize_t written = ::write(to, part + done, count - done);
      if (written <= 0) co_return;
      done += static_cast<std::size_t>(written);
    }
  }
}

Task<> feed(Descriptor input) {
  auto executor = co_await asio::this_coro::executor;
  set_blocking(input.number(), true);
  char part[4096];
  while (const ssize_t count = ::read(STDIN_FILENO, part, sizeof part)) {
    if (count < 0 || ::write(input.number(), part, static_cast<std::size_t>(count)) < 0) co_return;
  }
}

Task<> run(KeeperOrders orders, int& status) {
  auto executor = co_await asio::this_coro::executor;
  ChildProcess process(executor, "/proc/self/exe", "sandboxed");
  PrintingCustodian custodian;
  CustodyDesk desk(executor, ServerName("sandboxed"), custodian);
  SandboxSockets sockets;
  asio::signal_set signals(executor, SIGUSR1, SIGTERM);
  TaskGroup group(executor, "copies");
  if (orders.sandbox->stages()) {
    sockets.custody = std::move(*desk.open());
    group.spawn(desk.run());
  }
  group.spawn(obey(signals, desk, process));
  Status started = co_await process.start(std::move(orders), std::move(sockets));
  if (!started) {
    std::cerr << "refused: " << started.refusal().detail << '\n';
    status = 125;
    signals.cancel();
    desk.stop();
    co_await group.drain(Milliseconds(1000));
    co_await process.finish();
    co_return;
  }
  group.spawn(feed(std::move(process.input())));
  group.spawn(copy(process.output().release(), STDOUT_FILENO));
  group.spawn(copy(process.errors().release(), STDERR_FILENO));
  bool ended = false;
  while (!ended) ended = co_await process.ended_within(std::chrono::hours(1));
  signals.cancel();
  co_await group.drain(Milliseconds(1000));
  desk.stop();
  std::cerr << custodian.said();
  const ProcessEnd end = *process.end();
  if (!end.why.empty()) std::cerr << end.why << '\n';
  status = end.how == ProcessEnd::How::exited ? end.value : 128 + end.value;
  co_await process.finish();
}

}  // namespace

int main(int argc, char** argv) {
  if (is_keeper(argc, argv)) return keeper_main(argc, argv);
  asio::io_context loop(1);
  int status = 125;
  TaskGroup group(loop.get_executor(), "sandboxed");
  group.spawn(run(orders_from(argc, argv), status));
  loop.run();
  return status;
}

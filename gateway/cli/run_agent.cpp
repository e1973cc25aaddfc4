// run: an agent in a sandbox of its own, whose only way out is the gateway.

#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>

#include "connectors/child_process.hpp"
#include "connectors/custody_desk.hpp"
#include "connectors/http_door.hpp"
#include "connectors/launcher/handover.hpp"
#include "connectors/sandbox/paths.hpp"
#include "connectors/terminal.hpp"
#include "gateway/broker/gateway.hpp"
#include "gateway/broker/local_program.hpp"
#include "gateway/cli/commands.hpp"
#include "gateway/cli/home.hpp"
#include "gateway/cli/open_gateway.hpp"
#include "gateway/core/json_text.hpp"
#include "gateway/core/log.hpp"

namespace toolgate {
namespace {

namespace fs = std::filesystem;

constexpr std::uint16_t door_port = 8808;  // each sandbox has its own
constexpr const char* door_url = "http://127.0.0.1:8808/mcp";

// What an agent needs to know of where it runs; nothing else of the environment is passed on.
constexpr const char* inherited[] = {"LANG", "LC_ALL", "TZ", "TERM", "COLORTERM", "NO_COLOR"};

// The gateway, in the file of each harness that has one in its home.
std::vector<std::pair<std::string, std::string>> harness_files() {
  const std::string url = json_quote(door_url);
  auto json = [&](const std::string& members) {
    return "{\"mcpServers\":{\"toolgate\":{" + members + "}}}\n";
  };
  return {{".claude.json", json("\"type\":\"http\",\"url\":" + url)},
          {".cursor/mcp.json", json("\"url\":" + url)},
          {".gemini/settings.json", json("\"httpUrl\":" + url)},
          {".codex/config.toml", "[mcp_servers.toolgate]\nurl = " + url + "\n"}};
}

Result<std::vector<FileScope>> scopes_from(const Invocation& call) {
  std::vector<FileScope> scopes;
  std::error_code error;
  auto add = [&](const std::string& path, FileMode mode) {
    // As a person means it: through links, to where the directory is now.
    fs::path real = fs::canonical(path, error);
    if (error) return false;
    std::erase_if(scopes, [&](const FileScope& scope) { return scope.path == real; });
    scopes.push_back(FileScope{real, mode, true, mode == FileMode::rw_no_delete});
    return true;
  };
  const std::string workspace = call.option_or("workspace", fs::current_path(error).string());
  if (!add(workspace, FileMode::rw)) {
    return Refusal(Reason::usage, "there is no directory " + visible(workspace));
  }
  for (FileMode mode : {FileMode::ro, FileMode::rw, FileMode::rw_no_delete}) {
    for (const std::string& path : call.all(mode_name(mode))) {
      if (!add(path, mode)) return Refusal(Reason::usage, "there is no file " + visible(path));
    }
  }
  return scopes;
}

Result<KeeperOrders> orders_from(const Invocation& call, bool terminal) {
  auto scopes = scopes_from(call);
  if (!scopes) return scopes.refusal();
  const auto search_path = call.console.environment("PATH");
  auto program = find_program(call.rest, "", search_path.value_or(""));
  if (!program) return program.refusal();
  KeeperOrders orders;
  orders.argv = std::move(program->argv);
  for (const char* name : inherited) {
    if (const auto value = call.console.environment(name)) orders.env[name] = *value;
  }
  orders.env["HOME"] = sandbox_home;
  orders.env["TMPDIR"] = "/tmp";
  orders.env["USER"] = orders.env["LOGNAME"] = "toolgate";
  orders.env["PATH"] = program->search_path;
  orders.env["TOOLGATE_MCP_URL"] = door_url;
  for (const std::string& pair : call.all("env")) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Refusal(Reason::usage, "--env takes NAME=VALUE");
    }
    orders.env[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  SandboxPlan plan;
  plan.files = std::move(*scopes);
  std::error_code error;
  orders.cwd = fs::canonical(call.option_or("workspace", "."), error).string();
  plan.programs = std::move(program->paths);
  plan.home = call.console.environment("HOME").value_or("");
  plan.forbidden.push_back(fs::weakly_canonical(call.home, error).string());
  plan.forbidden.push_back(fs::weakly_canonical(call.configuration, error).string());
  plan.home_files = harness_files();
  plan.doors.push_back(door_port);
  plan.terminal = terminal;
  plan.limits.tree =
      TreeLimit::none;  // its builds are many programs, and nobody wrote a limit down
  orders.sandbox = std::move(plan);
  return orders;
}

// What the launcher sent before it executed the program.
Result<Descriptor> receive_listener(const Descriptor& handoff) {
  Descriptor listener(take_over(handoff.number(), MSG_DONTWAIT));
  if (listener) return listener;
  return Refusal(Reason::internal, "the sandbox did not hand out its listener");
}

class AgentRun {
 public:
  AgentRun(Gateway& gateway, AgentName agent)
      : gateway_(gateway),
        process_(gateway.loop().get_executor(), "/proc/self/exe", "agent"),
        door_(gateway.loop().get_executor(), gateway.broker(), gateway.doorkeeper(),
              settings(gateway, agent)),
        custody_(gateway.loop().get_executor(), ServerName(std::string(run_server)),
                 gateway.custodian(), agent.text()),
        tasks_(gateway.loop().get_executor(), "run") {}

  // The exit status that this program ends with.
  Task<> run(KeeperOrders orders, Result<int>& outcome) {
    auto started = co_await start(std::move(orders));
    if (!started) {
      outcome = started.refusal();
    } else {
      bool ended = false;
      while (!ended) ended = co_await process_.ended_within(std::chrono::hours(24));
      const ProcessEnd end = *process_.end();
      outcome = end.how == ProcessEnd::How::exited ? end.value : 128 + end.value;
      co_await door_.stop(Milliseconds(0));
    }
    co_await process_.finish();
    custody_.stop();
    if (terminal_) terminal_->stop();
    co_await tasks_.drain(Milliseconds(500));
    co_await gateway_.end();
  }

  // Before the start as well: then the agent is ended as soon as there is one.
  void terminate() {
    terminated_ = true;
    process_.terminate();
  }

 private:
  static HttpDoorSettings settings(const Gateway& gateway, AgentName agent) {
    HttpDoorSettings settings;
    settings.only_agent = std::move(agent);
    settings.limits = gateway.limits();
    return settings;
  }

  Task<Status> start(KeeperOrders orders) {
    Status proven = co_await gateway_.sandbox_proof().require(orders.sandbox->form());
    if (!proven) co_return proven;
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
      co_return Refusal(Reason::unavailable, "no socket can be made");
    }
    Descriptor handoff(ends[0]);
    SandboxSockets sockets;
    sockets.handoff = Descriptor(ends[1]);
    if (orders.sandbox->stages()) {
      auto custody = custody_.open();
      if (!custody) co_return custody.refusal();
      sockets.custody = std::move(*custody);
      tasks_.spawn(custody_.run());
      tasks_.spawn(custody_.report());
    }
    auto pipes = standard_descriptors(orders.sandbox->terminal);
    if (!pipes) co_return pipes.refusal();
    Status started =
        co_await process_.start_on(std::move(orders), std::move(*pipes), std::move(sockets));
    if (!started) co_return started;
    auto listener = receive_listener(handoff);
    if (!listener) co_return listener.refusal();
    Status adopted = door_.adopt(std::move(*listener));
    if (!adopted) co_return adopted;
    if (terminated_) process_.terminate();
    tasks_.spawn(door_.run());
    if (terminal_) {
      terminal_->release_inner();
      raw_.emplace(STDIN_FILENO);
      tasks_.spawn(terminal_->read_user());
      tasks_.spawn(terminal_->write_user());
      tasks_.spawn(terminal_->follow_size());
    }
    co_return done();
  }

  Result<ServerPipes> standard_descriptors(bool on_terminal) {
    if (!on_terminal) {
      return ServerPipes{Descriptor(::dup(STDIN_FILENO)), Descriptor(::dup(STDOUT_FILENO)),
                         Descriptor(::dup(STDERR_FILENO))};
    }
    auto terminal = Terminal::open(gateway_.loop().get_executor(), STDIN_FILENO, STDOUT_FILENO);
    if (!terminal) return terminal.refusal();
    terminal_ = std::move(*terminal);
    return ServerPipes{terminal_->inner(), terminal_->inner(), terminal_->inner()};
  }

  Gateway& gateway_;
  ChildProcess process_;
  HttpDoor door_;
  CustodyDesk custody_;  // its whole run is one window: what the agent made itself may go
  std::unique_ptr<Terminal> terminal_;
  std::optional<RawTerminal> raw_;
  bool terminated_ = false;
  TaskGroup tasks_;
};

}  // namespace

int run_command_in_sandbox(const Invocation& call) {
  if (call.rest.empty()) {
    return fail_usage(call.console, "say what to run: toolgate run -- COMMAND...", "run");
  }
  std::string name = call.option_or("agent", "local");
  Status plain = check_plain_name(name, "agent");
  if (!plain) return fail(call.console, plain.refusal());
  const bool terminal = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
  const bool half = ::isatty(STDIN_FILENO) + ::isatty(STDOUT_FILENO) + ::isatty(STDERR_FILENO) > 0;
  if (!terminal && half) {
    return fail(call.console,
                Refusal(Reason::usage,
                        "stdin, stdout and stderr are partly a terminal, which must not reach into "
                        "a sandbox: redirect all three (</dev/null 2>FILE), or none"));
  }
  auto orders = orders_from(call, terminal);
  if (!orders) return fail(call.console, orders.refusal());
  // The servers' scopes may name it as ${workspace}.
  ::setenv("TOOLGATE_WORKSPACE", orders->cwd.c_str(), 0);
  auto gateway = open_gateway(call);
  if (!gateway) return fail(call.console, gateway.refusal());
  // The screen is the agent's.
  if (terminal) set_log(LogLevel::error, LogForm::text);
  Gateway& running = **gateway;
  Result<int> outcome;
  AgentRun agent(running, AgentName(std::move(name)));
  running.begin(Gateway::Servers::at_once, [&] { agent.terminate(); });
  TaskGroup group(running.loop().get_executor(), "agent");
  group.spawn(agent.run(std::move(*orders), outcome));
  running.loop().run();
  return outcome ? *outcome : fail(call.console, outcome.refusal());
}

}  // namespace toolgate

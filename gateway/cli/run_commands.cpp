// stdio, serve and connect: the commands that are a gateway, or lead to one.

#include <unistd.h>

#include "connectors/descriptor.hpp"
#include "connectors/http_door.hpp"
#include "connectors/stdio_door.hpp"
#include "connectors/unix_door.hpp"
#include "gateway/broker/gateway.hpp"
#include "gateway/cli/commands.hpp"
#include "gateway/cli/home.hpp"
#include "gateway/cli/open_gateway.hpp"
#include "gateway/core/log.hpp"

namespace toolgate {
namespace {

constexpr std::string_view socket_name = "serve.sock";

Result<AgentName> agent_named(const Invocation& call) {
  std::string name = call.option_or("agent", "local");
  Status status = check_plain_name(name, "agent");
  if (!status) return status.refusal();
  return AgentName(std::move(name));
}

Task<> run_stdio(Gateway& gateway, AgentName agent, Status& outcome) {
  outcome = co_await serve_stdio(gateway.broker(), std::move(agent), STDIN_FILENO, STDOUT_FILENO,
                                 gateway.limits());
}

Task<> wait_and_end(TaskGroup& doors, Gateway& gateway) {
  co_await doors.drain(std::chrono::hours(24 * 365 * 10));
  co_await gateway.end();
}

Result<HttpDoorSettings> door_settings(const Invocation& call, const Gateway& gateway) {
  const Configuration& configuration = gateway.configuration();
  bool tls = configuration.tls_certificate.has_value();
  auto listen = parse_listen(call.option_or("listen", configuration.listen),
                             tls ? Encryption::tls : Encryption::none);
  if (!listen) return listen.refusal();
  std::size_t colon = listen->rfind(':');
  HttpDoorSettings settings;
  settings.address = listen->substr(0, colon);
  if (settings.address.starts_with('[')) {
    settings.address = settings.address.substr(1, settings.address.size() - 2);
  }
  settings.port = static_cast<std::uint16_t>(std::stoul(listen->substr(colon + 1)));
  if (tls) {
    settings.certificate = configuration.tls_certificate->string();
    settings.key = configuration.tls_key->string();
  }
  settings.limits = gateway.limits();
  return settings;
}

// The doors of `serve`, and the order in which they close.
class Doors {
 public:
  Doors(Gateway& gateway, HttpDoorSettings settings, std::filesystem::path socket)
      : gateway_(gateway),
        tls_(!settings.certificate.empty()),
        http_(gateway.loop().get_executor(), gateway.broker(), gateway.doorkeeper(),
              std::move(settings)),
        unix_(gateway.loop().get_executor(), gateway.broker(), gateway.doorkeeper(),
              std::move(socket), gateway.limits()),
        tasks_(gateway.loop().get_executor(), "doors") {}

  enum class Socket { required, if_free };
  Status open(Socket socket) {
    Status http = http_.listen();
    if (!http) return http;
    Status local = unix_.listen();
    if (!local && socket == Socket::required) return local;
    has_socket_ = static_cast<bool>(local);
    if (!has_socket_) {
      log_line(LogLevel::warning, "serve.no_socket", {{"why", local.refusal().detail}});
    }
    return done();
  }

  void start() {
    tasks_.spawn(http_.run());
    if (has_socket_) tasks_.spawn(unix_.run());
    log_line(LogLevel::info, "serve.listening",
             {{"url", (tls_ ? "https://" : "http://") + http_.endpoint() + "/mcp"},
              {"socket", has_socket_ ? unix_.path().string() : ""}});
  }

  void stop() { tasks_.spawn(close()); }
  TaskGroup& tasks() { return tasks_; }
  // What must not outlast the process.
  std::vector<std::string> files() const {
    return has_socket_ ? std::vector{unix_.path().string()} : std::vector<std::string>();
  }

 private:
  Task<> close() {
    co_await http_.stop(gateway_.limits().drain_ms);
    if (has_socket_) co_await unix_.stop(gateway_.limits().drain_ms);
  }

  Gateway& gateway_;
  bool tls_;
  HttpDoor http_;
  UnixDoor unix_;
  bool has_socket_ = false;
  TaskGroup tasks_;
};

Task<> run_connect(std::filesystem::path socket, AgentName agent, Status& outcome) {
  outcome = co_await connect_stdio_to_unix(std::move(socket), std::move(agent), STDIN_FILENO,
                                           STDOUT_FILENO);
}

}  // namespace

Result<std::unique_ptr<Gateway>> open_gateway(const Invocation& call) {
  return Gateway::make(call.home, call.configuration);
}

int stdio_command(const Invocation& call) {
  auto agent = agent_named(call);
  if (!agent) return fail(call.console, agent.refusal());
  auto gateway = open_gateway(call);
  if (!gateway) return fail(call.console, gateway.refusal());
  Gateway& running = **gateway;
  Status outcome;
  TaskGroup doors(running.loop().get_executor(), "stdio");
  running.begin(Gateway::Servers::with_first_request, [&] { doors.cancel(); });
  doors.spawn(run_stdio(running, std::move(*agent), outcome));
  TaskGroup end(running.loop().get_executor(), "end");
  end.spawn(wait_and_end(doors, running));
  running.loop().run();
  return outcome ? exit_status::done : fail(call.console, outcome.refusal());
}

int serve_command(const Invocation& call) {
  raise_descriptor_limit();
  auto gateway = open_gateway(call);
  if (!gateway) return fail(call.console, gateway.refusal());
  Gateway& running = **gateway;
  auto settings = door_settings(call, running);
  if (!settings) return fail(call.console, settings.refusal());
  auto socket = call.option("socket");
  std::filesystem::path path =
      socket ? std::filesystem::absolute(*socket) : call.home / "run" / socket_name;
  Doors doors(running, std::move(*settings), std::move(path));
  Status opened = doors.open(socket ? Doors::Socket::required : Doors::Socket::if_free);
  if (!opened) return fail(call.console, opened.refusal());
  running.begin(Gateway::Servers::at_once, [&] { doors.stop(); }, doors.files());
  doors.start();
  TaskGroup end(running.loop().get_executor(), "end");
  end.spawn(wait_and_end(doors.tasks(), running));
  running.loop().run();
  return exit_status::done;
}

int connect_command(const Invocation& call) {
  auto agent = agent_named(call);
  if (!agent) return fail(call.console, agent.refusal());
  auto socket = call.option("socket");
  std::filesystem::path path =
      socket ? std::filesystem::absolute(*socket) : call.home / "run" / socket_name;
  asio::io_context loop(1);
  Status outcome;
  TaskGroup group(loop.get_executor(), "connect");
  group.spawn(run_connect(std::move(path), std::move(*agent), outcome));
  loop.run();
  return outcome ? exit_status::done : fail(call.console, outcome.refusal());
}

}  // namespace toolgate

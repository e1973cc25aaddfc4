#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "gateway/cli/commands.hpp"
#include "gateway/cli/home.hpp"
#include "gateway/core/document.hpp"
#include "gateway/store/sqlite.hpp"

namespace toolgate {
namespace {

enum class State { ok, degraded, missing };

struct Capability {
  std::string name;
  State state = State::missing;
  std::string needed_for;
  std::string remedy;  // empty when all is well
};

std::string_view state_name(State state) {
  switch (state) {
    case State::ok:
      return "ok";
    case State::degraded:
      return "degraded";
    case State::missing:
      return "missing";
  }
  return "missing";
}

bool is_in_path(const Invocation& call, const std::string& program) {
  const std::string path = call.console.environment("PATH").value_or("");
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t end = std::min(path.find(':', at), path.size());
    const std::string file = path.substr(at, end - at) + "/" + program;
    if (file[0] == '/' && ::access(file.c_str(), X_OK) == 0) return true;
    at = end + 1;
  }
  return false;
}

Capability program(const Invocation& call, const std::string& name, std::string needed_for,
                   std::string remedy) {
  const bool found = is_in_path(call, name);
  return {name, found ? State::ok : State::degraded, std::move(needed_for),
          found ? "" : std::move(remedy)};
}

Capability landlock() {
  const long version =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return {"landlock", version > 0 ? State::ok : State::degraded,
          "sandboxes: file scopes in the kernel",
          version > 0 ? "" : "a kernel of 5.13 or newer with landlock in its `lsm=` list"};
}

Capability seccomp() {
  const unsigned action = SECCOMP_RET_KILL_PROCESS;
  const bool works = ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
  return {"seccomp", works ? State::ok : State::degraded, "sandboxes: system call filters",
          works ? "" : "a kernel with CONFIG_SECCOMP_FILTER"};
}

// The only way to know is to try, in a child.
Capability user_namespaces() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(::unshare(CLONE_NEWUSER) == 0 ? 0 : 1);
  int status = 1;
  const bool works = child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) &&
                     WEXITSTATUS(status) == 0;
  return {"user_namespaces", works ? State::ok : State::degraded, "sandboxes without root",
          works
              ? ""
              : "sysctl kernel.unprivileged_userns_clone=1 (and user.max_user_namespaces above 0)"};
}

Capability store_row(const Invocation& call) {
  Capability row{"store", State::missing, "every call: nothing is forwarded without a record", ""};
  auto store = open_store(call);
  if (!store) {
    row.remedy = store.refusal().detail;
    return row;
  }
  auto writable = Transaction::begin((*store)->database());
  row.state = writable ? State::ok : State::missing;
  if (!writable) row.remedy = writable.refusal().detail;
  return row;
}

Capability key_row(const Invocation& call) {
  Capability row{"administrator_key", State::missing, "approve", ""};
  const auto file = key_file(call);
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) {
    row.remedy = "run `toolgate init`";
    return row;
  }
  if (SecretKey::needs_passphrase(file)) {
    row.state = State::ok;
    return row;
  }
  auto key = SecretKey::load(file, nullptr);
  row.state = key ? State::degraded : State::missing;
  row.remedy = key ? "whoever can run commands as this user can approve: move " + file.string() +
                         " away and run `toolgate init` on a terminal for a key with a passphrase"
                   : key.refusal().detail;
  return row;
}

Capability configuration_row(const Invocation& call, const Result<Configuration>& configuration) {
  return {"configuration", configuration ? State::ok : State::missing, "everything",
          configuration
              ? ""
              : configuration.refusal().detail +
                    (std::filesystem::exists(call.configuration) ? "" : " (`toolgate init`)")};
}

Capability port_row(const std::string& listen) {
  Capability row{"listen_port", State::degraded, "serve on " + listen, ""};
  const auto colon = listen.rfind(':');
  std::string host = listen.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  boost::system::error_code failed;
  const auto address = asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host, failed);
  asio::io_context loop;
  asio::ip::tcp::acceptor acceptor(loop);
  const auto port = static_cast<unsigned short>(std::atoi(listen.c_str() + colon + 1));
  const asio::ip::tcp::endpoint endpoint(address, port);
  if (!failed) acceptor.open(endpoint.protocol(), failed);
  if (!failed) acceptor.set_option(asio::socket_base::reuse_address(true), failed);
  if (!failed) acceptor.bind(endpoint, failed);
  if (!failed) {
    row.state = State::ok;
  } else {
    row.remedy = "it cannot be bound (" + failed.message() +
                 "): a gateway may be running already, or choose another `listen`";
  }
  return row;
}

// A local server that says nothing of its isolation wants a sandbox, and stays stopped without one.
void add_isolation(const Configuration& configuration, std::vector<Capability>& rows) {
  for (const ServerEntry& entry : configuration.servers) {
    if (!entry.is_local() || entry.disabled || entry.isolation_written_out) continue;
    rows.push_back(
        {"isolation:" + entry.name.text(), State::missing, "starting " + entry.name.text(),
         "this build has no sandbox: write \"toolgate\": {\"isolation\": \"none\"} into its "
         "entry to run it without one"});
  }
}

std::vector<Capability> examine(const Invocation& call) {
  const std::string apt = "install it: apt-get install bubblewrap";
  std::vector<Capability> rows;
  auto configuration = load_configuration(call);
  rows.push_back(configuration_row(call, configuration));
  rows.push_back(store_row(call));
  rows.push_back(key_row(call));
  if (configuration) {
    rows.push_back(port_row(configuration->listen));
    add_isolation(*configuration, rows);
  }
  rows.push_back(
      program(call, "node", "servers written for Node.js", "install Node.js 20 or newer"));
  rows.push_back(program(call, "npx", "servers that are npm packages", "install npm"));
  rows.push_back(program(call, "bwrap", "sandboxes", apt));
  rows.push_back(landlock());
  rows.push_back(seccomp());
  rows.push_back(user_namespaces());
  return rows;
}

}  // namespace

int doctor_command(const Invocation& call) {
  Console& console = call.console;
  Table table({{"CAPABILITY", Table::Fit::keep},
               {"STATE", Table::Fit::keep},
               {"NEEDED FOR", Table::Fit::shrink},
               {"REMEDY", Table::Fit::shrink}});
  bool missing = false;
  std::string remedies;
  for (const Capability& row : examine(call)) {
    missing = missing || row.state == State::missing;
    if (call.has("json")) {
      const std::string line = "{\"capability\":" + json_quote(row.name) +
                               ",\"state\":" + json_quote(state_name(row.state)) +
                               ",\"needed_for\":" + json_quote(row.needed_for) +
                               ",\"remedy\":" + json_quote(row.remedy) + "}";
      console.out << json_line(console, line) << '\n';
      continue;
    }
    table.add({row.name, std::string(state_name(row.state)), row.needed_for, row.remedy},
              row.state == State::ok         ? Style::good
              : row.state == State::degraded ? Style::warning
                                             : Style::bad);
    // The table may have to cut them; a remedy that cannot be read is none.
    if (console.columns > 0 && !row.remedy.empty())
      remedies += "  " + row.name + ": " + visible(row.remedy) + "\n";
  }
  if (!table.empty()) table.print(console);
  if (!remedies.empty()) console.out << "\nRemedies\n" << remedies;
  return missing ? exit_status::findings : exit_status::done;
}

}  // namespace toolgate

#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "connectors/sandbox/protected_names.hpp"
#include "gateway/cli/capabilities.hpp"
#include "gateway/cli/commands.hpp"
#include "gateway/cli/home.hpp"
#include "gateway/core/document.hpp"
#include "gateway/packages/frozen.hpp"
#include "gateway/store/sqlite.hpp"

namespace toolgate {
namespace {

std::string_view state_name(Capability::State state) {
  switch (state) {
    case Capability::State::ok:
      return "ok";
    case Capability::State::degraded:
      return "degraded";
    case Capability::State::missing:
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
  return {name, found ? Capability::State::ok : Capability::State::degraded, std::move(needed_for),
          found ? "" : std::move(remedy)};
}

Capability store_row(const Invocation& call) {
  Capability row{"store", Capability::State::missing,
                 "every call: nothing is forwarded without a record", ""};
  auto store = open_store(call);
  if (!store) {
    row.remedy = store.refusal().detail;
    return row;
  }
  auto writable = Transaction::begin((*store)->database());
  row.state = writable ? Capability::State::ok : Capability::State::missing;
  if (!writable) row.remedy = writable.refusal().detail;
  return row;
}

Capability key_row(const Invocation& call) {
  Capability row{"administrator_key", Capability::State::missing, "approve", ""};
  const auto file = key_file(call);
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) {
    row.remedy = "run `toolgate init`";
    return row;
  }
  if (SecretKey::needs_passphrase(file)) {
    row.state = Capability::State::ok;
    return row;
  }
  auto key = SecretKey::load(file, nullptr);
  row.state = key ? Capability::State::degraded : Capability::State::missing;
  row.remedy = key ? "whoever can run commands as this user can approve: move " + file.string() +
                         " away and run `toolgate init` on a terminal for a key with a passphrase"
                   : key.refusal().detail;
  return row;
}

Capability configuration_row(const Invocation& call, const Result<Configuration>& configuration) {
  return {"configuration", configuration ? Capability::State::ok : Capability::State::missing,
          "everything",
          configuration
              ? ""
              : configuration.refusal().detail +
                    (std::filesystem::exists(call.configuration) ? "" : " (`toolgate init`)")};
}

Capability port_row(const std::string& listen) {
  Capability row{"listen_port", Capability::State::degraded, "serve on " + listen, ""};
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
    row.state = Capability::State::ok;
  } else {
    row.remedy = "it cannot be bound (" + failed.message() +
                 "): a gateway may be running already, or choose another `listen`";
  }
  return row;
}

bool in_sandbox(const ServerEntry& entry) {
  return entry.is_local() && !entry.disabled && entry.isolation != Isolation::none;
}

bool in_machine(const ServerEntry& entry) {
  return in_sandbox(entry) && entry.isolation == Isolation::vm;
}

// Each frozen package, whole: what a start would say.
void add_artefacts(const Configuration& configuration, std::vector<Capability>& rows) {
  for (const ServerEntry& entry : configuration.servers) {
    if (entry.disabled || (!entry.artefact && !entry.publisher)) continue;
    const auto program = verified_program(entry);
    rows.push_back({"frozen:" + entry.name.text(),
                    program ? Capability::State::ok : Capability::State::missing,
                    "starting " + entry.name.text(), program ? "" : program.refusal().detail});
  }
}

std::vector<Capability> examine(const Invocation& call) {
  std::vector<Capability> rows;
  auto configuration = load_configuration(call);
  rows.push_back(configuration_row(call, configuration));
  rows.push_back(store_row(call));
  rows.push_back(key_row(call));
  if (configuration) {
    rows.push_back(port_row(configuration->listen));
    add_artefacts(*configuration, rows);
  }
  rows.push_back(
      program(call, "node", "servers written for Node.js", "install Node.js 20 or newer"));
  rows.push_back(program(call, "npx", "servers that are npm packages", "install npm"));
  rows.push_back(program(call, "npm", "freeze", "install npm"));
  const bool needs_sandbox =
      configuration && std::ranges::any_of(configuration->servers, in_sandbox);
  examine_sandbox(needs_sandbox ? Need::now : Need::later, rows);
  const bool needs_machine =
      configuration && std::ranges::any_of(configuration->servers, in_machine);
  examine_machine(needs_machine ? Need::now : Need::later, rows);
  const bool needs_runsc =
      configuration && std::ranges::any_of(configuration->servers, [](const ServerEntry& entry) {
        return in_sandbox(entry) && entry.isolation == Isolation::gvisor;
      });
  examine_runsc(needs_runsc ? Need::now : Need::later, rows);
  return rows;
}

}  // namespace

int doctor_command(const Invocation& call) {
  Console& console = call.console;
  if (call.has("protected")) {
    for (std::string_view name : unchanged_names()) console.out << "unchanged  " << name << '\n';
    for (std::string_view name : hidden_names()) console.out << "hidden     " << name << '\n';
    return exit_status::done;
  }
  Table table({{"CAPABILITY", Table::Fit::keep},
               {"STATE", Table::Fit::keep},
               {"NEEDED FOR", Table::Fit::shrink},
               {"REMEDY", Table::Fit::shrink}});
  bool missing = false;
  std::string remedies;
  for (const Capability& row : examine(call)) {
    missing = missing || row.state == Capability::State::missing;
    if (call.has("json")) {
      const std::string line = "{\"capability\":" + json_quote(row.name) +
                               ",\"state\":" + json_quote(state_name(row.state)) +
                               ",\"needed_for\":" + json_quote(row.needed_for) +
                               ",\"remedy\":" + json_quote(row.remedy) + "}";
      console.out << json_line(console, line) << '\n';
      continue;
    }
    table.add({row.name, std::string(state_name(row.state)), row.needed_for, row.remedy},
              row.state == Capability::State::ok         ? Style::good
              : row.state == Capability::State::degraded ? Style::warning
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

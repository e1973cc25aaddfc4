#include "gateway/broker/local_server.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>

#include "connectors/sandbox/paths.hpp"
#include "gateway/broker/local_program.hpp"
#include "gateway/packages/frozen.hpp"

namespace toolgate {
namespace {

namespace fs = std::filesystem;

// What a server without a sandbox inherits: what a program needs to find itself and its files.
constexpr const char* inherited[] = {"HOME",  "LANG", "LC_ALL", "LOGNAME", "PATH",
                                     "SHELL", "TERM", "TMPDIR", "TZ",      "USER"};
// In a sandbox: nothing that says who the user is or where things are on the host.
constexpr const char* inherited_in_sandbox[] = {"LANG", "LC_ALL", "TZ"};

// Those that fetch what they run.
constexpr auto fetchers = std::to_array<std::string_view>(
    {"npx", "npm", "pnpm", "pnpx", "yarn", "bunx", "uvx", "uv", "pipx", "docker", "podman"});

// Of a frozen server, whose interpreter is named by its path.
constexpr const char* system_path = "/usr/local/bin:/usr/bin:/bin";

Refusal refuse(const ServerEntry& entry, const std::string& why) {
  return Refusal(Reason::unsupported, "'" + entry.name.text() + "' " + why);
}

SandboxTier tier_of(Isolation isolation) {
  if (isolation == Isolation::gvisor) return SandboxTier::gvisor;
  return isolation == Isolation::vm ? SandboxTier::vm : SandboxTier::process;
}

std::map<std::string, std::string> environment_for(const ServerEntry& entry) {
  std::map<std::string, std::string> environment;
  if (entry.isolation == Isolation::none) {
    for (const char* name : inherited) {
      if (const char* value = std::getenv(name)) environment[name] = value;
    }
  } else {
    for (const char* name : inherited_in_sandbox) {
      if (const char* value = std::getenv(name)) environment[name] = value;
    }
    environment["HOME"] = sandbox_home;
    environment["TMPDIR"] = "/tmp";
    environment["USER"] = environment["LOGNAME"] = "toolgate";
  }
  for (const auto& [name, value] : entry.env) environment[name] = value;
  return environment;
}

// What runs is the verified copy, which the server alone sees; where there is no sandbox, at a
// place of root's.
Status run_frozen(const ServerEntry& entry, StdioServer& server) {
  auto program = frozen_program(entry);
  if (!program) return program.refusal();
  FrozenSource source;
  source.package = program->package.string();
  source.manifest = program->digest;
  source.bytes = program->view_bytes;
  source.at = program->tree().string();
  if (entry.isolation == Isolation::none) {
    auto place = place_without_sandbox();
    if (!place) return refuse(entry, "does not start: " + place.refusal().detail);
    source.at = *place + "/tree";
  }
  server.argv = program->argv(source.at);
  // Whatever the entry says, and for the Pythons that it starts: no packages of the user's.
  server.env["PYTHONNOUSERSITE"] = "1";
  server.frozen = std::move(source);
  return done();
}

// The program of a command that is not frozen: found on the host and shown as it is.
Status show_program(const ServerEntry& entry, StdioServer& server, SandboxPlan& plan) {
  const std::string name = fs::path(entry.argv.front()).filename().string();
  if (std::ranges::find(fetchers, name) != fetchers.end()) {
    const bool can_freeze = name == "npx" || name == "npm";
    return refuse(
        entry, "is started by '" + name + "', which fetches what it runs, and a sandbox has no " +
                   (can_freeze ? "network: run `toolgate freeze " + entry.name.text() +
                                     "` once, or `toolgate review " + entry.name.text() +
                                     "`, which freezes first"
                               : "network: install the program, and name it by its path"));
  }
  const auto given = entry.env.find("PATH");
  const char* own = std::getenv("PATH");
  const std::string search_path = given != entry.env.end() ? given->second
                                  : own != nullptr         ? own
                                                           : std::string();
  auto program = find_program(entry.argv, entry.cwd, search_path);
  if (!program) {
    return Refusal(program.refusal().reason,
                   program.refusal().detail + ": check \"command\" of '" + entry.name.text() + "'");
  }
  server.argv = std::move(program->argv);
  if (given == entry.env.end()) server.env["PATH"] = program->search_path;
  plan.programs = std::move(program->paths);
  return done();
}

}  // namespace

Result<StdioServer> local_server(const ServerEntry& entry) {
  StdioServer server;
  server.name = entry.name;
  server.argv = entry.argv;
  server.env = environment_for(entry);
  server.cwd = entry.cwd.string();
  server.limits = entry.limits;
  if (entry.artefact || entry.publisher) {  // what must be signed must be frozen
    Status frozen = run_frozen(entry, server);
    if (!frozen) return frozen.refusal();
  }
  if (entry.isolation == Isolation::none) return server;
  SandboxPlan plan;
  plan.tier = tier_of(entry.isolation);
  plan.files = entry.files;
  plan.protect = entry.protect;
  plan.limits = entry.sandbox;
  if (const char* home = std::getenv("HOME")) plan.home = home;
  plan.forbidden = entry.gateway_files;
  if (server.frozen) {
    plan.programs = {server.frozen->at};
    const bool runs_itself = server.argv.front().starts_with(server.frozen->at + "/");
    if (!runs_itself) plan.programs.push_back(server.argv.front());
    server.env.try_emplace("PATH", system_path);
  } else {
    Status shown = show_program(entry, server, plan);
    if (!shown) return shown.refusal();
  }
  server.sandbox = std::move(plan);
  server.cwd = entry.working_directory().string();
  return server;
}

}  // namespace toolgate

#include <filesystem>
#include <system_error>

#include "gateway/cli/commands.hpp"
#include "gateway/cli/home.hpp"
#include "gateway/config/harness_install.hpp"
#include "gateway/config/problems.hpp"

namespace toolgate {
namespace {

// Which harness, and which of its files.
struct Target {
  const HarnessClient& client;
  std::filesystem::path file;
};

Result<Target> target_of(const Invocation& call) {
  const auto format = harness_format_named(call.arguments[0]);
  if (!format) return format.refusal();
  const HarnessClient& client = harness_client(*format);
  const std::string scope = call.option_or("scope", "user");
  if (scope != "user" && scope != "project") {
    return Refusal(Reason::usage, "--scope is user or project");
  }
  if (const auto file = call.option("file")) {
    return Target{client, std::filesystem::absolute(*file)};
  }
  if (scope == "project") {
    if (client.project_file.empty()) {
      return Refusal(Reason::usage, call.arguments[0] + " has no file for a project");
    }
    const std::filesystem::path project = std::filesystem::current_path();
    const std::filesystem::path file = project / client.project_file;
    std::error_code ignored;  // what is not there is made
    if (file.parent_path() != project && std::filesystem::is_symlink(file.parent_path(), ignored)) {
      return Refusal(Reason::bad_configuration,
                     config::printable(file.parent_path().string(), 4'096) +
                         " is a symbolic link, which is not followed; name the file with --file");
    }
    return Target{client, file};
  }
  const auto home = call.console.environment("HOME");
  if (!home || !home->starts_with('/')) {
    return Refusal(Reason::usage, "HOME is not set to an absolute path: set it, or use --file");
  }
  return Target{client, std::filesystem::path(*home) / client.user_file};
}

Result<GatewayEntry> gateway_entry(const Invocation& call) {
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error || !std::filesystem::exists(program, error)) {
    return Refusal(Reason::storage,
                   "this program's own file cannot be found; start it by its path");
  }
  GatewayEntry entry{program.string(), {"stdio"}, std::nullopt};
  if (call.configuration != call.home / "toolgate.json") {
    entry.args.insert(entry.args.end(), {"--config", call.configuration.string()});
  }
  const auto user_home = call.console.environment("HOME");
  const bool is_default =
      user_home &&
      call.home == (std::filesystem::path(*user_home) / ".toolgate").lexically_normal();
  if (!is_default) entry.home = call.home.string();
  return entry;
}

int fail_either(const Invocation& call, const Refusal& refusal) {
  if (refusal.reason != Reason::usage) return fail(call.console, refusal);
  return fail_usage(call.console, refusal.detail, call.command.name);
}

Status record_change(const Invocation& call, std::string_view what) {
  Record record;
  record.kind = "configuration";
  record.decision = "allow";
  record.reason = "the gateway was " + std::string(what) + " " + call.arguments[0];
  return record_act(call, std::move(record));
}

void tell_bypassing(const Invocation& call, const Target& target, const HarnessChange& change) {
  if (change.bypassing.empty()) return;
  constexpr std::size_t told = 20;
  const std::size_t count = change.bypassing.size();
  std::string names;
  for (std::size_t at = 0; at < count && at < told; ++at) {
    names += (at > 0 ? ", " : "") + change.bypassing[at];
  }
  if (count > told) names += " and " + std::to_string(count - told) + " more";
  call.console.error << styled(call.console, Style::warning, "note:")
                     << " these servers of the file still bypass the gateway: " << visible(names)
                     << "\nMove them: `toolgate import " << visible(target.file.string())
                     << "`, then remove them from the file" << std::endl;
}

}  // namespace

int install_command(const Invocation& call) {
  const auto target = target_of(call);
  if (!target) return fail_either(call, target.refusal());
  const auto entry = gateway_entry(call);
  if (!entry) return fail(call.console, entry.refusal());
  const Status sound = check_entry(target->client, *entry);
  if (!sound) return fail(call.console, sound.refusal());
  const std::string shown = visible(target->file.string());
  if (call.has("print")) {
    call.console.error << "would be added to " << shown << ":" << std::endl;
    call.console.out << gateway_snippet(target->client, *entry) << std::flush;
    return exit_status::done;
  }
  auto store = open_store(call);  // nothing is changed that could not be recorded
  if (!store) return fail(call.console, store.refusal());
  const auto change = install_gateway(target->client, target->file, *entry);
  if (!change) return fail(call.console, change.refusal());
  if (change->kind == HarnessChange::Kind::none) {
    call.console.out << "unchanged: " << shown << " has the gateway already" << std::endl;
  } else {
    auto recorded = record_change(call, "installed into");
    if (!recorded) return fail(call.console, recorded.refusal());
    call.console.out << "installed into " << shown << '\n';
    if (!change->backup.empty()) {
      call.console.out << "what it held before: " << visible(change->backup.string()) << '\n';
    }
    call.console.out << "Restart the harness; `toolgate uninstall " << call.arguments[0]
                     << "` undoes it" << std::endl;
  }
  tell_bypassing(call, *target, *change);
  return exit_status::done;
}

int uninstall_command(const Invocation& call) {
  const auto target = target_of(call);
  if (!target) return fail_either(call, target.refusal());
  auto store = open_store(call);
  if (!store) return fail(call.console, store.refusal());
  const auto change = uninstall_gateway(target->client, target->file);
  if (!change) return fail(call.console, change.refusal());
  const std::string shown = visible(target->file.string());
  if (change->kind == HarnessChange::Kind::none) {
    call.console.out << "unchanged: the gateway is not in " << shown << std::endl;
    return exit_status::done;
  }
  auto recorded = record_change(call, "uninstalled from");
  if (!recorded) return fail(call.console, recorded.refusal());
  switch (change->kind) {
    case HarnessChange::Kind::restored:
      call.console.out << "restored " << shown << " from its backup" << std::endl;
      break;
    case HarnessChange::Kind::deleted:
      call.console.out << "removed " << shown << ", which held nothing else" << std::endl;
      break;
    case HarnessChange::Kind::written:
    case HarnessChange::Kind::none:
      call.console.out << "removed the gateway from " << shown << '\n';
      if (!change->backup.empty()) {
        call.console.out << "it has changed since, so its backup stays: "
                         << visible(change->backup.string()) << '\n';
      }
      call.console.out.flush();
  }
  return exit_status::done;
}

}  // namespace toolgate

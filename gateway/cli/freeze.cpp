#include "gateway/cli/freeze.hpp"

#include <ostream>
#include <utility>

#include "gateway/cli/home.hpp"
#include "gateway/core/document.hpp"
#include "gateway/packages/freeze.hpp"
#include "gateway/packages/frozen.hpp"
#include "gateway/packages/npx_command.hpp"

namespace toolgate {
namespace {

// What happens, while it takes its time: for people, who look at a terminal or at stderr.
FreezeProgress progress_on(Console& console, const ServerEntry& entry) {
  return [&console, name = entry.name.text()](std::string_view what) {
    console.error << styled(console, Style::faint, "freeze " + name + ": " + visible(what))
                  << std::endl;
  };
}

Status record_freeze(const Invocation& call, const ServerEntry& entry, const Frozen& frozen) {
  Record record;
  record.kind = "freeze";
  record.server = entry.name.text();
  record.decision = "allow";
  record.reason = frozen.package + ' ' + frozen.version;
  record.pin = frozen.digest.text();
  return record_act(call, std::move(record));
}

std::string freeze_json(const ServerEntry& entry, const Frozen& frozen, bool same) {
  return "{\"server\":" + json_quote(entry.name.text()) +
         ",\"state\":" + json_quote(same ? "unchanged" : "frozen") +
         ",\"artefact\":" + json_quote(frozen.digest.text()) +
         ",\"package\":" + json_quote(frozen.package) +
         ",\"version\":" + json_quote(frozen.version) + ",\"entry\":" + json_quote(frozen.entry) +
         ",\"packages\":" + std::to_string(frozen.packages) +
         ",\"files\":" + std::to_string(frozen.files) +
         ",\"bytes\":" + std::to_string(frozen.bytes) +
         ",\"folder\":" + json_quote(frozen.folder.string()) + "}";
}

}  // namespace

bool needs_freeze(const ServerEntry& entry) {
  const bool sandboxed = entry.isolation != Isolation::none || !entry.isolation_written_out;
  return entry.is_local() && sandboxed && !entry.artefact && is_npx(entry.argv);
}

std::vector<Probed> freeze_for_review(const Invocation& call, std::vector<ServerEntry>& entries) {
  std::vector<Probed> failed;
  std::vector<ServerEntry> ready;
  for (ServerEntry& entry : entries) {
    if (!needs_freeze(entry)) {
      ready.push_back(std::move(entry));
      continue;
    }
    call.console.error << "toolgate: " << entry.name.text()
                       << " is an npm package that is not frozen yet: freezing it first"
                       << std::endl;
    auto frozen =
        freeze_server(entry, call.home, call.console.environment, progress_on(call.console, entry));
    const Status recorded = frozen ? record_freeze(call, entry, *frozen) : Status(frozen.refusal());
    if (!recorded) {
      failed.push_back(Probed{std::move(entry), recorded.refusal()});
      continue;
    }
    entry.artefact = Artefact{.digest = frozen->digest, .folder = frozen->folder, .damage = {}};
    ready.push_back(std::move(entry));
  }
  entries = std::move(ready);
  return failed;
}

int freeze_command(const Invocation& call) {
  Console& console = call.console;
  auto configuration = load_configuration(call);
  if (!configuration) return fail(console, configuration.refusal());
  auto entry = find_server(call, *configuration, call.arguments.front());
  if (!entry) return fail(console, entry.refusal());
  auto store = open_store(call);  // nothing is frozen that could not be recorded
  if (!store) return fail(console, store.refusal());
  const FreezeProgress silent = [](std::string_view) {};
  auto frozen = freeze_server(*entry, call.home, console.environment,
                              console.columns > 0 ? progress_on(console, *entry) : silent);
  if (!frozen) return fail(console, frozen.refusal());
  const Status recorded = record_freeze(call, *entry, *frozen);
  if (!recorded) return fail(console, recorded.refusal());
  const bool same = entry->artefact && entry->artefact->digest == frozen->digest;
  if (call.has("json")) {
    console.out << json_line(console, freeze_json(*entry, *frozen, same)) << '\n';
    return exit_status::done;
  }
  console.out << "frozen " << entry->name.text() << ": " << visible(frozen->package) << ' '
              << visible(frozen->version) << '\n'
              << "  manifest  " << frozen->digest.text() << '\n'
              << "  holds     " << frozen->packages << " packages, " << frozen->files << " files, "
              << frozen->bytes << " bytes\n"
              << "  runs      " << visible(frozen->entry) << '\n'
              << "  in        " << visible(frozen->folder.string()) << '\n';
  console.out << (same ? "The same as before: what was approved stays approved\n"
                       : "Next: `toolgate review " + entry->name.text() + "`\n");
  return exit_status::done;
}

}  // namespace toolgate

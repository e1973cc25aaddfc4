#include "gateway/cli/freeze.hpp"

#include <ostream>
#include <utility>

#include "gateway/cli/home.hpp"
#include "gateway/cli/shown_server.hpp"
#include "gateway/cli/signed_file.hpp"
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

// The one that is given, to be checked by the freeze; none where none is.
Result<std::optional<FileSignature>> given_signature(const Invocation& call,
                                                     const ServerEntry& entry) {
  using Given = std::optional<FileSignature>;
  const auto name = call.option("signature");
  if (!name) return Given();
  if (!entry.publisher) {
    return Refusal(Reason::usage, "nobody need have signed '" + entry.name.text() +
                                      "': set \"require_signature\" in its \"toolgate\" to a "
                                      "name in \"publishers\" first");
  }
  auto text = read_signature_text(*name);
  if (!text) return text.refusal();
  auto signature = FileSignature::parse(*text);
  if (!signature) return Refusal(Reason::bad_signature, *name + ": " + signature.refusal().detail);
  return Given(std::move(*signature));
}

// A signature that does not hold is worth a record, as at a start.
Refusal refuse_freeze(const Invocation& call, const ServerEntry& entry, const Refusal& refusal) {
  if (refusal.reason != Reason::bad_signature) return refusal;
  Record record;
  record.kind = "freeze";
  record.server = entry.name.text();
  record.decision = "deny";
  record.reason = refusal.detail;
  const Status recorded = record_act(call, std::move(record));
  return recorded ? refusal : recorded.refusal();
}

Status record_freeze(const Invocation& call, const ServerEntry& entry, const Frozen& frozen) {
  Record record;
  record.kind = "freeze";
  record.server = entry.name.text();
  record.decision = "allow";
  record.reason = frozen.head.origin.text();
  record.pin = frozen.digest.text();
  return record_act(call, std::move(record));
}

Artefact artefact_of(const Frozen& frozen) {
  return Artefact{.digest = frozen.digest, .folder = frozen.folder, .damage = {}};
}

std::string_view origin_name(ManifestOrigin::Kind kind) {
  if (kind == ManifestOrigin::Kind::npm) return "npm";
  return kind == ManifestOrigin::Kind::directory ? "directory" : "file";
}

std::string freeze_json(const ServerEntry& entry, const Frozen& frozen, bool same) {
  const ManifestOrigin& origin = frozen.head.origin;
  const auto& interpreter = frozen.head.interpreter;
  const auto publisher = signed_by(entry);
  return "{\"server\":" + json_quote(entry.name.text()) +
         ",\"state\":" + json_quote(same ? "unchanged" : "frozen") +
         ",\"artefact\":" + json_quote(frozen.digest.text()) +
         ",\"origin\":" + json_quote(origin_name(origin.kind)) +
         ",\"package\":" + json_quote(origin.name) + ",\"version\":" + json_quote(origin.version) +
         ",\"wanted\":" + json_quote(frozen.wanted) +
         ",\"integrity\":" + json_quote(origin.integrity) +
         ",\"entry\":" + json_quote(frozen.head.entry) +
         ",\"interpreter\":" + (interpreter ? json_quote(interpreter->path) : std::string("null")) +
         ",\"packages\":" + std::to_string(frozen.packages) +
         ",\"files\":" + std::to_string(frozen.files) +
         ",\"bytes\":" + std::to_string(frozen.bytes) +
         ",\"signed_by\":" + (publisher ? json_quote(*publisher) : "null") +
         ",\"folder\":" + json_quote(frozen.folder.string()) + "}";
}

// "latest" and ranges are shown with what they were resolved to, once.
void print_frozen(Console& console, const ServerEntry& entry, const Frozen& frozen) {
  const ManifestOrigin& origin = frozen.head.origin;
  console.out << "frozen " << entry.name.text() << ": " << visible(origin.text()) << '\n';
  if (origin.kind == ManifestOrigin::Kind::npm && frozen.wanted != origin.version) {
    console.out << "  resolved  "
                << visible(frozen.wanted.empty() ? "what the registry offers now" : frozen.wanted)
                << " to " << visible(origin.version) << ", and stays that\n";
  }
  console.out << "  manifest  " << frozen.digest.text() << '\n' << "  holds     ";
  if (frozen.packages > 0) console.out << frozen.packages << " packages, ";
  console.out << frozen.files << " files, " << frozen.bytes << " bytes\n"
              << "  runs      " << visible(frozen.head.entry) << '\n';
  if (frozen.head.interpreter) {
    console.out << "  by        " << visible(frozen.head.interpreter->path) << ", "
                << Digest(frozen.head.interpreter->sha256).text() << '\n';
  }
  console.out << "  in        " << visible(frozen.folder.string()) << '\n';
  print_signer(console, console.out, entry);
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
    entry.artefact = artefact_of(*frozen);
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
  auto signature = given_signature(call, *entry);
  if (!signature) return fail(console, refuse_freeze(call, *entry, signature.refusal()));
  const FreezeProgress silent = [](std::string_view) {};
  auto frozen =
      freeze_server(*entry, call.home, console.environment,
                    console.columns > 0 ? progress_on(console, *entry) : silent, *signature);
  if (!frozen) return fail(console, refuse_freeze(call, *entry, frozen.refusal()));
  const Status recorded = record_freeze(call, *entry, *frozen);
  if (!recorded) return fail(console, recorded.refusal());
  const bool same = entry->artefact && entry->artefact->digest == frozen->digest;
  entry->artefact = artefact_of(*frozen);
  if (call.has("json")) {
    console.out << json_line(console, freeze_json(*entry, *frozen, same)) << '\n';
    return exit_status::done;
  }
  print_frozen(console, *entry, *frozen);
  if (entry->publisher && !signed_by(*entry)) return exit_status::done;  // it said what comes next
  console.out << (same ? "The same as before: what was approved stays approved\n"
                       : "Next: `toolgate review " + entry->name.text() + "`\n");
  return exit_status::done;
}

}  // namespace toolgate

// review: what servers offer, what the inspectors found in it, and how it differs from what was
// approved.

#include <algorithm>
#include <boost/json/array.hpp>
#include <iterator>
#include <ostream>

#include "gateway/broker/approved.hpp"
#include "gateway/broker/catalogue.hpp"
#include "gateway/broker/difference.hpp"
#include "gateway/broker/local_server.hpp"
#include "gateway/broker/probe.hpp"
#include "gateway/cli/commands.hpp"
#include "gateway/cli/freeze.hpp"
#include "gateway/cli/home.hpp"
#include "gateway/cli/last_review.hpp"
#include "gateway/cli/seen_otherwise.hpp"
#include "gateway/cli/shown_scopes.hpp"
#include "gateway/core/clock.hpp"
#include "inspectors/gate.hpp"

namespace toolgate {
namespace {

constexpr std::size_t shown_columns = 100;  // of a description, for people

// One item of a server, judged.
struct Reviewed {
  Definition definition;
  std::string exposed;
  std::string state;  // "approved", "new", "changed", "missing", "refused"
  std::string why;
  std::vector<Change> changes;
  std::vector<SeenOtherwise> seen;  // since the last approval
  std::vector<Finding> findings;
  bool withheld = false;
  std::optional<Digest> pin;
};

Inspection inspect(const InspectionGate& gate, const Definition& definition) {
  auto document = parse_document(Untrusted<std::string>(definition.json), JsonLimits{});
  if (!document) return Inspection{};
  bool instructions = definition.kind == ItemKind::instructions;
  return gate.inspect(instructions ? Channel::instructions : Channel::definition, document->root());
}

bool is_dynamic_skill(const Definition& definition) {
  if (definition.kind != ItemKind::skill) return false;
  auto document = parse_document(Untrusted<std::string>(definition.json), JsonLimits{});
  auto resources = document ? document->root().find("resources") : std::nullopt;
  return resources && resources->equals("dynamic");
}

const ApprovedItem* approved_item(const Approved& approved, const ServerIdentity& identity,
                                  const Definition& definition) {
  for (const ApprovedItem& item : approved.items) {
    if (item.approval.identity == identity && item.definition.kind == definition.kind &&
        item.definition.key == definition.key) {
      return &item;
    }
  }
  return nullptr;
}

Reviewed judge(const ServerEntry& entry, const Definition& definition, const Approved& approved,
               const OpenSightings& open, const InspectionGate& gate) {
  Reviewed item;
  item.definition = definition;
  bool named = definition.kind == ItemKind::tool || definition.kind == ItemKind::prompt;
  item.exposed = named ? exposed_name(entry.prefix, definition.key) : definition.key;
  Inspection inspection = inspect(gate, definition);
  item.findings = std::move(inspection.findings);
  bool must_be_whole = definition.kind == ItemKind::skill;  // its files are held against it
  item.withheld = inspection.verdict == Verdict::withhold ||
                  (must_be_whole && inspection.verdict != Verdict::allow);
  auto pinned = pin(entry.identity(), definition);
  if (!pinned) {
    item.state = "refused";
    item.why = pinned.refusal().detail;
    return item;
  }
  item.pin = pinned->pin;
  const ApprovedItem* known = approved_item(approved, entry.identity(), definition);
  auto verified = approved.book.verify(*pinned, entry.identity(), now_utc_ns());
  if (!known) {
    item.state = "new";
  } else if (verified && known->approval.scopes == entry.scope_digest()) {
    item.state = "approved";
  } else {
    item.state = "changed";
    item.why = verified ? "what the server may reach was changed" : verified.refusal().detail;
    item.changes = changes_between(known->definition.json, definition.json);
  }
  item.seen = seen_otherwise(open, entry.identity(), definition, pinned->pin.text());
  if (item.state == "approved" && !item.seen.empty()) item.state = "changed";
  if (!item.seen.empty()) item.why += (item.why.empty() ? "" : "; ") + seen_text(item.seen);
  if (item.why.empty() && is_dynamic_skill(definition)) {
    item.why = "its files are made anew for each reading: no digest covers what they say";
  }
  return item;
}

boost::json::value maybe(const std::optional<std::string>& text) {
  return text ? boost::json::value(*text) : boost::json::value(nullptr);
}

using Words = std::vector<std::string>;

// What a start runs, and what a sandbox shows of the host for it; where a start would be refused,
// the command as the configuration has it. Found out once for a server: a frozen package is
// verified.
struct Running {
  Words command;
  Words program;
};

Running running_of(const ServerEntry& entry) {
  if (!entry.is_local()) return Running{};
  auto server = local_server(entry);
  if (!server) return Running{entry.argv, {}};
  Running running{std::move(server->argv), {}};
  if (server->sandbox) running.program = std::move(server->sandbox->programs);
  return running;
}

boost::json::array array_of(const Words& words) {
  boost::json::array array;
  for (const std::string& word : words) array.push_back(boost::json::value(word));
  return array;
}

void print_json(Console& console, const ServerEntry& entry, const Running& running,
                const Reviewed& item) {
  boost::json::object row;
  row["server"] = entry.name.text();
  row["tool"] = item.definition.key;
  row["kind"] = std::string(item_kind_name(item.definition.kind));
  row["state"] = item.state;
  row["class"] = item.state == "changed" ? "changed" : "";
  row["exposed"] = item.exposed;
  boost::json::array changes;
  for (const Change& change : item.changes) {
    boost::json::object one;
    one["path"] = change.path;
    one["old"] = maybe(change.old);
    one["new"] = maybe(change.now);
    changes.push_back(std::move(one));
  }
  row["changes"] = std::move(changes);
  row["pin"] = item.pin ? boost::json::value(item.pin->text()) : boost::json::value(nullptr);
  boost::json::array words = array_of(running.command);
  if (!entry.is_local()) words.push_back(boost::json::value(entry.url));
  row["command"] = std::move(words);
  row["artefact"] = entry.artefact ? boost::json::value(entry.artefact->digest.text())
                                   : boost::json::value(nullptr);
  row["scopes"] = scopes_json(entry, running.program);
  if (!item.why.empty()) row["why"] = item.why;
  std::string json = boost::json::serialize(row);
  json.pop_back();
  json += R"(,"findings":)" + findings_json(item.findings);
  json += R"(,"seen":)" + seen_json(item.seen) + "}";
  console.out << json_line(console, json) << "\n";
}

std::string first_line(const Definition& definition) {
  auto document = parse_document(Untrusted<std::string>(definition.json), JsonLimits{});
  if (!document) return "";
  auto about = definition.kind == ItemKind::skill ? document->root().find("frontmatter")
                                                  : std::optional<Value>(document->root());
  auto text = about && !about->is_string() ? about->find("description") : about;
  if (!text || !text->is_string()) return "";
  std::string line = text->text();
  line = line.substr(0, line.find('\n'));
  if (line.size() > shown_columns) {
    std::size_t cut = shown_columns;
    while (cut > 0 && (static_cast<unsigned char>(line[cut]) & 0xC0) == 0x80) --cut;
    line = line.substr(0, cut) + "…";
  }
  return visible(line);
}

Style style_of(const Reviewed& item) {
  if (item.withheld || item.state == "refused") return Style::bad;
  if (item.state == "approved") return Style::good;
  return Style::warning;
}

void print_changes(Console& console, const std::vector<Change>& changes) {
  for (const Change& change : changes) {
    console.out << "      " << visible(change.path) << "\n"
                << "        - " << visible(change.old.value_or("(absent)")) << "\n"
                << "        + " << visible(change.now.value_or("(absent)")) << "\n";
  }
}

void print_item(Console& console, const Reviewed& item) {
  console.out << "  " << styled(console, style_of(item), item.state) << "  "
              << item_kind_name(item.definition.kind) << " "
              << styled(console, Style::strong, visible(item.definition.key));
  if (item.exposed != item.definition.key) console.out << "  as " << visible(item.exposed);
  console.out << "\n";
  std::string line = first_line(item.definition);
  if (!line.empty()) console.out << "      " << styled(console, Style::faint, line) << "\n";
  if (!item.why.empty()) console.out << "      " << visible(item.why) << "\n";
  print_changes(console, item.changes);
  for (const SeenOtherwise& seen : item.seen) {
    if (seen.changes.empty()) continue;
    console.out << "      seen at " << utc_text(seen.sighting.time_ns) << "\n";
    print_changes(console, seen.changes);
  }
  for (const Finding& finding : item.findings) {
    console.out << "      "
                << styled(console, finding.severity == Severity::hard ? Style::bad : Style::warning,
                          std::string(severity_name(finding.severity)) + " " + finding.id)
                << " at " << visible(finding.pointer) << ": " << visible(finding.why) << "\n";
  }
}

struct Summary {
  std::size_t waiting = 0;
  std::size_t failed = 0;
  bool hard = false;
};

Status keep(const Invocation& call, Store& store, const ReviewSeal& seal, const ServerEntry& entry,
            const Offer& offer, const OpenSightings& open, const std::vector<Reviewed>& items) {
  std::vector<Shown> shown;
  std::int64_t now = now_utc_ns();
  for (const Reviewed& item : items) {
    if (!item.pin || item.state == "missing") continue;
    Shown one;
    one.identity = entry.identity();
    one.scopes = entry.scope_digest();
    one.definition = item.definition;
    one.pin = *item.pin;
    one.findings = findings_json(item.findings);
    one.time_ns = now;
    shown.push_back(std::move(one));
  }
  Status put = store.put_shown(entry.name.text(), std::move(shown), seal);
  if (!put) return put;
  auto stored = store.shown(entry.name.text());
  if (!stored) return stored.refusal();
  Status marked = mark_shown(store, shown_rows(open, entry.identity()), now);
  if (!marked) return marked;
  Status remembered = remember_review(call.home, entry.name.text(), *stored, seal);
  if (!remembered) return remembered;
  return store.put_server(StoredServer{entry.name.text(), entry.identity(), offer.capabilities,
                                       offer.server_info,
                                       std::string(revision_text(offer.revision))});
}

std::vector<Reviewed> judge_all(const ServerEntry& entry, const Offer& offer,
                                const Approved& approved, const OpenSightings& open,
                                const InspectionGate& gate) {
  std::vector<Reviewed> items;
  for (const Definition& definition : offer.items) {
    items.push_back(judge(entry, definition, approved, open, gate));
  }
  for (const Oddity& oddity : offer.oddities) {
    Reviewed odd;
    odd.definition = oddity.definition;
    odd.exposed = oddity.definition.key;
    odd.state = "refused";
    odd.why = oddity.detail;
    items.push_back(std::move(odd));
  }
  for (const ApprovedItem& known : approved.items) {
    if (known.approval.identity != entry.identity()) continue;
    bool offered = false;
    for (const Oddity& oddity : offer.oddities) {
      offered = offered || (oddity.definition.kind == known.definition.kind &&
                            oddity.definition.key == known.definition.key);
    }
    for (const Definition& definition : offer.items) {
      offered = offered || (definition.kind == known.definition.kind &&
                            definition.key == known.definition.key);
    }
    if (offered) continue;
    Reviewed gone;
    gone.definition = known.definition;
    gone.exposed = known.definition.key;
    gone.state = "missing";
    gone.why = "approved, but not offered any more";
    gone.pin = known.approval.pin;
    items.push_back(std::move(gone));
  }
  return items;
}

// What people meet first: a server that cannot see the files that it is told to work on.
std::string hint_for(const ServerEntry& entry) {
  if (!entry.is_local() || entry.isolation == Isolation::none || !entry.files.empty()) return "";
  return "it runs in a sandbox that shows none of your files and no network: grant what it needs "
         "with \"toolgate\": {\"files\": [{\"path\": ..., \"mode\": \"ro\"}]} in its entry";
}

void print_failure(Console& console, const Probed& probed, bool json) {
  const ServerEntry& entry = probed.entry;
  const Refusal& why = probed.offer.refusal();
  const std::string hint = hint_for(entry);
  if (!json) {
    console.out << styled(console, Style::strong, entry.name.text()) << "\n  "
                << styled(console, Style::bad, "failed") << "  " << visible(why.detail) << "\n"
                << indented(probed.last_words);
    if (!hint.empty()) console.out << "  " << hint << "\n";
    return;
  }
  boost::json::object row;
  row["server"] = entry.name.text();
  row["state"] = "failed";
  row["why"] = why.detail;
  row["last_words"] = probed.last_words;
  row["hint"] = hint;
  console.out << json_line(console, boost::json::serialize(row)) << "\n";
}

void print_server(Console& console, const ServerEntry& entry, const Words& command,
                  const std::vector<Reviewed>& items, Summary& summary) {
  console.out << styled(console, Style::strong, entry.name.text()) << "  ";
  for (const std::string& word : command) console.out << visible(word) << " ";
  console.out << entry.url << "\n";
  if (entry.artefact) {
    console.out << "  " << styled(console, Style::faint, "frozen") << "  "
                << entry.artefact->digest.text() << "\n";
  }
  print_scopes(console, entry);
  std::size_t waiting = 0;
  for (const Reviewed& item : items) {
    print_item(console, item);
    waiting += item.state == "new" || item.state == "changed" ? 1 : 0;
  }
  summary.waiting += waiting;
  if (waiting > 0) {
    console.out << "  " << waiting << " wait for approval: toolgate approve " << entry.name.text()
                << "\n";
  }
  console.out << "\n";
}

}  // namespace

int review_command(const Invocation& call) {
  Console& console = call.console;
  auto configuration = load_configuration(call);
  if (!configuration) return fail(console, configuration.refusal());
  std::vector<ServerEntry> entries;
  if (!call.arguments.empty()) {
    auto entry = find_server(call, *configuration, call.arguments.front());
    if (!entry) return fail(console, entry.refusal());
    entries.push_back(std::move(*entry));
  } else {
    for (const ServerEntry& entry : configuration->servers) {
      if (!entry.disabled) entries.push_back(entry);
    }
  }
  auto store = open_store(call);
  if (!store) return fail(console, store.refusal());
  auto seal = review_seal(call);
  if (!seal) return fail(console, seal.refusal());
  auto trusted = trusted_keys(call);
  if (!trusted) return fail(console, trusted.refusal());
  auto approved = load_approved(**store, *trusted);
  if (!approved) return fail(console, approved.refusal());

  bool json = call.has("json");
  InspectionGate gate(all_inspectors());
  Summary summary;
  std::vector<Record> records;
  std::vector<Probed> probed_servers = freeze_for_review(call, entries);
  std::ranges::move(probe_servers(std::move(entries)), std::back_inserter(probed_servers));
  for (const Probed& probed : probed_servers) {
    Record record;
    record.kind = "review";
    record.server = probed.entry.name.text();
    record.decision = probed.offer ? "allow" : "error";
    if (!probed.offer) {
      record.reason = probed.offer.refusal().detail;
      print_failure(console, probed, json);
      ++summary.failed;
      records.push_back(std::move(record));
      continue;
    }
    auto open = open_sightings(**store);  // as late as can be: what is not shown cannot be approved
    if (!open) return fail(console, open.refusal());
    std::vector<Reviewed> items = judge_all(probed.entry, *probed.offer, **approved, *open, gate);
    const Running running = running_of(probed.entry);
    for (const Reviewed& item : items) {
      summary.hard = summary.hard || item.withheld;
      if (json) print_json(console, probed.entry, running, item);
    }
    if (!json) print_server(console, probed.entry, running.command, items, summary);
    console.out << std::flush;
    Status kept =
        keep(call, **store, *seal, probed.entry, *probed.offer, *open, items);  // once it was shown
    if (!kept) return fail(console, kept.refusal());
    records.push_back(std::move(record));
  }
  Status recorded = record_acts(call, std::move(records));
  if (!recorded) return fail(console, recorded.refusal());
  if (summary.failed > 0) return exit_status::failed;
  return summary.hard ? exit_status::findings : exit_status::done;
}

}  // namespace toolgate

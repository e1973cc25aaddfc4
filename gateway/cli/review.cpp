// review: what servers offer, what the inspectors found in it, and how it differs from what was
// approved.

#include <algorithm>
#include <iterator>
#include <map>
#include <ostream>

#include "gateway/broker/approved.hpp"
#include "gateway/broker/probe.hpp"
#include "gateway/cli/commands.hpp"
#include "gateway/cli/freeze.hpp"
#include "gateway/cli/go_ahead.hpp"
#include "gateway/cli/home.hpp"
#include "gateway/cli/last_review.hpp"
#include "gateway/cli/review_rows.hpp"
#include "gateway/cli/reviewed.hpp"
#include "gateway/cli/shown_item.hpp"
#include "gateway/cli/shown_server.hpp"
#include "gateway/config/command_findings.hpp"
#include "gateway/core/clock.hpp"
#include "inspectors/gate.hpp"

namespace toolgate {
namespace {

using Findings = std::vector<Finding>;

struct Summary {
  std::size_t failed = 0;
  bool hard = false;
};

bool is_hard(const Findings& findings) {
  return std::ranges::any_of(
      findings, [](const Finding& finding) { return finding.severity == Severity::hard; });
}

// One review, from the configuration to the record of it.
class Review {
 public:
  Review(const Invocation& call, Store& store, const ReviewSeal& seal, const Approved& approved)
      : call_(call), store_(store), seal_(seal), approved_(approved) {}

  int run(const Configuration& configuration, std::vector<ServerEntry> entries) {
    show_starts(entries);
    std::vector<Probed> held = without_go_ahead(call_, entries, unknown_);
    for (const Probed& probed : held) show_failure(probed, "imported");
    std::vector<Probed> probed = freeze_for_review(call_, entries);
    const auto files = call_.has("widen") ? ProbeFiles::as_configured : ProbeFiles::read_only;
    std::ranges::move(probe_servers(std::move(entries), files), std::back_inserter(probed));
    const std::vector<NamedItem> names = known_names(configuration, probed);
    for (const Probed& one : probed) {
      if (!one.offer) {
        show_failure(one, "failed");
        continue;
      }
      Status shown = show_offer(one, names);
      if (!shown) return fail(call_.console, shown.refusal());
    }
    Status recorded = record_acts(call_, std::move(records_));
    if (!recorded) return fail(call_.console, recorded.refusal());
    if (summary_.failed > 0) return exit_status::failed;
    return summary_.hard ? exit_status::findings : exit_status::done;
  }

 private:
  Fold fold() const { return call_.has("full") ? Fold::full : Fold::folded; }
  bool json() const { return call_.has("json"); }

  // Everything that would run, before any of it does. With --json it goes to stderr, and only what
  // is new: each row has it too.
  void show_starts(const std::vector<ServerEntry>& entries) {
    for (const ServerEntry& entry : entries) {
      const bool known = is_known(call_, store_, seal_, approved_, entry);
      if (!known) unknown_.push_back(entry.name.text());
      Findings findings = command_findings(entry);
      if (!json()) print_start(call_.console, call_.console.out, entry, findings);
      if (json() && !known) print_start(call_.console, call_.console.error, entry, findings);
    }
  }

  void record(const Probed& probed, const char* decision) {
    Record record;
    record.kind = "review";
    record.server = probed.entry.name.text();
    record.decision = decision;
    if (!probed.offer) record.reason = probed.offer.refusal().detail;
    records_.push_back(std::move(record));
  }

  void show_failure(const Probed& probed, const std::string& state) {
    record(probed, state == "imported" ? "deny" : "error");
    ++summary_.failed;
    const std::string hint = state == "imported" ? "" : hint_for(probed.entry);
    if (json()) {
      print_failed_row(call_.console, probed, state, hint, command_findings(probed.entry));
      return;
    }
    Console& console = call_.console;
    console.out << "\n"
                << styled(console, Style::strong, probed.entry.name.text()) << "\n  "
                << styled(console, Style::bad, state) << "  "
                << visible(probed.offer.refusal().detail) << "\n"
                << indented(probed.last_words);
    if (!hint.empty()) console.out << "  " << hint << "\n";
  }

  // What people meet first: a server that cannot see the files that it is told to work on.
  std::string hint_for(const ServerEntry& entry) const {
    if (!entry.is_local() || entry.isolation == Isolation::none) return "";
    if (entry.files.empty()) {
      return "it runs in a sandbox that shows none of your files and no network: grant what it "
             "needs with \"toolgate\": {\"files\": [{\"path\": ..., \"mode\": \"ro\"}]} in its "
             "entry";
    }
    const bool writes = std::ranges::any_of(entry.files, &FileScope::is_writable);
    if (!writes || call_.has("widen")) return "";
    return "for a review its files are read-only: `toolgate review " + entry.name.text() +
           " --widen files` lets it write to them";
  }

  Status show_offer(const Probed& probed, const std::vector<NamedItem>& names) {
    const ServerEntry& entry = probed.entry;
    const Findings started = command_findings(entry);
    // As late as can be: what is not shown cannot be approved.
    auto open = open_sightings(store_);
    if (!open) return open.refusal();
    std::vector<Reviewed> items =
        review_offer(entry, *probed.offer, approved_, *open, inspection_, names);
    if (!json()) print_heading(entry);
    const Running running = running_of(entry);
    std::size_t waiting = 0;
    for (Reviewed& item : items) {
      summary_.hard = summary_.hard || item.withheld;
      waiting += item.waits() ? 1 : 0;
      if (!json()) print_item(call_.console, item, fold());
      // An approval of any part of a server approves how it is started.
      item.findings.insert(item.findings.end(), started.begin(), started.end());
      if (json()) print_row(call_.console, entry, running, item);
    }
    summary_.hard = summary_.hard || is_hard(started);
    if (!json()) print_waiting(entry, items, waiting);
    call_.console.out << std::flush;
    record(probed, "allow");
    return keep(probed, *open, items);  // once it was shown
  }

  void print_heading(const ServerEntry& entry) {
    Console& console = call_.console;
    console.out << "\n" << styled(console, Style::strong, entry.name.text());
    if (!entry.certificate_key.empty()) {
      console.out << "\n  " << styled(console, Style::faint, "certificate key") << "  "
                  << entry.certificate_key;
    }
    if (!entry.artefact) {
      console.out << "\n";
      return;
    }
    console.out << "  " << styled(console, Style::faint, "frozen") << "  "
                << entry.artefact->digest.text() << "\n";
    print_signer(console, console.out, entry);
    console.out << "  " << styled(console, Style::faint, "runs") << "  "
                << shell_line(running_of(entry).command) << "\n";
  }

  void print_waiting(const ServerEntry& entry, const std::vector<Reviewed>& items,
                     std::size_t waiting) {
    if (waiting == 0) return;
    std::map<ChangeClass, std::size_t> classes;
    for (const Reviewed& item : items) {
      if (item.waits() && item.change_class) ++classes[*item.change_class];
    }
    std::string list;
    for (const auto& [change_class, count] : classes) {
      list += (list.empty() ? "" : ", ") + std::to_string(count) + " " +
              std::string(change_class_name(change_class));
    }
    call_.console.out << "  " << waiting << " wait for approval (" << list << "): toolgate approve "
                      << entry.name.text() << "\n";
  }

  // Names that a model may see beside those that are reviewed: of what is offered now, what is
  // approved, and what other reviews showed.
  std::vector<NamedItem> known_names(const Configuration& configuration,
                                     const std::vector<Probed>& probed) {
    std::vector<NamedItem> names;
    const auto add = [&](const std::string& server, const Definition& definition) {
      names.push_back(NamedItem{server, definition.kind, definition.key});
    };
    for (const ServerEntry& entry : configuration.servers) {
      const std::string& name = entry.name.text();
      const auto now =
          std::ranges::find(probed, name, [](const Probed& one) { return one.entry.name.text(); });
      if (now != probed.end() && now->offer) {
        for (const Definition& definition : now->offer->items) add(name, definition);
        continue;
      }
      for (const ApprovedItem& item : approved_.items) {
        if (item.approval.server == name) add(name, item.definition);
      }
      auto shown = store_.shown(name);
      if (!shown) continue;
      for (const Shown& item : *shown) add(name, item.definition);
    }
    return names;
  }

  Status keep(const Probed& probed, const OpenSightings& open, const std::vector<Reviewed>& items) {
    const ServerEntry& entry = probed.entry;
    std::vector<Shown> shown;
    const std::int64_t now = now_utc_ns();
    for (const Reviewed& item : items) {
      if (!item.pin || item.state == "missing") continue;
      Shown one;
      one.identity = entry.identity();
      one.scopes = entry.scope_digest();
      one.definition = item.definition;
      one.pin = *item.pin;
      one.findings = findings_json(item.findings);
      one.change_class = class_text(item);
      one.time_ns = now;
      shown.push_back(std::move(one));
    }
    const std::string& name = entry.name.text();
    Status put = store_.put_shown(name, std::move(shown), seal_);
    if (!put) return put;
    auto stored = store_.shown(name);
    if (!stored) return stored.refusal();
    Status marked = mark_shown(store_, shown_rows(open, entry.identity()), now);
    if (!marked) return marked;
    Status remembered = remember_review(call_.home, name, *stored, seal_);
    if (!remembered) return remembered;
    return store_.put_server(StoredServer{name, entry.identity(), probed.offer->capabilities,
                                          probed.offer->server_info,
                                          std::string(revision_text(probed.offer->revision))});
  }

  const Invocation& call_;
  Store& store_;
  const ReviewSeal& seal_;
  const Approved& approved_;
  InspectionGate inspection_{all_inspectors()};
  std::vector<std::string> unknown_;
  std::vector<Record> records_;
  Summary summary_;
};

Result<std::vector<ServerEntry>> chosen_servers(const Invocation& call,
                                                const Configuration& configuration) {
  std::vector<ServerEntry> entries;
  if (call.arguments.empty()) {
    std::ranges::copy_if(configuration.servers, std::back_inserter(entries),
                         [](const ServerEntry& entry) { return !entry.disabled; });
    return entries;
  }
  auto entry = find_server(call, configuration, call.arguments.front());
  if (!entry) return entry.refusal();
  entries.push_back(std::move(*entry));
  return entries;
}

}  // namespace

int review_command(const Invocation& call) {
  Console& console = call.console;
  if (call.option_or("widen", "files") != "files") {
    return fail_usage(console, "a review can be widened by: files", call.command.name);
  }
  auto configuration = load_configuration(call);
  if (!configuration) return fail(console, configuration.refusal());
  auto entries = chosen_servers(call, *configuration);
  if (!entries) return fail(console, entries.refusal());
  auto store = open_store(call);
  if (!store) return fail(console, store.refusal());
  auto seal = review_seal(call);
  if (!seal) return fail(console, seal.refusal());
  auto approved = approved_here(call, **store, configuration->approvals);
  if (!approved) return fail(console, approved.refusal());
  return Review(call, **store, *seal, **approved).run(*configuration, std::move(*entries));
}

}  // namespace toolgate

#include <algorithm>
#include <map>
#include <set>

#include "gateway/broker/approved.hpp"
#include "gateway/cli/commands.hpp"
#include "gateway/cli/home.hpp"
#include "gateway/cli/shown_server.hpp"
#include "gateway/cli/status_source.hpp"
#include "gateway/core/clock.hpp"
#include "gateway/core/document.hpp"
#include "gateway/packages/frozen.hpp"
#include "gateway/store/custody_book.hpp"
#include "gateway/store/sightings.hpp"

namespace toolgate {
namespace {

// What is approved, held (changed, expired, other scopes) and new of what a server showed last.
struct Counts {
  std::size_t approved = 0;
  std::size_t held = 0;
  std::size_t fresh = 0;
};

struct Trust {
  std::string state;           // disabled, imported, probed, approved, changed
  Counts tools;                // of tools alone; the state looks at everything
  std::size_t second_key = 0;  // of those held: they wait for a second key
  std::string held;            // not empty: why no gateway starts it
};

// What gateways saw since the last review counts for more than what that showed.
void count_seen(const OpenSightings& open, const PinBook& pins, const ServerIdentity& identity,
                const std::vector<Shown>& shown, Counts& all, Counts& tools) {
  std::set<std::pair<ItemKind, std::string>> counted;
  for (const Shown& item : shown) {
    if (item.identity == identity) counted.emplace(item.definition.kind, item.definition.key);
  }
  for (const Sighting* sighting : open.all_of(identity)) {
    if (!sighting->kind || !counted.emplace(*sighting->kind, sighting->key).second) continue;
    const bool is_approved = pins.approval(identity, *sighting->kind, sighting->key) != nullptr;
    std::size_t Counts::* count = is_approved ? &Counts::held : &Counts::fresh;
    ++(all.*count);
    if (*sighting->kind == ItemKind::tool) ++(tools.*count);
  }
}

Result<Trust> trust_of(Store& store, const Approved& approved, const ServerEntry& entry,
                       std::int64_t now_ns) {
  const PinBook& pins = approved.book;
  const OpenSightings& open = approved.sightings;
  Trust trust;
  Counts all;
  auto shown = store.shown(entry.name.text());
  if (!shown) return shown.refusal();
  auto servers = store.servers();
  if (!servers) return servers.refusal();
  const Digest identity = entry.identity();
  const Digest scopes = entry.scope_digest();
  const bool probed = std::ranges::any_of(*servers, [&](const StoredServer& server) {
    return server.server == entry.name.text() && server.identity == identity;
  });
  bool shown_at_all = probed;
  for (const Shown& item : *shown) {
    if (item.identity != identity) continue;  // of an entry that has changed since
    shown_at_all = true;
    const Approval* approval = pins.approval(identity, item.definition.kind, item.definition.key);
    const Approval* first = pins.waiting(identity, item.definition.kind, item.definition.key);
    const bool waits = first && first->pin == item.pin && first->scopes == scopes;
    if (waits && item.definition.kind == ItemKind::tool) ++trust.second_key;
    std::size_t Counts::* count = waits ? &Counts::held : &Counts::fresh;
    if (approval) {
      const bool is_seen =
          open.of_server(identity) || open.of(identity, item.definition.kind, item.definition.key);
      const bool valid = !is_seen && approval->pin == item.pin && approval->scopes == scopes &&
                         (approval->expires_ns == 0 || approval->expires_ns > now_ns);
      count = valid ? &Counts::approved : &Counts::held;
    }
    ++(all.*count);
    if (item.definition.kind == ItemKind::tool) ++(trust.tools.*count);
  }
  count_seen(open, pins, identity, *shown, all, trust.tools);
  trust.state = entry.disabled     ? "disabled"
                : all.held > 0     ? "changed"
                : all.approved > 0 ? "approved"
                : shown_at_all     ? "probed"
                                   : "imported";
  const bool is_news =
      pins.knows(identity) || pins.is_waiting(identity) || !approved.refused.empty();
  if (!entry.disabled && is_news) {
    trust.held = why_held(approved, entry, now_ns).value_or("");
  }
  if (!trust.held.empty()) trust.state = "changed";
  const Status good = entry.disabled ? done() : check_signed(entry);
  if (!good) trust.held = good.refusal().detail;  // without it no review can start it either
  return trust;
}

std::string isolation_of(const ServerEntry& entry) {
  return entry.is_local() ? std::string(isolation_name(entry.isolation)) : "";
}

// The boundary that it runs in, where that is not the one asked for.
bool is_lesser(const RunningServer* running) { return running && !running->isolation.empty(); }

// Where no gateway runs, what one would say of a server that it does not start.
std::string last_error(const Trust& trust, const RunningServer* running) {
  return running ? running->last_error : trust.held;
}

std::string status_json(const ServerEntry& entry, const Trust& trust, const RunningServer* running,
                        std::size_t waiting) {
  std::string line =
      "{\"server\":" + json_quote(entry.name.text()) + ",\"state\":" + json_quote(trust.state);
  // Every field is there in every line, so that whoever reads them need not ask.
  const std::string asked = entry.is_local() ? json_quote(isolation_of(entry)) : "null";
  line += ",\"isolation\":" + (is_lesser(running) ? json_quote(running->isolation) : asked) +
          ",\"isolation_asked\":" + asked +
          ",\"missing\":" + json_quote(running ? running->missing : "") +
          ",\"tools\":{\"approved\":" + std::to_string(trust.tools.approved) +
          ",\"held\":" + std::to_string(trust.tools.held) +
          ",\"new\":" + std::to_string(trust.tools.fresh) +
          "},\"second_key\":" + std::to_string(trust.second_key);
  line += ",\"limits\":" +
          (running && !running->limits.empty() ? json_quote(running->limits) : "null") +
          ",\"no_tree\":" + json_quote(running ? running->no_tree : "");
  line += ",\"process\":" + (running ? json_quote(running->state) : "null");
  line += ",\"pid\":" + (running && running->pid ? std::to_string(*running->pid) : "null");
  line += ",\"revision\":" +
          (running && !running->revision.empty() ? json_quote(running->revision) : "null");
  line += ",\"restarts\":" + std::to_string(running ? running->restarts : 0);
  line += ",\"gateway\":" + (running ? std::to_string(running->gateway) : "null");
  line += ",\"artefact\":" + (entry.artefact ? json_quote(entry.artefact->digest.text()) : "null");
  const auto publisher = signed_by(entry);
  line += ",\"signed_by\":" + (publisher ? json_quote(*publisher) : "null");
  line += ",\"waiting\":" + std::to_string(waiting);
  line += ",\"last_error\":" + json_quote(last_error(trust, running));
  line += ",\"last_words\":" + json_quote(running ? running->last_words : "");
  return line + "}";
}

// By server: changes to staged scopes that were refused and wait for a decision.
Result<std::map<std::string, std::size_t>> waiting_changes(const Invocation& call) {
  auto book = CustodyBook::open(call.home);
  if (!book) return book.refusal();
  auto changes = (*book)->waiting();
  if (!changes) return changes.refusal();
  std::map<std::string, std::size_t> counts;
  for (const HeldChange& change : *changes) ++counts[change.server];
  return counts;
}

Style style_of(const Trust& trust) {
  if (trust.state == "approved") return Style::good;
  if (trust.state == "changed") return Style::warning;
  return trust.state == "disabled" ? Style::faint : Style::plain;
}

void add_row(Table& table, const ServerEntry& entry, const Trust& trust,
             const RunningServer* running) {
  std::string isolation = isolation_of(entry);
  if (is_lesser(running)) {
    const bool is_same = running->isolation == isolation;  // then the cgroup is what it lacks
    isolation = is_same ? isolation + ", no tree" : running->isolation + ", not " + isolation;
  }
  table.add({entry.name.text(), trust.state, isolation, std::to_string(trust.tools.approved),
             std::to_string(trust.tools.held), std::to_string(trust.tools.fresh),
             running ? running->state : "-",
             running && running->pid ? std::to_string(*running->pid) : "-",
             running && !running->revision.empty() ? running->revision : "-",
             running ? std::to_string(running->restarts) : "-", last_error(trust, running)},
            is_lesser(running) ? Style::warning : style_of(trust));
}

void tell_of_second_keys(Console& console, const ServerEntry& entry, const Trust& trust) {
  if (trust.second_key == 0) return;
  console.out << styled(console, Style::warning,
                        "\n" + std::to_string(trust.second_key) + " of " + entry.name.text() +
                            " waits for a second key: `toolgate review " + entry.name.text() + "`")
              << '\n';
}

// Which servers have no limit on all of their processes together.
void tell_of_trees(Console& console, const std::vector<RunningServer>& running) {
  std::string names;
  std::string why;
  for (const RunningServer& one : running) {
    if (one.limits != "process") continue;
    names += (names.empty() ? "" : ", ") + one.server;
    why = one.no_tree;
  }
  if (names.empty()) return;
  console.out << "\nLimits hold for each process alone, not for all of a server: " << visible(names)
              << "\n  " << visible(why) << "\n";
}

}  // namespace

int status_command(const Invocation& call) {
  Console& console = call.console;
  auto configuration = load_configuration(call);
  if (!configuration) return fail(console, configuration.refusal());
  auto store = open_store(call);
  if (!store) return fail(console, store.refusal());
  auto approved = load_approved(call.home, **store, configuration->approvals);
  if (!approved) return fail(console, approved.refusal());
  const std::vector<RunningServer> running = run_files(call.home)->running();
  Table table({{"SERVER", Table::Fit::shrink},
               {"STATE", Table::Fit::keep},
               {"ISOLATION", Table::Fit::keep},
               {"APPROVED", Table::Fit::keep},
               {"HELD", Table::Fit::keep},
               {"NEW", Table::Fit::keep},
               {"PROCESS", Table::Fit::keep},
               {"PID", Table::Fit::keep},
               {"REVISION", Table::Fit::keep},
               {"RESTARTS", Table::Fit::keep},
               {"LAST ERROR", Table::Fit::shrink}});
  auto waiting = waiting_changes(call);
  if (!waiting) return fail(console, waiting.refusal());
  const std::int64_t now_ns = now_utc_ns();
  std::vector<Trust> all;
  for (const ServerEntry& entry : configuration->servers) {
    auto trust = trust_of(**store, **approved, entry, now_ns);
    if (!trust) return fail(console, trust.refusal());
    std::vector<const RunningServer*> of_this;
    for (const RunningServer& one : running) {
      if (one.server == entry.name.text()) of_this.push_back(&one);
    }
    if (of_this.empty()) of_this.push_back(nullptr);
    for (const RunningServer* one : of_this) {
      if (call.has("json")) {
        console.out << json_line(console,
                                 status_json(entry, *trust, one, (*waiting)[entry.name.text()]))
                    << '\n';
      } else {
        add_row(table, entry, *trust, one);
      }
    }
    all.push_back(std::move(*trust));
  }
  if (!table.empty()) table.print(console);
  for (std::size_t at = 0; at < all.size() && !call.has("json"); ++at) {
    tell_of_second_keys(console, configuration->servers[at], all[at]);
  }
  for (const auto& [server, count] : *waiting) {
    if (call.has("json") || count == 0) continue;
    console.out << styled(console, Style::warning,
                          "\n" + std::to_string(count) + " refused " +
                              (count == 1 ? "change" : "changes") + " of " + visible(server) +
                              " to file names: `toolgate approvals list`")
                << std::endl;
  }
  if (!call.has("json")) tell_of_trees(console, running);
  for (const RunningServer& one : running) {
    if (call.has("json") || one.last_error.empty() || one.last_words.empty()) continue;
    console.out << "\nLast lines of " << visible(one.server) << " on stderr\n"
                << indented(one.last_words);
  }
  if (configuration->servers.empty() && !call.has("json")) {
    console.out << "no servers yet: `toolgate server add` or `toolgate import`" << std::endl;
  }
  if (!(*approved)->refused.empty()) {
    fail(console, Refusal(Reason::bad_signature, (*approved)->refused));
    return exit_status::findings;
  }
  return exit_status::done;
}

}  // namespace toolgate

#include <algorithm>
#include <map>
#include <ostream>
#include <set>

#include "gateway/cli/commands.hpp"
#include "gateway/cli/home.hpp"
#include "gateway/cli/last_review.hpp"
#include "gateway/cli/signing_key.hpp"
#include "gateway/cli/time_text.hpp"
#include "gateway/config/approval_rules.hpp"
#include "gateway/config/change_class.hpp"
#include "gateway/core/clock.hpp"
#include "gateway/core/document.hpp"
#include "gateway/store/decisions.hpp"
#include "gateway/store/sightings.hpp"

namespace toolgate {
namespace {

// Something that waits for a signature.
struct Candidate {
  Shown shown;
  std::vector<Finding> findings;
};

// The findings as review stored them; nothing that cannot be read is approved.
Result<std::vector<Finding>> read_findings(const std::string& json) {
  const Refusal damaged(
      Reason::storage, "the store holds findings that cannot be read: run `toolgate review` again");
  auto document = parse_document(Untrusted<std::string>(json), JsonLimits{});
  if (!document || !document->root().is_array()) return damaged;
  std::vector<Finding> findings;
  for (const Value& one : document->root().elements()) {
    const auto id = one.find("id");
    const auto severity = one.find("severity");
    const auto why = one.find("why");
    const auto path = one.find("path");
    const auto span = one.find("span");
    if (!id || !id->is_string() || !severity || !severity->is_string()) return damaged;
    Finding finding;
    finding.id = id->text();
    // An unknown severity is the worst one.
    finding.severity = severity->equals("note")   ? Severity::note
                       : severity->equals("soft") ? Severity::soft
                                                  : Severity::hard;
    if (why && why->is_string()) finding.why = why->text();
    if (path && path->is_string()) finding.pointer = path->text();
    if (span && span->is_array() && span->size() == 2) {
      finding.begin = static_cast<std::size_t>(span->elements()[0].integer().value_or(0));
      finding.end = static_cast<std::size_t>(span->elements()[1].integer().value_or(0));
    }
    findings.push_back(std::move(finding));
  }
  return findings;
}

bool is_hard(const Candidate& candidate) {
  return std::ranges::any_of(candidate.findings,
                             [](const Finding& f) { return f.severity == Severity::hard; });
}

// Everything that was shown, since one row that `review` did not write puts all of them in doubt.
Status check_seals(const std::vector<Shown>& shown, const ReviewSeal& seal) {
  for (const Shown& item : shown) {
    if (is_sealed(item, seal)) continue;
    return Refusal(Reason::bad_signature,
                   "what the store says was shown of " + visible(item_text(item.definition)) +
                       " of '" + item.server + "' was not written by `toolgate review`, or with " +
                       "another review.key (its seal is " +
                       (item.seal.empty() ? "missing" : "wrong") + "): run `toolgate review " +
                       item.server + "` again");
  }
  return done();
}

// Is the server, with all that it may reach, the one that was shown?
Status check_entry(const Invocation& call, const ServerEntry& entry,
                   const std::vector<Shown>& shown, const StoredServer* server) {
  const std::string& name = entry.name.text();
  const Digest identity = entry.identity();
  const Digest scopes = entry.scope_digest();
  bool same = !server || server->identity == identity;
  for (const Shown& item : shown) same = same && item.identity == identity;
  if (!same) {
    return Refusal(Reason::held,
                   "the server " + name + " is not the one that was shown: its entry in " +
                       call.configuration.string() + " has changed since; run `toolgate review " +
                       name + "` first");
  }
  if (std::ranges::all_of(shown, [&](const Shown& item) { return item.scopes == scopes; })) {
    return done();
  }
  return Refusal(Reason::held, "the scopes of '" + name +
                                   "' changed since they were shown: run `toolgate review " + name +
                                   "` again");
}

// What was shown of the server, if it still is the server that was shown.
Result<std::vector<Shown>> shown_items(const Invocation& call, Store& store,
                                       const ServerEntry& entry) {
  const std::string& name = entry.name.text();
  auto shown = store.shown(name);
  if (!shown) return shown.refusal();
  auto servers = store.servers();
  if (!servers) return servers.refusal();
  const auto server = std::ranges::find(*servers, name, &StoredServer::server);
  const bool is_known = server != servers->end();
  if (shown->empty() && !is_known) {
    return Refusal(Reason::held, "nothing was shown of " + name + " yet: run `toolgate review " +
                                     name + "` first");
  }
  auto seal = review_seal(call);
  if (!seal) return seal.refusal();
  auto sealed = check_seals(*shown, *seal);
  if (!sealed) return sealed.refusal();
  if (!is_last_review(call.home, name, *shown, *seal)) {
    return Refusal(Reason::bad_signature, "what the store says was shown of '" + name +
                                              "' is not what `toolgate review` showed last: run "
                                              "`toolgate review " +
                                              name + "` again");
  }
  auto same = check_entry(call, entry, *shown, is_known ? &*server : nullptr);
  if (!same) return same.refusal();
  return shown;
}

Result<std::vector<Candidate>> chosen_items(const Invocation& call, std::vector<Shown> shown) {
  const std::vector<std::string> wanted(call.arguments.begin() + 1, call.arguments.end());
  for (const std::string& text : wanted) {
    const auto count = std::ranges::count_if(
        shown, [&](const Shown& item) { return names_item(text, item.definition); });
    if (count == 1) continue;
    std::vector<std::string> known;
    for (const Shown& item : shown) known.push_back(item_text(item.definition));
    const std::string near = suggestion(text, known);
    return Refusal(count == 0 ? Reason::not_found : Reason::ambiguous,
                   count > 1 ? visible(text) +
                                   " names several things: say tool:, prompt:, resource:, "
                                   "template: or skill: before it"
                             : call.arguments[0] + " did not show " + visible(text) +
                                   (near.empty() ? ": `toolgate review` shows what it offers"
                                                 : ": did you mean " + visible(near) + "?"));
  }
  std::vector<Candidate> chosen;
  for (Shown& item : shown) {
    const auto names = [&](const std::string& text) { return names_item(text, item.definition); };
    // What the server says that it can do goes with whatever is approved of it.
    const bool is_always = item.definition.kind == ItemKind::capabilities;
    if (!wanted.empty() && !is_always && std::ranges::none_of(wanted, names)) continue;
    auto pinned = pin(item.identity, item.definition);
    if (!pinned || pinned->pin != item.pin) {
      return Refusal(Reason::bad_signature,
                     "what the store says was shown of " + visible(item_text(item.definition)) +
                         " does not fit its own digest: run `toolgate review` again");
    }
    auto findings = read_findings(item.findings);
    if (!findings) return findings.refusal();
    chosen.push_back(Candidate{std::move(item), std::move(*findings)});
  }
  return chosen;
}

// Drops what is approved already, exactly so, and was not seen otherwise since.
void drop_approved(const Invocation& call, const Approved& approved,
                   std::vector<Candidate>& chosen) {
  if (call.has("expires")) return;
  const std::int64_t now_ns = now_utc_ns();
  const OpenSightings& open = approved.sightings;
  std::erase_if(chosen, [&](const Candidate& candidate) {
    const Definition& definition = candidate.shown.definition;
    const ServerIdentity& identity = candidate.shown.identity;
    const bool is_held =
        open.of(identity, definition.kind, definition.key) || open.flood_of(identity);
    if (is_held) return false;
    const Approval* approval =
        approved.book.approval(candidate.shown.identity, definition.kind, definition.key);
    return approval && approval->pin == candidate.shown.pin &&
           approval->scopes == candidate.shown.scopes &&
           (approval->expires_ns == 0 || approval->expires_ns > now_ns);
  });
}

// The first key's approval of just this, where it waits for a second one.
const Approval* first_of_two(const PinBook& pins, const Candidate& candidate) {
  const Shown& shown = candidate.shown;
  const Approval* first = pins.waiting(shown.identity, shown.definition.kind, shown.definition.key);
  return first && first->pin == shown.pin && first->scopes == shown.scopes ? first : nullptr;
}

// As it was shown. What is approved already, and just so, stays of the class that it was then.
std::string class_of(const PinBook& pins, const Candidate& candidate) {
  const Shown& shown = candidate.shown;
  if (!shown.change_class.empty()) return shown.change_class;
  const Approval* known =
      pins.approval(shown.identity, shown.definition.kind, shown.definition.key);
  const bool same = known && known->pin == shown.pin && known->scopes == shown.scopes;
  return same ? known->change_class : "";
}

// What `--class` leaves for another time.
struct Left {
  std::size_t count = 0;
  std::map<std::string, std::size_t> classes;
};

// Keeps what is of these classes; they are those that were shown, under its seal.
Left keep_classes(std::vector<Candidate>& chosen, const std::vector<ChangeClass>& classes) {
  Left left;
  std::erase_if(chosen, [&](const Candidate& candidate) {
    const bool wanted = std::ranges::any_of(classes, [&](ChangeClass one) {
      return change_class_name(one) == candidate.shown.change_class;
    });
    if (wanted) return false;
    ++left.count;
    const std::string& name = candidate.shown.change_class;
    ++left.classes[name.empty() ? "without a class" : name];
    return true;
  });
  return left;
}

void print_left(const Invocation& call, const ServerEntry& entry, const Left& left) {
  if (left.count == 0) return;
  std::string list;
  for (const auto& [name, count] : left.classes) {
    list += (list.empty() ? "" : ", ") + std::to_string(count) + " " + visible(name);
  }
  // With --json stdout holds what was approved, and nothing else.
  std::ostream& out = call.has("json") ? call.console.error : call.console.out;
  out << "left " << left.count << " of " << entry.name.text() << " (" << list
      << "): `toolgate review " << entry.name.text() << "` shows them\n"
      << std::flush;
}

int refuse_findings(const Invocation& call, const std::vector<Candidate>& chosen) {
  Console& console = call.console;
  console.error
      << styled(console, Style::bad, "toolgate:")
      << " nothing was approved: these have findings that withhold. Look at them with `toolgate "
         "review "
      << call.arguments[0] << "`; approve the others by name, or all with --accept-findings\n";
  for (const Candidate& candidate : chosen) {
    if (!is_hard(candidate)) continue;
    console.error << "  " << visible(item_text(candidate.shown.definition)) << '\n';
    for (const Finding& finding : candidate.findings) {
      if (finding.severity != Severity::hard) continue;
      console.error << "    " << visible(finding.id) << "  " << visible(finding.why) << '\n';
    }
  }
  console.error.flush();
  return exit_status::findings;
}

// What all approvals of one command have in common.
struct Signing {
  const ServerEntry& entry;
  const Approved& approved;  // before
  const ApprovalRules& rules;
  const SecretKey& key;
  std::int64_t expires_ns;
};

// May this key approve, and approve this? What it signed would count for nothing otherwise.
Status check_key(const Signing& by, const std::vector<Candidate>& chosen) {
  const std::string id = by.key.public_key().id();
  const TrustedKey* key = by.approved.keyring->find(by.key.public_key());
  if (key == nullptr) {
    return Refusal(Reason::bad_signature,
                   "the key " + id +
                       " is not trusted in this home, so that what it signs counts "
                       "for nothing: `toolgate keys list` shows the keys that are");
  }
  const std::int64_t now_ns = now_utc_ns();
  auto counts = key->counts(now_ns);
  if (!counts) return counts;
  if (!key->is_in_force(now_ns)) {
    return Refusal(Reason::bad_signature, "the key " + id + " ('" + key->name +
                                              "') has expired: sign with another one (--key), or "
                                              "run `toolgate keys rotate`");
  }
  for (const Candidate& candidate : chosen) {
    auto may = may_approve(by.rules, *key, class_of(by.approved.book, candidate));
    if (!may) {
      return Refusal(may.refusal().reason,
                     visible(item_text(candidate.shown.definition)) + ": " + may.refusal().detail);
    }
  }
  return done();
}

struct Signed {
  std::vector<Shown> basis;
  std::vector<StoredApproval> approvals;
  std::vector<Record> records;
};

// Exactly what was shown, whatever the configuration says by now.
Result<Signed> sign_all(const Signing& by, const std::vector<Candidate>& chosen) {
  Signed all;
  for (const Candidate& candidate : chosen) {
    Approval approval;
    approval.server = by.entry.name.text();
    approval.identity = candidate.shown.identity;
    approval.kind = candidate.shown.definition.kind;
    approval.key = candidate.shown.definition.key;
    approval.pin = candidate.shown.pin;
    approval.scopes = candidate.shown.scopes;
    approval.findings = candidate.shown.findings;
    approval.who = user_name();
    approval.time_ns = now_utc_ns();
    approval.expires_ns = by.expires_ns;
    approval.home = by.approved.keyring->home();
    approval.change_class = class_of(by.approved.book, candidate);
    auto record = sign_approval(approval, by.key);
    if (!record) return record.refusal();
    Record told;
    told.kind = "approval";
    told.server = approval.server;
    told.tool = item_text(candidate.shown.definition);
    told.decision = "allow";
    told.reason = "signed with key " + record->key_id;
    if (!candidate.shown.change_class.empty()) {
      told.reason += ", of the class " + candidate.shown.change_class;
    }
    told.findings = candidate.findings;
    told.pin = approval.pin.text();
    all.records.push_back(by_administrator(std::move(told)));
    all.basis.push_back(candidate.shown);
    all.approvals.push_back(StoredApproval{0, std::move(*record), candidate.shown.definition});
  }
  return all;
}

// Which of them need another key's approval before they count.
std::set<std::string> waiting_for_second(const PinBook& after,
                                         const std::vector<Candidate>& chosen) {
  std::set<std::string> waiting;
  for (const Candidate& candidate : chosen) {
    if (first_of_two(after, candidate)) waiting.insert(item_text(candidate.shown.definition));
  }
  return waiting;
}

std::string approved_json(const Signing& by, const Shown& shown, const std::string& change_class,
                          bool waits) {
  std::string line = "{\"server\":" + json_quote(by.entry.name.text()) +
                     ",\"kind\":" + json_quote(item_kind_name(shown.definition.kind)) +
                     ",\"tool\":" + json_quote(shown.definition.key) +
                     ",\"pin\":" + json_quote(shown.pin.text()) +
                     ",\"scopes\":" + json_quote(shown.scopes.text()) +
                     ",\"key\":" + json_quote(by.key.public_key().id()) +
                     ",\"class\":" + json_quote(change_class) +
                     ",\"waits\":" + (waits ? "\"second key\"" : "null");
  if (by.expires_ns > 0) line += ",\"expires\":" + json_quote(utc_text(by.expires_ns));
  return line + "}";
}

void print_approved(const Invocation& call, const Signing& by, const std::vector<Candidate>& chosen,
                    const PinBook& after) {
  Console& console = call.console;
  const auto waiting = waiting_for_second(after, chosen);
  Table table({{"KIND", Table::Fit::keep},
               {"ITEM", Table::Fit::shrink},
               {"FINDINGS", Table::Fit::keep},
               {"PIN", Table::Fit::shrink}});
  for (const Candidate& candidate : chosen) {
    const Shown& shown = candidate.shown;
    if (call.has("json")) {
      const bool waits = waiting.contains(item_text(shown.definition));
      console.out << json_line(console, approved_json(by, shown,
                                                      class_of(by.approved.book, candidate), waits))
                  << '\n';
      continue;
    }
    table.add({std::string(item_kind_name(shown.definition.kind)), shown.definition.key,
               std::to_string(candidate.findings.size()), shown.pin.text()});
  }
  if (call.has("json")) return;
  const std::string& server = by.entry.name.text();
  if (!table.empty()) table.print(console);
  console.out << "approved " << chosen.size() << " of " << server << ", signed with key "
              << by.key.public_key().id() << "\nscopes " << chosen.front().shown.scopes.text()
              << '\n';
  if (!waiting.empty()) {
    console.out << styled(console, Style::warning, "a second key is needed") << " before "
                << waiting.size() << " of them count: who has it runs `toolgate review " << server
                << "`, then `toolgate approve " << server << " --key FILE`\n";
  }
  console.out << std::flush;
}

// Nothing is approved, and the log says why; a name that nobody has is only a slip.
int refuse(const Invocation& call, const ServerEntry& entry, const Refusal& why) {
  const bool is_slip = why.reason == Reason::not_found || why.reason == Reason::ambiguous;
  if (!is_slip) {
    Record refused;
    refused.kind = "approval.refused";
    refused.server = entry.name.text();
    refused.decision = "deny";
    refused.reason = why.detail;
    auto recorded = record_act(call, std::move(refused));
    if (!recorded) return fail(call.console, recorded.refusal());
  }
  return fail(call.console, why);
}

// What waits for a signature.
Result<std::vector<Candidate>> candidates(const Invocation& call, Store& store,
                                          const ServerEntry& entry, const Approved& approved) {
  auto shown = shown_items(call, store, entry);
  if (!shown) return shown.refusal();
  auto chosen = chosen_items(call, std::move(*shown));
  if (!chosen) return chosen.refusal();
  drop_approved(call, approved, *chosen);
  return chosen;
}

// Not again what this key has approved, and what waits for another one.
bool drop_own_first(const Invocation& call, const Signing& by, std::vector<Candidate>& chosen) {
  if (call.has("expires")) return false;
  return std::erase_if(chosen, [&](const Candidate& candidate) {
           const Approval* first = first_of_two(by.approved.book, candidate);
           const bool counts =
               first && (first->expires_ns == 0 || first->expires_ns > now_utc_ns());
           return counts && first->key_id == by.key.public_key().id();
         }) > 0;
}

int sign_and_store(const Invocation& call, Store& store, const Signing& by,
                   std::vector<Candidate> chosen) {
  auto may = check_key(by, chosen);
  if (!may) return refuse(call, by.entry, may.refusal());
  const bool own = drop_own_first(call, by, chosen);
  if (own && chosen.empty()) {
    return refuse(call, by.entry,
                  Refusal(Reason::held, "the key " + by.key.public_key().id() +
                                            " has approved this already, and it waits for a second "
                                            "key: sign with another one (--key FILE)"));
  }
  auto all = sign_all(by, chosen);
  if (!all) return fail(call.console, all.refusal());
  const std::string who = user_name();
  auto stored = put_approvals(store, Decider{call.home, by.key, who}, by.rules, all->basis,
                              all->approvals, std::move(all->records));
  if (!stored) return refuse(call, by.entry, stored.refusal());
  auto after = load_approved(call.home, store, by.rules);
  if (!after) return fail(call.console, after.refusal());
  print_approved(call, by, chosen, (*after)->book);
  return exit_status::done;
}

}  // namespace

int approve_command(const Invocation& call) {
  Console& console = call.console;
  auto configuration = load_configuration(call);
  if (!configuration) return fail(console, configuration.refusal());
  auto entry = find_server(call, *configuration, call.arguments[0]);
  if (!entry) return fail(console, entry.refusal());
  const auto end = call.option("expires");
  auto expires_ns = end ? parse_end(*end, now_utc_ns()) : Result<std::int64_t>(0);
  if (!expires_ns) return fail_usage(console, expires_ns.refusal().detail, call.command.name);
  Result<std::vector<ChangeClass>> classes = std::vector<ChangeClass>();
  if (const auto list = call.option("class")) classes = change_classes_from(*list);
  if (!classes) return fail_usage(console, classes.refusal().detail, call.command.name);
  auto store = open_store(call);
  if (!store) return fail(console, store.refusal());
  auto approved = approved_here(call, **store, configuration->approvals);
  if (!approved) return fail(console, approved.refusal());
  auto chosen = candidates(call, **store, *entry, **approved);
  if (!chosen) return refuse(call, *entry, chosen.refusal());
  const Left left = call.has("class") ? keep_classes(*chosen, *classes) : Left{};
  if (!call.has("accept-findings") && std::ranges::any_of(*chosen, is_hard)) {
    return refuse_findings(call, *chosen);
  }
  if (chosen->empty()) {
    if (!call.has("json")) {
      console.out << "nothing of " << entry->name.text() << " waits for approval"
                  << (left.count > 0 ? " that is of these classes\n" : "\n") << std::flush;
    }
    print_left(call, *entry, left);
    return exit_status::done;
  }
  auto key = load_signing_key(call);  // may ask for a passphrase, and wait for it
  if (!key) return fail(console, key.refusal());
  const Signing by{*entry, **approved, configuration->approvals, *key, *expires_ns};
  const int status = sign_and_store(call, **store, by, std::move(*chosen));
  if (status == exit_status::done) print_left(call, *entry, left);
  return status;
}

}  // namespace toolgate

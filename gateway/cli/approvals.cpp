// `toolgate approvals`: what was refused and waits for a person.

#include <chrono>
#include <thread>

#include "connectors/custodian.hpp"
#include "connectors/sandbox/protected_names.hpp"
#include "gateway/cli/commands.hpp"
#include "gateway/cli/file_records.hpp"
#include "gateway/cli/home.hpp"
#include "gateway/core/clock.hpp"
#include "gateway/core/document.hpp"
#include "gateway/core/json_text.hpp"
#include "gateway/store/custody_book.hpp"
#include "gateway/store/held_change.hpp"

namespace toolgate {
namespace {

constexpr auto look_every = std::chrono::milliseconds(500);
constexpr std::string_view why = "no name disappears in a rw-no-delete scope";

// JSON for any bytes.
std::string quoted(const std::string& text) {
  std::string out;
  if (is_utf8(text)) {
    append_json_quote(out, text);
  } else {
    append_ascii_quote(out, text);
  }
  return out;
}

std::string arguments_json(const FileNote& note) {
  std::string out = "{\"path\":" + quoted(note.path);
  if (!note.to.empty()) out += ",\"to\":" + quoted(note.to);
  return out + "}";
}

std::string json_of(const HeldChange& change) {
  return "{\"id\":" + json_quote(change.note.id) +
         ",\"time\":" + json_quote(utc_text(change.time_ns)) +
         ",\"agent\":null,\"server\":" + json_quote(change.server) +
         ",\"tool\":null,\"effect\":" + json_quote(effect_name(change.note.effect)) +
         ",\"why\":" + json_quote(why) +
         ",\"expires\":null,\"arguments\":" + arguments_json(change.note) +
         ",\"state\":" + json_quote(state_name(change.state)) + "}";
}

std::string what_of(const FileNote& note) {
  return note.to.empty() ? note.path : note.path + " -> " + note.to;
}

void print(const Invocation& call, const std::vector<HeldChange>& changes) {
  if (call.has("json")) {
    for (const HeldChange& change : changes) {
      call.console.out << json_line(call.console, json_of(change)) << '\n';
    }
    return;
  }
  Table table({{"ID", Table::Fit::keep},
               {"TIME", Table::Fit::keep},
               {"SERVER", Table::Fit::shrink},
               {"EFFECT", Table::Fit::keep},
               {"WHAT", Table::Fit::shrink}});
  for (const HeldChange& change : changes) {
    table.add({change.note.id, short_time(change.time_ns), change.server,
               std::string(effect_name(change.note.effect)), what_of(change.note)});
  }
  if (!table.empty()) table.print(call.console);
}

Result<HeldChange> find(CustodyBook& book, const std::string& id) {
  auto change = book.held(id);
  if (!change) return change.refusal();
  if (!*change) {
    return Refusal(Reason::not_found, "nothing waits under the id " + visible(id) +
                                          ": `toolgate approvals list` shows what does");
  }
  return std::move(**change);
}

// Of this decision, without what was decided.
Record record_of(const HeldChange& change) {
  Record record;
  record.server = change.server;
  record.method = effect_name(change.note.effect);
  record.arguments =
      "{\"id\":" + json_quote(change.note.id) + "," + arguments_json(change.note).substr(1);
  return record;
}

Status record_decision(const Invocation& call, const HeldChange& change, const char* decision,
                       const std::string& reason) {
  Record record = record_of(change);
  record.kind = "file.decision";
  record.decision = decision;
  record.reason = reason;
  return record_act(call, std::move(record));
}

// What the server may not make itself, a decision does not make for it. A removal makes nothing.
Result<ProtectedNames> names_for(const Invocation& call, const HeldChange& change) {
  if (change.note.effect == FileNote::Effect::remove) return ProtectedNames::make({});
  const std::string& server = change.server;
  auto configuration = load_configuration(call);
  if (!configuration) return configuration.refusal();
  std::vector<std::string> changes;
  bool is_known = server == run_server;
  for (const ServerEntry& entry : configuration->servers) {
    if (entry.name.text() != server) continue;
    is_known = true;
    changes = entry.protect;
  }
  // The scopes of `toolgate run` have the default list, whatever a server of that name takes off.
  if (server == run_server)
    std::erase_if(changes, [](auto& name) { return name.starts_with('!'); });
  if (is_known) return ProtectedNames::make(changes);
  return Refusal(Reason::not_found,
                 "the server '" + visible(server) +
                     "' is not configured any more, so that nobody knows which names are protected "
                     "from it: make the change by hand, and `toolgate approvals deny` it here");
}

// On record before anything happens, and what came of it after; done before it counts as decided.
Status allow(const Invocation& call, CustodyBook& book, const std::string& id) {
  auto change = find(book, id);
  if (!change) return change.refusal();
  if (change->state != HeldChange::State::waits) {
    return Refusal(Reason::not_found, id + " was " + std::string(state_name(change->state)) +
                                          " already: `toolgate approvals list` shows what waits");
  }
  auto names = names_for(call, *change);
  if (!names) return names.refusal();
  Status recorded = record_decision(call, *change, "allow", "an administrator allowed " + id);
  if (!recorded) return recorded;
  auto made = make_held_change(book, *change, *names);
  recorded = record_file_outcome(call, record_of(*change), made);
  if (!made) return made.refusal();
  Status decided = book.decide(id, HeldChange::State::allowed);
  if (!decided) return decided;
  call.console.out << "done: " << effect_name(change->note.effect) << " "
                   << visible(what_of(change->note))
                   << (*made ? " (content kept: " + **made + ")" : std::string()) << std::endl;
  return recorded;
}

Status deny(const Invocation& call, CustodyBook& book, const std::string& id) {
  auto change = find(book, id);
  if (!change) return change.refusal();
  Status recorded = record_decision(call, *change, "deny", "an administrator denied " + id);
  if (!recorded) return recorded;
  Status decided = book.decide(id, HeldChange::State::denied);
  if (!decided) {
    recorded = record_file_outcome(call, record_of(*change), decided.refusal());
    return recorded ? decided : recorded;
  }
  call.console.out << "denied: " << visible(what_of(change->note)) << " stays" << std::endl;
  return done();
}

int decide_all(const Invocation& call,
               Status (*decide)(const Invocation&, CustodyBook&, const std::string&)) {
  auto book = CustodyBook::open(call.home);
  if (!book) return fail(call.console, book.refusal());
  int status = exit_status::done;
  for (const std::string& id : call.arguments) {
    Status decided = decide(call, **book, id);
    if (!decided) status = fail(call.console, decided.refusal());
  }
  return status;
}

}  // namespace

int approvals_list_command(const Invocation& call) {
  auto book = CustodyBook::open(call.home);
  if (!book) return fail(call.console, book.refusal());
  auto waiting = (*book)->waiting();
  if (!waiting) return fail(call.console, waiting.refusal());
  print(call, *waiting);
  if (waiting->empty() && !call.has("json")) call.console.error << "nothing waits" << std::endl;
  return exit_status::done;
}

int approvals_show_command(const Invocation& call) {
  auto book = CustodyBook::open(call.home);
  if (!book) return fail(call.console, book.refusal());
  auto change = find(**book, call.arguments[0]);
  if (!change) return fail(call.console, change.refusal());
  if (call.has("json")) {
    call.console.out << json_line(call.console, json_of(*change)) << std::endl;
    return exit_status::done;
  }
  const std::pair<const char*, std::string> lines[] = {
      {"id      ", change->note.id},
      {"state   ", std::string(state_name(change->state))},
      {"time    ", utc_text(change->time_ns)},
      {"server  ", change->server},
      {"effect  ", std::string(effect_name(change->note.effect))},
      {"path    ", change->note.path},
      {"to      ", change->note.to},
      {"why     ", std::string(why)}};
  for (const auto& [name, text] : lines) {
    if (text.empty()) continue;
    call.console.out << styled(call.console, Style::faint, name) << "  " << visible(text) << '\n';
  }
  call.console.out << std::flush;
  return exit_status::done;
}

int approvals_allow_command(const Invocation& call) { return decide_all(call, allow); }

int approvals_deny_command(const Invocation& call) { return decide_all(call, deny); }

// Until it is interrupted, or nobody reads any more.
int approvals_watch_command(const Invocation& call) {
  auto book = CustodyBook::open(call.home);
  if (!book) return fail(call.console, book.refusal());
  std::string last;
  while (call.console.out) {
    auto waiting = (*book)->waiting();
    if (!waiting) return fail(call.console, waiting.refusal());
    std::vector<HeldChange> fresh;
    for (HeldChange& change : *waiting) {
      if (change.note.id > last) fresh.push_back(std::move(change));
    }
    if (!fresh.empty()) {
      print(call, fresh);
      call.console.out << std::flush;
      last = fresh.back().note.id;  // ids grow with time
    }
    std::this_thread::sleep_for(look_every);
  }
  return exit_status::done;
}

}  // namespace toolgate

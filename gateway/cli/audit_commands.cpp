#include <poll.h>
#include <unistd.h>

#include <charconv>

#include "gateway/cli/commands.hpp"
#include "gateway/cli/home.hpp"
#include "gateway/cli/time_text.hpp"
#include "gateway/core/clock.hpp"
#include "gateway/core/document.hpp"

namespace toolgate {
namespace {

Result<std::optional<std::int64_t>> moment(const Invocation& call, std::string_view option) {
  const auto text = call.option(option);
  std::optional<std::int64_t> found;
  if (!text) return found;
  auto age = parse_duration(*text);
  if (age) {
    found = now_utc_ns() - *age;
    return found;
  }
  auto time = parse_time(*text);
  if (!time) return time.refusal();
  found = *time;
  return found;
}

Result<std::size_t> limit(const Invocation& call, std::size_t otherwise) {
  const auto text = call.option("limit");
  if (!text) return otherwise;
  std::size_t count = 0;
  const auto read = std::from_chars(text->data(), text->data() + text->size(), count);
  if (read.ec != std::errc() || read.ptr != text->data() + text->size() || count > 10'000'000) {
    return Refusal(Reason::usage, "--limit is a number up to 10,000,000");
  }
  return count;
}

Result<AuditQuery> described_query(const Invocation& call, std::size_t default_limit) {
  AuditQuery query;
  query.agent = call.option_or("agent", "");
  query.session = call.option_or("session", "");
  query.server = call.option_or("server", "");
  query.tool = call.option_or("tool", "");
  query.kind = call.option_or("kind", "");
  query.decision = call.option_or("decision", "");
  auto since_ns = moment(call, "since");
  if (!since_ns) return since_ns.refusal();
  auto until_ns = moment(call, "until");
  if (!until_ns) return until_ns.refusal();
  auto most = limit(call, default_limit);
  if (!most) return most.refusal();
  query.since_ns = *since_ns;
  query.until_ns = *until_ns;
  query.limit = *most;
  return query;
}

// A field as text: strings decoded, everything else as its JSON.
std::string field(const Value& record, std::string_view name) {
  const auto value = record.find(name);
  if (!value) return {};
  return value->is_string() ? value->text() : std::string(value->raw());
}

Table record_table() {
  return Table({{"TIME", Table::Fit::keep},
                {"KIND", Table::Fit::keep},
                {"AGENT", Table::Fit::shrink},
                {"SERVER", Table::Fit::shrink},
                {"TOOL", Table::Fit::shrink},
                {"DECISION", Table::Fit::keep},
                {"REASON", Table::Fit::shrink},
                {"ID", Table::Fit::keep}});
}

Style style_of(const std::string& decision) {
  if (decision == "deny" || decision == "withhold") return Style::bad;
  if (decision == "error" || decision == "sanitise") return Style::warning;
  return Style::plain;
}

// A record as --json prints it: what it leaves out is null (or no findings), so that every line has
// every field of the contract.
std::string with_every_field(const std::string& json) {
  constexpr std::string_view fields[] = {"id",         "time",      "kind",     "agent",  "session",
                                         "server",     "tool",      "decision", "reason", "rule",
                                         "findings",   "arguments", "result",   "pin",    "policy",
                                         "latency_us", "trace"};
  auto document = parse_document(Untrusted<std::string>(json), JsonLimits{});
  if (!document || !document->root().is_object()) return json;
  std::string out = json.substr(0, document->root().end() - 1);
  for (std::string_view field : fields) {
    if (document->root().find(field)) continue;
    out += ",\"" + std::string(field) + (field == "findings" ? "\":[]" : "\":null");
  }
  return out + "}";
}

Status add_record(Table& table, const std::string& json) {
  auto document = parse_document(Untrusted<std::string>(json), JsonLimits{});
  if (!document) return document.refusal();
  const Value record = document->root();
  std::string time = field(record, "time").substr(0, 23);
  if (const auto at = time.find('T'); at != std::string::npos) time[at] = ' ';
  const std::string decision = field(record, "decision");
  table.add({time, field(record, "kind"), field(record, "agent"), field(record, "server"),
             field(record, "tool"), decision, field(record, "reason"), field(record, "id")},
            style_of(decision));
  return done();
}

int print_records(const Invocation& call, const std::vector<AuditRow>& rows) {
  Table table = record_table();
  for (const AuditRow& row : rows) {
    if (call.has("json")) {
      call.console.out << json_line(call.console, with_every_field(row.json)) << '\n';
      continue;
    }
    auto added = add_record(table, row.json);
    if (!added) return fail(call.console, added.refusal());
  }
  if (!table.empty()) table.print(call.console);
  call.console.out.flush();
  return exit_status::done;
}

constexpr std::string_view csv_fields[] = {
    "id",     "time",     "kind",   "agent",      "session",  "server",
    "tool",   "decision", "reason", "rule",       "findings", "arguments",
    "result", "pin",      "policy", "latency_us", "trace"};

// RFC 4180. A spreadsheet runs what looks like a formula, and tool names are chosen by servers.
std::string csv_cell(const std::string& text) {
  const bool formula =
      !text.empty() && std::string_view("=+-@\t\r").find(text[0]) != std::string_view::npos;
  std::string out = formula ? "\"'" : "\"";
  for (char c : text) {
    out += c;
    if (c == '"') out += c;
  }
  return out + '"';
}

int print_csv(const Invocation& call, const std::vector<AuditRow>& rows) {
  std::string line;
  for (std::string_view name : csv_fields) line.append(line.empty() ? "" : ",").append(name);
  call.console.out << line << "\r\n";
  for (const AuditRow& row : rows) {
    auto document = parse_document(Untrusted<std::string>(row.json), JsonLimits{});
    if (!document) return fail(call.console, document.refusal());
    line.clear();
    for (std::string_view name : csv_fields) {
      const std::string text = field(document->root(), name);
      if (name != csv_fields[0]) line += ',';
      if (!text.empty()) line += name == "latency_us" ? text : csv_cell(text);
    }
    call.console.out << line << "\r\n";
  }
  return exit_status::done;
}

// Waits; true as soon as the reader of a pipe on stdout has gone (POLLERR needs no asking for).
bool nobody_reads(int pause_ms) {
  pollfd reader{.fd = STDOUT_FILENO, .events = 0, .revents = 0};
  return ::poll(&reader, 1, pause_ms) > 0 && (reader.revents & POLLERR) != 0;
}

// Prints what comes from now on, until the process is interrupted or nobody reads any more.
int follow(const Invocation& call, Store& store, AuditQuery query, std::int64_t last) {
  constexpr int pause_ms = 200;
  query.limit = 1'000;
  while (call.console.out) {
    query.after_sequence = last;
    auto rows = audit_rows(store, query);
    if (!rows) return fail(call.console, rows.refusal());
    for (const AuditRow& row : *rows) {
      last = row.sequence;
      if (call.has("json")) {
        call.console.out << json_line(call.console, with_every_field(row.json)) << '\n';
        continue;
      }
      auto document = parse_document(Untrusted<std::string>(row.json), JsonLimits{});
      if (!document) return fail(call.console, document.refusal());
      const Value record = document->root();
      std::string line;
      for (const char* name :
           {"time", "kind", "agent", "server", "tool", "decision", "reason", "id"}) {
        const std::string text = visible(field(record, name));
        if (!text.empty()) line += (line.empty() ? "" : "  ") + text;
      }
      call.console.out << styled(call.console, style_of(field(record, "decision")), line) << '\n';
    }
    call.console.out.flush();
    if (rows->empty() && nobody_reads(pause_ms)) break;
  }
  return exit_status::done;
}

}  // namespace

int audit_query_command(const Invocation& call) {
  if (call.has("json") && call.has("csv")) {
    return fail_usage(call.console, "choose one of --json and --csv", call.command.name);
  }
  auto query = described_query(call, 100);
  if (!query) return fail_usage(call.console, query.refusal().detail, call.command.name);
  auto store = open_store(call);
  if (!store) return fail(call.console, store.refusal());
  auto rows = audit_rows(**store, *query);
  if (!rows) return fail(call.console, rows.refusal());
  return call.has("csv") ? print_csv(call, *rows) : print_records(call, *rows);
}

int audit_show_command(const Invocation& call) {
  auto store = open_store(call);
  if (!store) return fail(call.console, store.refusal());
  AuditQuery query;
  query.id = call.arguments[0];
  auto rows = audit_rows(**store, query);
  if (!rows) return fail(call.console, rows.refusal());
  if (rows->empty()) {
    return fail(call.console, Refusal(Reason::not_found, "there is no record " + visible(query.id) +
                                                             ": `toolgate audit query` shows ids"));
  }
  const std::string& json = rows->front().json;
  if (call.has("json")) {
    call.console.out << json_line(call.console, with_every_field(json)) << std::endl;
    return exit_status::done;
  }
  auto document = parse_document(Untrusted<std::string>(json), JsonLimits{});
  if (!document) return fail(call.console, document.refusal());
  for (const Member& member : document->root().members()) {
    std::string name = member.name;
    name.resize(std::max<std::size_t>(name.size(), 12), ' ');
    const std::string text =
        member.value.is_string() ? member.value.text() : std::string(member.value.raw());
    call.console.out << styled(call.console, Style::faint, name) << "  " << visible(text) << '\n';
  }
  call.console.out << styled(call.console, Style::faint, "sequence    ") << "  "
                   << rows->front().sequence << std::endl;
  return exit_status::done;
}

int audit_tail_command(const Invocation& call) {
  auto query = described_query(call, 20);
  if (!query) return fail_usage(call.console, query.refusal().detail, call.command.name);
  auto store = open_store(call);
  if (!store) return fail(call.console, store.refusal());
  auto last = last_audit_sequence(**store);
  if (!last) return fail(call.console, last.refusal());
  auto rows = audit_rows(**store, *query);
  if (!rows) return fail(call.console, rows.refusal());
  if (!rows->empty()) *last = std::max(*last, rows->back().sequence);
  const int status = print_records(call, *rows);
  if (status != exit_status::done || !call.has("follow")) return status;
  return follow(call, **store, *query, *last);
}

}  // namespace toolgate

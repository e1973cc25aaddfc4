#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "gateway/cli/commands.hpp"
#include "gateway/cli/home.hpp"
#include "gateway/cli/signing_key.hpp"
#include "gateway/config/edit.hpp"
#include "gateway/config/import.hpp"
#include "gateway/core/clock.hpp"
#include "gateway/core/document.hpp"
#include "gateway/store/decisions.hpp"

namespace toolgate {
namespace {

Result<std::vector<std::pair<std::string, std::string>>> pairs(const Invocation& call,
                                                               std::string_view option) {
  std::vector<std::pair<std::string, std::string>> all;
  for (const std::string& text : call.all(option)) {
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Refusal(Reason::usage, "--" + std::string(option) + " is written as KEY=VALUE");
    }
    all.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return all;
}

Result<NewServer> described_server(const Invocation& call) {
  NewServer server;
  server.command = call.rest;
  server.url = call.option_or("url", "");
  if (server.command.empty() == server.url.empty()) {
    return Refusal(Reason::usage, "say either -- COMMAND... or --url URL");
  }
  auto env = pairs(call, "env");
  if (!env) return env.refusal();
  auto headers = pairs(call, "header");
  if (!headers) return headers.refusal();
  server.env = std::move(*env);
  server.headers = std::move(*headers);
  server.type = call.option("type");
  server.cwd = call.option("cwd");
  server.prefix = call.option("prefix");
  server.isolation = call.option("isolation");
  for (FileMode mode : {FileMode::ro, FileMode::rw, FileMode::rw_no_delete}) {
    for (const std::string& path : call.all(mode_name(mode))) {
      std::error_code error;
      const bool is_plain = !path.starts_with('~') && !path.starts_with("${");
      const auto absolute = std::filesystem::absolute(path, error);
      server.files.emplace_back(is_plain && !error ? absolute.lexically_normal().string() : path,
                                mode);
    }
  }
  return server;
}

Record configuration_record(const std::string& server, std::string reason) {
  Record record;
  record.kind = "configuration";
  record.server = server;
  record.decision = "allow";
  record.reason = std::move(reason);
  return record;
}

std::string transport_name(Transport transport) {
  switch (transport) {
    case Transport::stdio:
      return "stdio";
    case Transport::streamable_http:
      return "http";
    case Transport::sse:
      return "sse";
  }
  return "";
}

// "a, b, c and 7 others": an import may bring thousands.
std::string some_of(const std::vector<std::string>& names) {
  constexpr std::size_t shown = 3;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), shown); ++i) {
    text += (i > 0 ? ", " : "") + names[i];
  }
  if (names.size() > shown) text += " and " + std::to_string(names.size() - shown) + " others";
  return text;
}

// What a sandbox shows of the host is said as soon as a server is registered.
void tell_isolation(const Invocation& call, const std::vector<ServerName>& servers) {
  auto configuration = load_configuration(call);
  if (!configuration) return;
  std::vector<std::string> bare;
  std::vector<std::string> blind;
  for (const ServerName& name : servers) {
    const ServerEntry* entry = configuration->find(name);
    if (!entry || !entry->is_local()) continue;
    if (entry->isolation == Isolation::none) {
      bare.push_back(name.text());
    } else if (entry->files.empty()) {
      blind.push_back(name.text());
    }
  }
  auto note = [&](const std::vector<std::string>& names, std::string_view one,
                  std::string_view many, std::string_view rest) {
    if (names.empty()) return;
    call.console.error << styled(call.console, Style::warning, "note:") << " " << some_of(names)
                       << (names.size() == 1 ? one : many) << rest << std::endl;
  };
  note(bare, " runs", " run", " without a sandbox, with all your rights");
  note(blind, " runs", " run",
       " in a sandbox that has no network and none of your files: grant directories with "
       "\"toolgate\": {\"files\": [...]} in the entry (server add: --ro, --rw, --rw-no-delete)");
}

// How the file has it: variables in a command or URL may stand for secrets, so they stay variables.
struct Written {
  std::vector<std::string> command;
  std::string url;
};

Result<Document> configuration_document(const Invocation& call) {
  std::ifstream in(call.configuration);
  std::ostringstream text;
  text << in.rdbuf();
  return parse_configuration_text(Untrusted<std::string>(text.str()), JsonLimits{});
}

Written written(const Document& document, const std::string& name) {
  Written found;
  const auto servers = document.root().find("mcpServers");
  const auto entry = servers ? servers->find(name) : std::nullopt;
  if (!entry) return found;
  const auto command = entry->find("command");
  if (command && command->is_string()) found.command.push_back(command->text());
  const auto arguments = entry->find("args");
  if (arguments && arguments->is_array()) {
    for (const Value& one : arguments->elements()) found.command.push_back(one.text());
  }
  const auto url = entry->find("url");
  // What follows "?" may be a secret.
  if (url && url->is_string()) found.url = url->text().substr(0, url->text().find('?'));
  return found;
}

std::string list_json(const ServerEntry& entry, const Written& as_written) {
  std::string line = "{\"server\":" + json_quote(entry.name.text()) +
                     ",\"transport\":" + json_quote(transport_name(entry.transport));
  if (entry.is_local()) {
    line += ",\"isolation\":" + json_quote(isolation_name(entry.isolation));
    line += ",\"command\":[";
    for (std::size_t at = 0; at < as_written.command.size(); ++at) {
      line += (at > 0 ? "," : "") + json_quote(as_written.command[at]);
    }
    line += "]";
  } else {
    line += ",\"url\":" + json_quote(as_written.url);
  }
  return line + ",\"disabled\":" + (entry.disabled ? "true}" : "false}");
}

void print_notes(const Invocation& call, const std::vector<ImportNote>& notes) {
  for (const ImportNote& note : notes) {
    const bool matters =
        note.kind == ImportNote::Kind::danger || note.kind == ImportNote::Kind::left_out;
    call.console.out << "  "
                     << styled(call.console, matters ? Style::warning : Style::faint,
                               import_note_kind_name(note.kind))
                     << "  line " << note.place.line << "  "
                     << visible(note.server + (note.server.empty() ? "" : ": ") + note.what)
                     << '\n';
  }
}

std::string note_json(const ImportNote& note) {
  return "{\"kind\":" + json_quote(import_note_kind_name(note.kind)) +
         ",\"line\":" + std::to_string(note.place.line) +
         ",\"column\":" + std::to_string(note.place.column) + ",\"what\":" + json_quote(note.what) +
         "}";
}

// What the notes say about one server.
struct Noted {
  std::string json;
  bool left_out = false;
};

void print_import_json(const Invocation& call, const Merged& merged) {
  std::map<std::string, Noted> noted;
  std::vector<std::string> order;
  for (const ImportNote& note : merged.notes) {
    const auto [about, first] = noted.try_emplace(note.server);
    if (first) order.push_back(note.server);
    about->second.json += (about->second.json.empty() ? "" : ",") + note_json(note);
    if (note.kind == ImportNote::Kind::left_out) about->second.left_out = true;
  }
  std::set<std::string> told;
  const auto print = [&](const std::string& name, std::string_view state) {
    if (!told.insert(name).second) return;
    const std::string line = "{\"server\":" + json_quote(name) + ",\"state\":" + json_quote(state) +
                             ",\"notes\":[" + noted[name].json + "]}";
    call.console.out << json_line(call.console, line) << '\n';
  };
  for (const ServerName& name : merged.added) print(name.text(), "imported");
  for (const ServerName& name : merged.unchanged) print(name.text(), "unchanged");
  for (const std::string& name : order) {
    // A server without a state of its own came under another name, which its notes say.
    print(name, name.empty() ? "file" : noted[name].left_out ? "left_out" : "renamed");
  }
}

}  // namespace

int server_add_command(const Invocation& call) {
  const std::string& name = call.arguments[0];
  auto server = described_server(call);
  if (!server) return fail_usage(call.console, server.refusal().detail, call.command.name);
  auto entry = entry_json(*server);
  if (!entry) return fail(call.console, entry.refusal());
  auto store = open_store(call);  // nothing is changed that could not be recorded
  if (!store) return fail(call.console, store.refusal());
  const auto change = [&](const std::string& text) {
    return add_server(text, ServerName(name), *entry);
  };
  auto edited = edit_configuration(call.configuration, call.console.environment, change);
  if (!edited) return fail(call.console, edited.refusal());
  auto recorded = record_act(call, configuration_record(name, "a server was added"));
  if (!recorded) return fail(call.console, recorded.refusal());
  call.console.out << "added " << name << ": imported, nothing of it has been run or contacted\n"
                   << "Next: `toolgate review " << name << "`" << std::endl;
  tell_isolation(call, {ServerName(name)});
  return exit_status::done;
}

int server_list_command(const Invocation& call) {
  auto configuration = load_configuration(call);
  if (!configuration) return fail(call.console, configuration.refusal());
  auto document = configuration_document(call);
  if (!document) return fail(call.console, document.refusal());
  Table table({{"SERVER", Table::Fit::keep},
               {"TRANSPORT", Table::Fit::keep},
               {"ISOLATION", Table::Fit::keep},
               {"COMMAND OR URL", Table::Fit::shrink}});
  for (const ServerEntry& entry : configuration->servers) {
    const Written as_written = written(*document, entry.name.text());
    if (call.has("json")) {
      call.console.out << json_line(call.console, list_json(entry, as_written)) << '\n';
      continue;
    }
    std::string where = as_written.url;
    for (const std::string& word : as_written.command) where += (where.empty() ? "" : " ") + word;
    const std::string isolation(entry.is_local() ? isolation_name(entry.isolation) : "-");
    table.add({entry.name.text(), transport_name(entry.transport), isolation, where},
              entry.disabled ? Style::faint : Style::plain);
  }
  if (!table.empty()) table.print(call.console);
  return exit_status::done;
}

int server_remove_command(const Invocation& call) {
  const std::string& name = call.arguments[0];
  auto store = open_store(call);
  if (!store) return fail(call.console, store.refusal());
  const auto change = [&](const std::string& text) {
    return remove_server(text, ServerName(name));
  };
  auto count = count_approvals(**store, name, {});
  if (!count) return fail(call.console, count.refusal());
  // The key comes first: without it the server would be gone, and its approvals in force.
  Result<SecretKey> key = Refusal(Reason::usage, "no key is needed");
  if (*count > 0) {
    key = load_signing_key(call);
    if (!key) return fail(call.console, key.refusal());
  }
  auto edited = edit_configuration(call.configuration, call.console.environment, change);
  if (!edited) return fail(call.console, edited.refusal());
  const auto records = [&](std::size_t revoked) {
    return std::vector{by_administrator(configuration_record(
        name, "a server was removed, and " + std::to_string(revoked) + " approvals with it"))};
  };
  const std::string who = user_name();
  if (*count > 0) {
    count =
        revoke_approvals(**store, Decider{call.home, *key, who}, name, {}, now_utc_ns(), records);
    if (!count) return fail(call.console, count.refusal());
  } else {
    auto recorded = record_acts(call, records(0));
    if (!recorded) return fail(call.console, recorded.refusal());
  }
  call.console.out << "removed " << name << ", and revoked " << *count << " approvals" << std::endl;
  return exit_status::done;
}

int import_command(const Invocation& call) {
  ImportOptions options;
  options.isolation = call.option("isolation");
  if (const auto name = call.option("format")) {
    const auto format = harness_format_named(*name);
    if (!format) return fail_usage(call.console, format.refusal().detail, call.command.name);
    options.format = *format;
  }
  auto store = open_store(call);
  if (!store) return fail(call.console, store.refusal());
  auto merged =
      import_file(call.arguments[0], call.configuration, call.console.environment, options);
  if (!merged) return fail(call.console, merged.refusal());
  std::vector<Record> records;
  for (const ServerName& name : merged->added) {
    records.push_back(configuration_record(name.text(), "a server was imported"));
  }
  auto recorded = record_acts(call, std::move(records));
  if (!recorded) return fail(call.console, recorded.refusal());
  const bool left_out = std::ranges::any_of(merged->notes, [](const ImportNote& note) {
    return note.kind == ImportNote::Kind::left_out;
  });
  const bool nothing = merged->added.empty() && merged->unchanged.empty();
  const int status = nothing && left_out ? exit_status::failed : exit_status::done;
  if (call.has("json")) {
    print_import_json(call, *merged);
    return status;
  }
  call.console.out << "read as " << harness_format_name(merged->format) << '\n';
  for (const ServerName& name : merged->added) {
    call.console.out << styled(call.console, Style::good, "imported") << "  " << name.text()
                     << '\n';
  }
  for (const ServerName& name : merged->unchanged) {
    call.console.out << "unchanged " << name.text() << '\n';
  }
  print_notes(call, merged->notes);
  call.console.out.flush();
  tell_isolation(call, merged->added);
  return status;
}

}  // namespace toolgate

#include "gateway/config/import.hpp"

#include <algorithm>
#include <set>
#include <system_error>
#include <tuple>
#include <utility>

#include "gateway/config/edit.hpp"
#include "gateway/config/file_text.hpp"
#include "gateway/config/import_entry.hpp"
#include "gateway/config/problems.hpp"

namespace toolgate {
namespace {

using config::Harness;
using config::printable;
using config::ServerSet;
using config::Start;
using NoteKind = ImportNote::Kind;

// A name of ours that is as near to the harness's as can be; may be empty.
std::string plain_name(std::string_view name) {
  std::string result;
  for (const char c : name) {
    const bool alphanumeric =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    const bool good = alphanumeric || c == '_' || c == '-' || c == '.';
    if (result.empty() && !alphanumeric) continue;
    const char next = good ? c : '-';
    if ((next == '_' || next == '-') && result.ends_with(next)) continue;
    result += next;
  }
  result.resize(std::min<std::size_t>(result.size(), 64));
  while (!result.empty() && result.back() == '-') result.pop_back();
  return result;
}

// Why our parser refuses the entry, without the place, which is in a text that nobody has seen.
std::optional<std::string> refused(const std::string& name, const std::string& entry,
                                   const Environment& environment) {
  const Result<Configuration> parsed = parse_configuration(
      "{\"mcpServers\":{" + json_quote(name) + ":" + entry + "}}", "/import", environment);
  if (parsed) return std::nullopt;
  std::string why = parsed.refusal().detail;
  why.resize(std::min(why.find('\n'), why.size()));
  const std::size_t place = why.find(": ");
  return place == std::string::npos ? why : why.substr(place + 2);
}

// The harness's own lists of which servers it starts at all.
class ServerLists {
 public:
  explicit ServerLists(const Value& root) {
    for (const std::string_view key : {"allowedMcpServers", "allowMCPServers"}) {
      if (const auto list = root.find(key)) read(*list, allowed_.emplace());
    }
    for (const std::string_view key : {"deniedMcpServers", "excludeMCPServers"}) {
      if (const auto list = root.find(key)) read(*list, denied_);
    }
    const auto mcp = root.find("mcp");
    if (!mcp) return;
    if (const auto list = mcp->find("allowed")) read(*list, allowed_.emplace());
    if (const auto list = mcp->find("excluded")) read(*list, denied_);
  }

  bool starts(const std::string& name) const {
    return !denied_.contains(name) && (!allowed_ || allowed_->contains(name));
  }
  // Elements that name no server: a command or an address.
  const std::vector<Value>& not_understood() const { return not_understood_; }

 private:
  void read(const Value& list, std::set<std::string>& names) {
    if (!list.is_array()) not_understood_.push_back(list);
    for (const Value& element : list.elements()) {
      const auto name = element.is_string() ? std::optional(element) : element.find("serverName");
      if (name && name->is_string()) {
        names.insert(name->text());
      } else {
        not_understood_.push_back(element);
      }
    }
  }

  std::optional<std::set<std::string>> allowed_;
  std::set<std::string> denied_;
  std::vector<Value> not_understood_;
};

class PlanReader {
 public:
  PlanReader(const Harness& harness, const Environment& environment)
      : harness_(harness), environment_(environment), lists_(harness.text.root()) {}

  ImportPlan read() && {
    plan_.format = harness_.text.format();
    for (const ServerSet& set : harness_.text.sets()) {
      for (const Member& member : set.servers.members()) read_server(member, set);
    }
    note_whole_file(harness_.text.root());
    std::ranges::sort(plan_.notes, {}, [](const ImportNote& note) {
      return std::tuple(note.place.line, note.place.column, note.what);
    });
    return std::move(plan_);
  }

 private:
  void note(NoteKind kind, const std::string& server, const Value& at, std::string what) {
    plan_.notes.push_back(ImportNote{kind, server, std::move(what), harness_.text.place(at)});
  }
  const ImportedServer* planned(const std::string& name) const {
    for (const ImportedServer& server : plan_.servers) {
      if (server.name.text() == name) return &server;
    }
    return nullptr;
  }

  // The name for the server here; empty where it has to stay behind, which is noted.
  std::string name_here(const Member& member, const Value& servers) {
    const std::string shown = printable(member.name);
    if (check_plain_name(member.name, "server")) return member.name;
    const std::string name = plain_name(member.name);
    if (servers.find(name) || planned(name) || !check_plain_name(name, "server")) {
      note(NoteKind::left_out, shown, member.value,
           "its name cannot be used here; give it another one first");
      return "";
    }
    note(NoteKind::changed, shown, member.value, "it is called '" + name + "' here");
    return name;
  }

  void read_server(const Member& member, const ServerSet& set) {
    const std::string shown = printable(member.name);
    if (!member.value.is_object()) {
      note(NoteKind::left_out, shown, member.value, "its entry is not an object");
      return;
    }
    const std::string name = name_here(member, set.servers);
    if (name.empty()) return;
    const Start start = lists_.starts(member.name) ? Start::as_written : Start::never;
    if (start == Start::never) {
      note(NoteKind::changed, shown, member.value,
           "the file's own lists keep the harness from starting it; it is disabled here");
    }
    if (set.project) {
      note(NoteKind::changed, shown, member.value,
           "it was for the project " + *set.project + " alone; here it is for every session");
    }
    config::Translated made =
        config::translate_entry(member.value, shown, start, harness_, plan_.notes);
    if (!made.hopeless) made.hopeless = refused(name, made.entry, environment_);
    if (!made.hopeless) made.hopeless = clash(name, made.entry);
    if (made.hopeless) {
      note(NoteKind::left_out, shown, member.value, std::move(*made.hopeless));
      return;
    }
    if (planned(name) != nullptr) return;  // the same server, of another project too
    plan_.servers.push_back(
        ImportedServer{ServerName(name), std::move(made.entry), harness_.text.place(member.value)});
  }

  std::optional<std::string> clash(const std::string& name, const std::string& entry) const {
    const ImportedServer* other = planned(name);
    if (other == nullptr || other->entry == entry) return std::nullopt;
    return "another server of that name stands earlier in the file; rename one";
  }

  void note_whole_file(const Value& root) {
    if (const auto inputs = root.find("inputs")) {
      note(NoteKind::dropped, "", *inputs,
           "'inputs' are asked by the harness; set variables instead");
    }
    if (const auto other = root.find("servers"); other && root.find("mcpServers")) {
      note(NoteKind::dropped, "", *other, "'servers' is not read, since there is 'mcpServers'");
    }
    if (const auto sandbox = root.find("sandbox");
        sandbox && harness_.text.format() == HarnessFormat::vscode) {
      note(NoteKind::danger, "", *sandbox, "'sandbox' confines the servers and is not taken over");
    }
    for (const Value& element : lists_.not_understood()) {
      note(NoteKind::danger, "", element,
           "a list of servers that may or may not be started has an element without a server's "
           "name, which is not taken over");
    }
  }

  const Harness& harness_;
  const Environment& environment_;
  const ServerLists lists_;
  ImportPlan plan_;
};

}  // namespace

std::string_view import_note_kind_name(ImportNote::Kind kind) {
  switch (kind) {
    case NoteKind::changed:
      return "changed";
    case NoteKind::dropped:
      return "dropped";
    case NoteKind::danger:
      return "danger";
    case NoteKind::left_out:
      return "left out";
  }
  return "changed";
}

Result<ImportPlan> read_harness_text(std::string text, const std::filesystem::path& file,
                                     const Environment& environment, const ImportOptions& options) {
  const Result<config::HarnessText> read =
      config::read_harness_format(std::move(text), file, options.format);
  if (!read) return read.refusal();
  if (read->sets().empty()) {
    const std::string_view expected =
        read->format() == HarnessFormat::codex ? "'mcp_servers'" : "'mcpServers' nor 'servers'";
    return Refusal(Reason::bad_configuration,
                   printable(file.string(), 4'096) + ":1:1: holds no servers: " +
                       (read->format() == HarnessFormat::codex ? "no " : "neither ") +
                       std::string(expected));
  }
  const Harness harness{*read, file.parent_path(), options};
  return PlanReader(harness, environment).read();
}

Result<Merged> merge_servers(const std::string& configuration, const ImportPlan& plan) {
  Merged merged;
  merged.format = plan.format;
  merged.text = configuration;
  merged.notes = plan.notes;
  for (const ImportedServer& server : plan.servers) {
    const Result<Document> ours =
        parse_configuration_text(Untrusted<std::string>(merged.text), config::file_limits);
    if (!ours) return ours.refusal();
    const Result<Document> entry =
        parse_document(Untrusted<std::string>(server.entry), config::file_limits);
    if (!entry) return entry.refusal();
    const std::optional<Value> servers = ours->root().find("mcpServers");
    const std::optional<Value> taken = servers ? servers->find(server.name.text()) : std::nullopt;
    if (!taken) {
      Result<std::string> text = add_server(merged.text, server.name, server.entry);
      if (!text) return text.refusal();
      merged.text = std::move(*text);
      merged.added.push_back(server.name);
    } else if (same_server(*taken, entry->root())) {
      merged.unchanged.push_back(server.name);
    } else {
      merged.notes.push_back(
          ImportNote{NoteKind::left_out, server.name.text(),
                     "there is another server of that name; rename or remove one", server.place});
    }
  }
  return merged;
}

Result<Merged> import_file(const std::filesystem::path& harness,
                           const std::filesystem::path& configuration,
                           const Environment& environment, const ImportOptions& options) {
  std::error_code error;
  std::filesystem::path named = std::filesystem::absolute(harness, error);
  if (error) named = harness;
  Result<std::string> text = config::read_file(named, config::Writers::anybody);
  if (!text) return text.refusal();
  const Result<ImportPlan> plan = read_harness_text(std::move(*text), named, environment, options);
  if (!plan) return plan.refusal();
  Merged merged;
  const Status written = edit_configuration(configuration, environment,
                                            [&](const std::string& before) -> Result<std::string> {
                                              Result<Merged> result = merge_servers(before, *plan);
                                              if (!result) return result.refusal();
                                              merged = std::move(*result);
                                              return merged.text;
                                            });
  if (!written) return written.refusal();
  return merged;
}

}  // namespace toolgate

#include "gateway/config/import.hpp"

#include <algorithm>
#include <array>
#include <map>
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

// What a project of Claude Code chooses among servers that stand elsewhere.
constexpr auto project_lists = std::to_array<std::string_view>(
    {"disabledMcpServers", "disabledMcpjsonServers", "enabledMcpjsonServers"});

bool lists(const std::optional<Value>& names, std::string_view name) {
  if (!names) return false;
  const std::vector<Value> elements = names->elements();
  return std::ranges::any_of(elements, [&](const Value& one) { return one.equals(name); });
}

class PlanReader {
 public:
  PlanReader(const Harness& harness, const Environment& environment)
      : harness_(harness), environment_(environment), lists_(harness.text.root()) {}

  ImportPlan read() && {
    plan_.format = harness_.text.format();
    for (const ServerSet& set : harness_.text.sets()) {
      const std::vector<Member> members = set.servers.members();
      std::set<std::string> names;
      for (const Member& member : members) names.insert(member.name);
      for (const Member& member : members) read_server(member, set, names);
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

  // The name for the server here; empty where it has to stay behind, which is noted.
  std::string name_here(const Member& member, const std::set<std::string>& names) {
    const std::string shown = printable(member.name);
    if (check_plain_name(member.name, "server")) return member.name;
    std::string name = plain_name(member.name);
    const auto other = planned_.find(name);
    const bool taken =
        names.contains(name) || (other != planned_.end() && other->second.original != member.name);
    if (taken || !check_plain_name(name, "server")) {
      note(NoteKind::left_out, shown, member.value,
           "its name cannot be used here; give it another one first");
      return "";
    }
    note(NoteKind::changed, shown, member.value, "it is called '" + name + "' here");
    return name;
  }

  void read_server(const Member& member, const ServerSet& set, const std::set<std::string>& names) {
    const std::string shown = printable(member.name);
    if (!member.value.is_object()) {
      note(NoteKind::left_out, shown, member.value, "its entry is not an object");
      return;
    }
    if (config::starts_gateway(member.value)) {
      note(NoteKind::left_out, shown, member.value, "it is this gateway itself");
      return;
    }
    const std::string name = name_here(member, names);
    if (name.empty()) return;
    const Start start = start_of(member, set);
    if (set.project) {
      note(NoteKind::changed, shown, member.value,
           "it was for the project " + printable(set.project->name(), 256) +
               " alone; here it is for every session");
    }
    config::Translated made =
        config::translate_entry(member.value, shown, start, harness_, plan_.notes);
    if (!made.hopeless) made.hopeless = refused(name, made.entry, environment_);
    if (!made.hopeless) made.hopeless = clash(name, made.entry);
    if (made.hopeless) {
      note(NoteKind::left_out, shown, member.value, std::move(*made.hopeless));
      return;
    }
    // Found there already: the same server, of another project too.
    if (!planned_.try_emplace(name, Planned{plan_.servers.size(), member.name}).second) return;
    plan_.servers.push_back(
        ImportedServer{ServerName(name), std::move(made.entry), harness_.text.place(member.value)});
  }

  Start start_of(const Member& member, const ServerSet& set) {
    const bool not_here = set.project && lists(set.project->find(project_lists[0]), member.name);
    if (lists_.starts(member.name) && !not_here) return Start::as_written;
    note(NoteKind::changed, printable(member.name), member.value,
         "the file's own lists keep the harness from starting it; it is disabled here");
    return Start::never;
  }

  std::optional<std::string> clash(const std::string& name, const std::string& entry) const {
    const auto other = planned_.find(name);
    if (other == planned_.end() || plan_.servers[other->second.at].entry == entry) {
      return std::nullopt;
    }
    return "another server of that name stands earlier in the file; rename one";
  }

  void note_projects(const Value& projects) {
    for (const Member& project : projects.members()) {
      for (const std::string_view key : project_lists) {
        const auto list = project.value.find(key);
        if (!list || list->size() == 0) continue;
        note(NoteKind::dropped, "", *list,
             "'" + std::string(key) + "' of the project " + printable(project.name, 256) +
                 " chooses among servers, which is not taken over");
      }
    }
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
    if (const auto projects = root.find("projects");
        projects && harness_.text.format() == HarnessFormat::claude_code) {
      note_projects(*projects);
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
  struct Planned {
    std::size_t at;  // in the plan
    std::string original;
  };
  std::map<std::string, Planned> planned_;  // by the name here
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
  merged.notes = plan.notes;
  const Result<Document> ours =
      parse_configuration_text(Untrusted<std::string>(configuration), config::file_limits);
  if (!ours) return ours.refusal();
  std::map<std::string, Value> there;
  if (const auto servers = ours->root().find("mcpServers")) {
    for (const Member& member : servers->members()) there.emplace(member.name, member.value);
  }
  std::vector<NamedEntry> fresh;
  for (const ImportedServer& server : plan.servers) {
    const auto taken = there.find(server.name.text());
    if (taken == there.end()) {
      fresh.emplace_back(server.name, server.entry);
      merged.added.push_back(server.name);
      continue;
    }
    const Result<Document> entry =
        parse_document(Untrusted<std::string>(server.entry), config::file_limits);
    if (!entry) return entry.refusal();
    if (same_server(taken->second, entry->root())) {
      merged.unchanged.push_back(server.name);
    } else {
      merged.notes.push_back(
          ImportNote{NoteKind::left_out, server.name.text(),
                     "there is another server of that name; rename or remove one", server.place});
    }
  }
  Result<std::string> text = add_servers(configuration, fresh);
  if (!text) return text.refusal();
  merged.text = std::move(*text);
  return merged;
}

Result<Merged> import_file(const std::filesystem::path& harness,
                           const std::filesystem::path& configuration,
                           const Environment& environment, const ImportOptions& options) {
  std::error_code error;
  std::filesystem::path named = std::filesystem::absolute(harness, error);
  if (error) named = harness;
  Result<std::string> text =
      config::read_file(named, config::Writers::anybody, config::harness_limits.bytes);
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

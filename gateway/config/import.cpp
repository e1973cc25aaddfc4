#include "gateway/config/import.hpp"

#include <algorithm>
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

// Where the servers stand: under which key, in which object.
std::optional<Value> servers_of(const Value& root) {
  for (const std::string_view key : {"mcpServers", "servers"}) {
    if (const auto servers = root.find(key)) return servers;
  }
  if (const auto mcp = root.find("mcp")) return servers_of(*mcp);
  return std::nullopt;
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

class PlanReader {
 public:
  PlanReader(const Harness& harness, const Environment& environment)
      : harness_(harness), environment_(environment) {}

  ImportPlan read(const Value& root, const Value& servers) && {
    for (const Member& member : servers.members()) read_server(member, servers);
    note_whole_file(root);
    std::ranges::sort(plan_.notes, {}, [](const ImportNote& note) {
      return std::tuple(note.place.line, note.place.column, note.what);
    });
    return std::move(plan_);
  }

 private:
  void note(NoteKind kind, const std::string& server, const Value& at, std::string what) {
    const Place place = place_of(harness_.text, at.name_begin());
    plan_.notes.push_back(ImportNote{kind, server, std::move(what), place});
  }

  void read_server(const Member& member, const Value& servers) {
    const std::string shown = printable(member.name);
    if (!member.value.is_object()) {
      note(NoteKind::left_out, shown, member.value, "its entry is not an object");
      return;
    }
    std::string name = member.name;
    if (!check_plain_name(name, "server")) {
      name = plain_name(name);
      const bool taken =
          servers.find(name) || std::ranges::any_of(plan_.servers, [&](const auto& other) {
            return other.name.text() == name;
          });
      if (taken || !check_plain_name(name, "server")) {
        note(NoteKind::left_out, shown, member.value,
             "its name cannot be used here; give it another one first");
        return;
      }
      note(NoteKind::changed, shown, member.value, "it is called '" + name + "' here");
    }
    config::Translated made = config::translate_entry(member.value, shown, harness_, plan_.notes);
    if (!made.hopeless) made.hopeless = refused(name, made.entry, environment_);
    if (made.hopeless) {
      note(NoteKind::left_out, shown, member.value, std::move(*made.hopeless));
      return;
    }
    const Place place = place_of(harness_.text, member.value.name_begin());
    plan_.servers.push_back(ImportedServer{ServerName(name), std::move(made.entry), place});
  }

  void note_whole_file(const Value& root) {
    if (const auto inputs = root.find("inputs")) {
      note(NoteKind::dropped, "", *inputs,
           "'inputs' are asked by the harness; set variables instead");
    }
    if (const auto projects = root.find("projects")) {
      note(NoteKind::dropped, "", *projects,
           "servers of single projects ('projects') are not read; import their own files");
    }
    if (const auto other = root.find("servers"); other && root.find("mcpServers")) {
      note(NoteKind::dropped, "", *other, "'servers' is not read, since there is 'mcpServers'");
    }
  }

  const Harness& harness_;
  const Environment& environment_;
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
  const std::string name = printable(file.string(), 4'096);
  const auto refuse = [&](const std::string& why) {
    return Refusal(Reason::bad_configuration, name + why);
  };
  const Result<Document> document =
      parse_configuration_text(Untrusted<std::string>(std::move(text)), config::file_limits);
  if (!document) return refuse(": " + document.refusal().detail);
  const Value root = document->root();
  const std::optional<Value> servers = servers_of(root);
  if (!servers) return refuse(":1:1: holds no servers: neither 'mcpServers' nor 'servers'");
  if (!servers->is_object()) return refuse(":1:1: its servers must be an object");
  const Harness harness{document->text(), file.parent_path(),
                        file.parent_path().filename() == ".gemini", options};
  return PlanReader(harness, environment).read(root, *servers);
}

Result<Merged> merge_servers(const std::string& configuration, const ImportPlan& plan) {
  Merged merged;
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

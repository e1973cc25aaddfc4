#include "gateway/broker/name_findings.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "gateway/core/document.hpp"
#include "inspectors/lookalikes.hpp"
#include "signing/canonical.hpp"

namespace toolgate {
namespace {

// Tools that come with a harness: Claude Code, Codex, Gemini CLI, Cursor, VS Code. In small
// letters.
constexpr std::array<std::string_view, 58> built_in = {
    "agent",
    "apply_patch",
    "askuserquestion",
    "bash",
    "bashoutput",
    "codebase_search",
    "create_file",
    "delete_file",
    "edit",
    "edit_file",
    "enter_plan_mode",
    "exec_command",
    "exitplanmode",
    "fetch_webpage",
    "file_search",
    "get_errors",
    "glob",
    "google_web_search",
    "grep",
    "grep_search",
    "insert_edit_into_file",
    "killshell",
    "list_dir",
    "list_directory",
    "ls",
    "multiedit",
    "notebookedit",
    "notebookread",
    "read",
    "read_file",
    "read_many_files",
    "replace",
    "replace_string_in_file",
    "run_in_terminal",
    "run_shell_command",
    "run_terminal_cmd",
    "save_memory",
    "search_file_content",
    "search_replace",
    "semantic_search",
    "shell",
    "skill",
    "slashcommand",
    "str_replace_editor",
    "task",
    "todo_write",
    "todowrite",
    "toolsearch",
    "unified_exec",
    "update_plan",
    "view_image",
    "web_fetch",
    "web_search",
    "webfetch",
    "websearch",
    "write",
    "write_file",
    "write_stdin",
};

constexpr std::size_t shortest_near = 5;  // bytes of a name whose neighbours say something

bool has_name(const Definition& definition) {
  return definition.kind == ItemKind::tool || definition.kind == ItemKind::prompt;
}

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// One byte more, less or other, or two neighbours that changed places.
bool is_one_edit_apart(std::string_view a, std::string_view b) {
  if (a.size() > b.size()) std::swap(a, b);
  if (b.size() - a.size() > 1 || a == b) return false;
  const auto [at_a, at_b] = std::ranges::mismatch(a, b);
  const std::string_view rest_a(at_a, a.end());
  const std::string_view rest_b(at_b, b.end());
  if (a.size() != b.size()) return rest_a == rest_b.substr(1);
  if (rest_a.substr(1) == rest_b.substr(1)) return true;
  return rest_a.size() >= 2 && rest_a[0] == rest_b[1] && rest_a[1] == rest_b[0] &&
         rest_a.substr(2) == rest_b.substr(2);
}

Finding finding(std::string_view id, Severity severity, std::string why) {
  Finding one;
  one.id = id;
  one.severity = severity;
  one.pointer = "/name";
  one.why = std::move(why);
  return one;
}

std::string listed(const std::set<std::string>& servers) {
  std::string text;
  for (const std::string& server : servers) text += (text.empty() ? "'" : ", '") + server + "'";
  return text;
}

// The definition without its name: what a renaming leaves as it is. Empty for one that cannot be
// read.
std::string body_of(const Definition& definition) {
  auto document = parse_document(Untrusted<std::string>(definition.json), JsonLimits{});
  if (!document || !document->root().is_object()) return "";
  std::vector<std::string> members;
  for (const Member& member : document->root().members()) {
    if (member.name == "name") continue;
    auto value = canonical_json(member.value);
    if (!value) return "";
    members.push_back(canonical_string(member.name) + ":" + *value);
  }
  std::ranges::sort(members);
  std::string body(item_kind_name(definition.kind));
  for (const std::string& member : members) body += "," + member;
  return body;
}

}  // namespace

std::vector<Finding> name_findings(const std::string& server, const Definition& definition,
                                   std::span<const NamedItem> others) {
  std::vector<Finding> findings;
  if (!has_name(definition)) return findings;
  const std::string skeleton = skeleton_of(definition.key);
  const std::string name = lowered(definition.key);
  std::set<std::string> same;
  std::set<std::string> alike;
  std::set<std::string> near;
  for (const NamedItem& other : others) {
    if (other.kind != definition.kind) continue;
    const bool elsewhere = other.server != server;
    if (other.key == definition.key) {
      if (elsewhere) same.insert(other.server);
    } else if (skeleton_of(other.key) == skeleton) {
      alike.insert(other.server);
    } else if (elsewhere && name.size() >= shortest_near &&
               is_one_edit_apart(name, lowered(other.key))) {
      near.insert(other.server);
    }
  }
  if (!same.empty()) {
    findings.push_back(finding("name.shadow", Severity::soft,
                               "it has the same name as one of " + listed(same) +
                                   ": a model may take the one for the other"));
  }
  const bool is_tool = definition.kind == ItemKind::tool;
  if (is_tool && std::ranges::find(built_in, name) != built_in.end()) {
    findings.push_back(
        finding("name.shadow", Severity::note,
                "harnesses bring a tool of this name with them: a model may take the "
                "one for the other"));
  }
  if (!alike.empty()) {
    findings.push_back(finding("name.similar", Severity::soft,
                               "its name looks like that of another one of " + listed(alike)));
  }
  if (!near.empty()) {
    findings.push_back(finding("name.similar", Severity::note,
                               "its name is one letter away from that of one of " + listed(near)));
  }
  return findings;
}

std::vector<Finding> renamed_findings(const Definition& definition,
                                      std::span<const Definition> gone) {
  if (!has_name(definition) || gone.empty()) return {};
  const std::string body = body_of(definition);
  const bool renamed = !body.empty() && std::ranges::any_of(gone, [&](const Definition& other) {
    return other.kind == definition.kind && other.key != definition.key && body_of(other) == body;
  });
  if (!renamed) return {};
  return {
      finding("name.renamed", Severity::soft,
              "all but its name is what was approved under another name, which is not offered "
              "any more as it was: rules and revocations for that name do not hold for this one")};
}

}  // namespace toolgate

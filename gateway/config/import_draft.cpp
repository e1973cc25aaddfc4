#include "gateway/config/import_draft.hpp"

#include <algorithm>
#include <utility>

#include "gateway/config/dangers.hpp"
#include "gateway/config/problems.hpp"

namespace toolgate::config {
namespace {

using NoteKind = ImportNote::Kind;

constexpr std::string_view our_form = "a variable of the harness is written in our form";

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// The environment variable that stands for an input of VS Code: "api-key" becomes API_KEY.
std::string variable_for_input(std::string_view id) {
  constexpr std::size_t longest = 64;
  std::string name;
  for (const char c : id.substr(0, longest)) {
    const bool lower = c >= 'a' && c <= 'z';
    name += lower ? static_cast<char>(c - 'a' + 'A') : is_name_character(c) ? c : '_';
  }
  if (name.empty() || (name.front() >= '0' && name.front() <= '9')) name.insert(0, "INPUT_");
  return name;
}

void append_member(std::string& out, std::string_view key, const std::string& json) {
  if (!out.empty()) out += ',';
  out += json_quote(key) + ':' + json;
}

// Can a list of the harness mean exactly this tool, and no pattern or tool with arguments?
bool is_plain_tool(std::string_view name) {
  return !name.empty() && name.find_first_of("*?(){}[] ") == std::string_view::npos;
}

}  // namespace

void Draft::note(NoteKind kind, const Value& at, std::string what) {
  notes_.push_back(ImportNote{kind, server_, std::move(what), harness_.text.place(at)});
}

void Draft::give_up(std::string why) {
  if (!hopeless_) hopeless_ = std::move(why);
}

void Draft::put(std::string_view key, const std::string& json) { append_member(out_, key, json); }

void Draft::put_limit(std::string_view key, const std::string& json) {
  append_member(limits_, key, json);
}

std::string Draft::value_json(const Value& value, const Value& member) {
  if (value.is_string()) return json_quote(with_our_variables(value.text(), member));
  if (!value.is_array() && !value.is_object()) return std::string(value.raw());
  std::string out;
  for (std::optional<Value> child = value.first(); child; child = child->following(value)) {
    if (!out.empty()) out += ',';
    if (child->has_name()) out += json_quote(child->name()) + ':';
    out += value_json(*child, member);
  }
  return value.is_array() ? "[" + out + "]" : "{" + out + "}";
}

std::string Draft::with_our_variables(const std::string& text, const Value& member) {
  const HarnessFormat format = harness_.text.format();
  if (format == HarnessFormat::codex || format == HarnessFormat::claude_desktop) {
    if (text.find("${") != std::string::npos) {
      note(NoteKind::danger, member,
           "the harness has no variables and passes '${' on as it stands; here it begins one");
    }
    return text;
  }
  if (format == HarnessFormat::gemini) return gemini_variables(text, member);
  std::string result;
  std::size_t at = 0;
  while (true) {
    const std::size_t start = text.find("${", at);
    const std::size_t end = start == std::string::npos ? start : text.find('}', start);
    if (end == std::string::npos) return result + text.substr(at);
    const std::string inside = text.substr(start + 2, end - start - 2);
    result += text.substr(at, start - at) + brace_variable(inside, member);
    at = end + 1;
  }
}

std::string Draft::brace_variable(const std::string& inside, const Value& member) {
  if (inside.starts_with("input:")) {
    const std::string name = variable_for_input(std::string_view(inside).substr(6));
    note(NoteKind::changed, member,
         "the harness asks for this input; here it is the variable ${" + name +
             "}, which must be set");
    return "${" + name + "}";
  }
  std::string ours = "${" + inside + "}";
  const std::string before = ours;
  if (inside.starts_with("env:")) ours = "${" + inside.substr(4) + "}";
  if (inside == "workspaceFolder") ours = "${workspace}";
  if (inside == "userHome") ours = "${HOME}";
  if (inside == "pathSeparator" || inside == "/") ours = "/";
  if (ours != before) note(NoteKind::changed, member, std::string(our_form));
  return ours;
}

// $NAME and ${NAME}; one that is not set is empty there.
std::string Draft::gemini_variables(const std::string& text, const Value& member) {
  std::string result;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t dollar = std::min(text.find('$', at), text.size());
    result += text.substr(at, dollar - at);
    at = dollar;
    if (at == text.size()) break;
    const bool braces = text.compare(at, 2, "${") == 0;
    const std::size_t begin = at + (braces ? 2 : 1);
    std::size_t end = begin;
    while (end < text.size() && is_name_character(text[end])) ++end;
    const bool name = end > begin && !(text[begin] >= '0' && text[begin] <= '9');
    if (!name || (braces && (end == text.size() || text[end] != '}'))) {
      result += '$';  // no variable there, or one with a default, which is ours too
      ++at;
      continue;
    }
    result += "${" + text.substr(begin, end - begin) + ":-}";
    note(NoteKind::changed, member, std::string(our_form) + "; not set, it is empty as there");
    at = end + (braces ? 1 : 0);
  }
  return result;
}

void Draft::put_directory(const Value& value) {
  const std::string text = with_our_variables(value.text(), value);
  const bool relative =
      !text.empty() && !text.starts_with('/') && !text.starts_with('~') && !text.starts_with("${");
  if (relative) {
    note(NoteKind::changed, value, "'cwd' is relative to the harness's file; written out here");
  }
  put("cwd", json_quote(relative ? (harness_.directory / text).lexically_normal().string() : text));
}

void Draft::forbid_tools(const Value& list) {
  const std::string shown = "'" + printable(list.name()) + "' ";
  bool all = list.is_array();
  for (const Value& element : list.elements()) {
    if (element.is_string() && is_plain_tool(element.text())) {
      forbidden_.insert(element.text());
    } else {
      all = false;
    }
  }
  if (!all) {
    note(NoteKind::danger, list,
         shown + "holds what is no tool's plain name; deny those tools in \"toolgate\" (tools)");
  }
  if (!forbidden_.empty()) {
    note(NoteKind::changed, list, shown + "is written as \"toolgate\" (tools): denied, not shown");
  }
}

void Draft::only_tools(const Value& list) {
  const std::vector<Value> elements = list.is_array() ? list.elements() : std::vector<Value>();
  if (elements.size() == 1 && elements[0].equals("*")) return;  // Copilot: all of them
  note(NoteKind::danger, list,
       "'" + printable(list.name()) +
           "' names the only tools to be used, which has no counterpart here; approve only those "
           "(toolgate approve SERVER TOOL...)");
}

bool Draft::lose(const Member& member, std::span<const Lost> keys) {
  const auto lost = std::ranges::find(keys, member.name, &Lost::key);
  if (lost == keys.end()) return false;
  note(lost->kind, member.value, "'" + member.name + "' " + std::string(lost->why));
  return true;
}

void Draft::look_at_command(const Value& entry) {
  const auto command = entry.find("command");
  if (!command || !command->is_string()) return;
  std::vector<std::string> argv{command->text()};
  if (const auto args = entry.find("args")) {
    for (const Value& value : args->elements()) {
      if (value.is_string()) argv.push_back(value.text());
    }
  }
  for (const Danger& danger : dangers_of_command(argv)) {
    note(NoteKind::danger, *command, std::string(danger.why));
  }
}

void Draft::look_at_secrets(std::string_view key, const Value& list) {
  for (const Member& member : list.members()) {
    if (!member.value.is_string()) continue;
    const std::string shown = "'" + printable(member.name) + "' in '" + std::string(key) + "' ";
    if (is_inline_secret(member.name, member.value.text())) {
      note(NoteKind::danger, member.value,
           shown + "looks like a secret that is written out; use ${NAME}");
    }
    if (key != "env") continue;
    const auto danger = danger_of_variable(member.name);
    if (!danger) continue;
    note(NoteKind::danger, member.value, std::string(shown).append("is set: ").append(danger->why));
  }
}

Translated Draft::finish(bool local) && {
  if (disabled_) put("disabled", "true");
  std::string own;
  if (local && harness_.options.isolation) {
    append_member(own, "isolation", json_quote(*harness_.options.isolation));
  }
  if (!limits_.empty()) append_member(own, "limits", "{" + limits_ + "}");
  if (!forbidden_.empty()) {
    std::string tools;
    for (const std::string& tool : forbidden_) {
      append_member(tools, tool, R"({"decision":"deny","hidden":true})");
    }
    append_member(own, "tools", "{" + tools + "}");
  }
  if (!own.empty()) put("toolgate", "{" + own + "}");
  return Translated{"{" + out_ + "}", std::move(hopeless_)};
}

}  // namespace toolgate::config

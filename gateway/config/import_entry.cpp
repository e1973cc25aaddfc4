#include "gateway/config/import_entry.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "gateway/config/dangers.hpp"
#include "gateway/config/problems.hpp"

namespace toolgate::config {
namespace {

using NoteKind = ImportNote::Kind;

// Keys that have no counterpart, and what losing them means.
struct Lost {
  std::string_view key;
  NoteKind kind;
  std::string_view why;
};

constexpr std::string_view not_believed =
    "is not taken over: what may run without asking is decided here, not by the harness";
constexpr std::string_view restriction =
    "restricts the server and is not taken over; write it anew in \"toolgate\" (tools, agents)";
constexpr std::string_view sign_in = "is not taken over; put what the server needs into 'headers'";

constexpr auto lost_keys = std::to_array<Lost>({
    {"autoApprove", NoteKind::dropped, not_believed},
    {"alwaysAllow", NoteKind::dropped, not_believed},
    {"trust", NoteKind::dropped, not_believed},
    {"toolgate", NoteKind::dropped, not_believed},
    {"includeTools", NoteKind::danger, restriction},
    {"excludeTools", NoteKind::danger, restriction},
    {"enabledTools", NoteKind::danger, restriction},
    {"disabledTools", NoteKind::danger, restriction},
    {"sandbox", NoteKind::danger, restriction},
    {"sandboxEnabled", NoteKind::danger, restriction},
    {"auth", NoteKind::dropped, sign_in},
    {"oauth", NoteKind::dropped, sign_in},
    {"authProviderType", NoteKind::dropped, sign_in},
    {"headersHelper", NoteKind::dropped,
     "names a program and is not run; put what it prints into 'headers'"},
    {"envFile", NoteKind::dropped,
     "is not read; name the variables that the server needs in 'env'"},
});

constexpr auto kept_keys =
    std::to_array<std::string_view>({"command", "args", "env", "cwd", "headers", "description",
                                     "disabled", "timeout", "alwaysLoad"});

class Translator {
 public:
  Translator(const Value& entry, const std::string& server, const Harness& harness,
             std::vector<ImportNote>& notes)
      : entry_(entry), server_(server), harness_(harness), notes_(notes) {}

  Translated run() && {
    read_address();
    for (const Member& member : entry_.members()) translate(member);
    look_at_command();
    for (const std::string_view key : {"env", "headers"}) look_at_secrets(key);
    if (is_local() && harness_.options.isolation) {
      put("toolgate", "{\"isolation\":" + json_quote(*harness_.options.isolation) + "}");
    }
    return Translated{"{" + out_ + "}", std::move(hopeless_)};
  }

 private:
  bool is_local() const { return entry_.find("command").has_value(); }

  void note(NoteKind kind, const Value& at, std::string what) {
    const std::size_t offset = at.has_name() ? at.name_begin() : at.begin();
    notes_.push_back(ImportNote{kind, server_, std::move(what), place_of(harness_.text, offset)});
  }

  void put(std::string_view key, const std::string& json) {
    if (!out_.empty()) out_ += ',';
    out_ += json_quote(key) + ':' + json;
  }

  void read_address();
  void translate(const Member& member);
  std::string value_json(const Value& value, const Value& member);
  std::string with_our_variables(std::string text, const Value& member);
  void look_at_command();
  void look_at_secrets(std::string_view key);

  const Value entry_;
  const std::string& server_;
  const Harness& harness_;
  std::vector<ImportNote>& notes_;
  std::string out_;
  std::optional<std::string> hopeless_;
};

// `type` and the address come first and together, since harnesses spell them in several ways.
void Translator::read_address() {
  std::string type;
  if (const auto given = entry_.find("type"); given && given->is_string()) {
    type = given->text();
    const std::string before = type;
    if (type == "streamableHttp" || type == "streamable_http" || type == "remote") type = "http";
    if (type == "local") type = "stdio";
    if (type != before) note(NoteKind::changed, *given, "'type' is \"" + type + "\" here");
  }
  std::optional<Value> url;
  for (const std::string_view key : {"httpUrl", "url", "serverUrl"}) {
    const auto given = entry_.find(key);
    if (!given) continue;
    if (url) {
      note(NoteKind::dropped, *given,
           "'" + std::string(key) + "' is a second address; the first one is used");
      continue;
    }
    url = given;
    if (key != "url") note(NoteKind::changed, *given, "'" + std::string(key) + "' is 'url' here");
    if (!type.empty() || is_local()) continue;
    type = key == "url" && harness_.url_means_sse ? "sse" : "http";
    if (key == "httpUrl") continue;
    note(NoteKind::changed, *given,
         type == "sse" ? "it has no 'type'; taken as HTTP+SSE, as this harness does"
                       : "it has no 'type'; taken as Streamable HTTP");
  }
  if (type == "sse" && url) {
    note(NoteKind::danger, *url,
         "it uses the deprecated HTTP+SSE transport; ask for a Streamable HTTP address");
  }
  if (!type.empty()) put("type", json_quote(type));
  if (!url) return;
  put("url", value_json(*url, *url));
  if (url->is_string() && has_inline_secret(url->text())) {
    note(NoteKind::danger, *url,
         "its address holds what looks like a secret; use 'headers' and ${NAME}");
  }
}

void Translator::translate(const Member& member) {
  const std::string& name = member.name;
  if (name == "type" || name == "url" || name == "httpUrl" || name == "serverUrl") return;
  if (name == "enabled" && member.value.is_boolean()) {
    if (!member.value.boolean() && !entry_.find("disabled")) put("disabled", "true");
    return;
  }
  if (const auto lost = std::ranges::find(lost_keys, name, &Lost::key); lost != lost_keys.end()) {
    note(lost->kind, member.value, "'" + name + "' " + std::string(lost->why));
    return;
  }
  if (std::ranges::find(kept_keys, name) == kept_keys.end()) {
    note(NoteKind::dropped, member.value, "'" + printable(name) + "' has no counterpart here");
    return;
  }
  if (name == "timeout" && member.value.is_number() && member.value.number() < 1'000) {
    note(NoteKind::danger, member.value,
         "'timeout' is taken as milliseconds, which makes it very short; some harnesses write "
         "seconds");
  }
  if (name == "cwd" && member.value.is_string()) {
    const std::string text = with_our_variables(member.value.text(), member.value);
    const bool relative = !text.empty() && !text.starts_with('/') && !text.starts_with('~') &&
                          !text.starts_with("${");
    if (relative)
      note(NoteKind::changed, member.value,
           "'cwd' is relative to the harness's file; written out here");
    put(name,
        json_quote(relative ? (harness_.directory / text).lexically_normal().string() : text));
    return;
  }
  put(name, value_json(member.value, member.value));
}

// A string, or an array or object of strings, with other harnesses' variables in our form. All else
// stays as it is, for the parser to judge.
std::string Translator::value_json(const Value& value, const Value& member) {
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

std::string Translator::with_our_variables(std::string text, const Value& member) {
  std::string result;
  std::size_t at = 0;
  while (true) {
    const std::size_t start = text.find("${", at);
    const std::size_t end = start == std::string::npos ? start : text.find('}', start);
    if (end == std::string::npos) return result + text.substr(at);
    const std::string inside = text.substr(start + 2, end - start - 2);
    std::string ours = text.substr(start, end + 1 - start);
    if (inside.starts_with("env:")) ours = "${" + inside.substr(4) + "}";
    if (inside == "workspaceFolder" || inside == "workspaceRoot") ours = "${workspace}";
    if (inside == "userHome") ours = "${HOME}";
    if (inside == "pathSeparator" || inside == "/") ours = "/";
    if (inside.starts_with("input:")) {
      hopeless_ =
          "it asks the harness for an input (${input:...}), which is not there; write ${NAME} in "
          "its place";
    }
    if (ours != text.substr(start, end + 1 - start)) {
      note(NoteKind::changed, member, "a variable of the harness is written in our form");
    }
    result += text.substr(at, start - at) + ours;
    at = end + 1;
  }
}

void Translator::look_at_command() {
  const auto command = entry_.find("command");
  if (!command || !command->is_string()) return;
  std::vector<std::string> argv{command->text()};
  if (const auto args = entry_.find("args")) {
    for (const Value& value : args->elements()) {
      if (value.is_string()) argv.push_back(value.text());
    }
  }
  for (std::string& danger : dangers_of_command(argv))
    note(NoteKind::danger, *command, std::move(danger));
}

void Translator::look_at_secrets(std::string_view key) {
  const auto list = entry_.find(key);
  if (!list || !list->is_object()) return;
  for (const Member& member : list->members()) {
    if (!member.value.is_string()) continue;
    const std::string shown = "'" + printable(member.name) + "' in '" + std::string(key) + "' ";
    if (is_inline_secret(member.name, member.value.text())) {
      note(NoteKind::danger, member.value,
           shown + "looks like a secret that is written out; use ${NAME}");
    }
    if (key != "env") continue;
    const std::string danger = danger_of_variable(member.name);
    if (danger.empty()) continue;
    note(NoteKind::danger, member.value, std::string(shown).append("is set: ").append(danger));
  }
}

}  // namespace

Translated translate_entry(const Value& entry, const std::string& server, const Harness& harness,
                           std::vector<ImportNote>& notes) {
  return Translator(entry, server, harness, notes).run();
}

}  // namespace toolgate::config

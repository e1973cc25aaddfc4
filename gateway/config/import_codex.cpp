#include "gateway/config/import_codex.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <utility>

#include "gateway/config/dangers.hpp"
#include "gateway/config/problems.hpp"

namespace toolgate::config {
namespace {

using NoteKind = ImportNote::Kind;

constexpr auto lost_keys = std::to_array<Lost>({
    {"required", NoteKind::dropped,
     "is not taken over: a server that does not start is reported, and the others go on"},
    {"default_tools_approval_mode", NoteKind::danger, not_believed},
    {"tools", NoteKind::danger, not_believed},
    {"oauth", NoteKind::dropped, sign_in},
    {"oauth_resource", NoteKind::dropped, sign_in},
    {"scopes", NoteKind::dropped, sign_in},
});

bool is_variable(std::string_view name) {
  if (name.empty() || (name.front() >= '0' && name.front() <= '9')) return false;
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

class CodexTranslator {
 public:
  CodexTranslator(const Value& entry, Draft draft) : entry_(entry), draft_(std::move(draft)) {}

  Translated run() && {
    const bool local = entry_.find("command").has_value();
    for (const Member& member : entry_.members()) translate(member);
    put_pairs("env", env_);
    put_pairs("headers", headers_);
    draft_.look_at_command(entry_);
    if (const auto env = entry_.find("env")) draft_.look_at_secrets("env", *env);
    if (const auto headers = entry_.find("http_headers")) {
      draft_.look_at_secrets("headers", *headers);
    }
    return std::move(draft_).finish(local);
  }

 private:
  // Name to JSON.
  using Pairs = std::map<std::string, std::string>;

  void translate(const Member& member);
  void translate_time(const Member& member);
  void read_pairs(const Value& value, Pairs& pairs);
  void read_variables(const Value& list);
  void read_header_variables(const Value& list);
  void read_bearer(const Value& value);

  void put_pairs(std::string_view key, const Pairs& pairs) {
    if (pairs.empty()) return;
    std::string json;
    for (const auto& [name, value] : pairs) {
      json += (json.empty() ? "" : ",") + json_quote(name) + ":" + value;
    }
    draft_.put(key, "{" + json + "}");
  }
  void add(Pairs& pairs, const std::string& name, const std::string& json, const Value& at) {
    if (pairs.emplace(name, json).second) return;
    draft_.give_up("'" + printable(name) + "' is given in two ways; keep one of them");
    draft_.note(NoteKind::dropped, at, "'" + printable(name) + "' is given in two ways");
  }
  void wrong(const Value& at, std::string_view expected) {
    draft_.give_up("'" + printable(at.name()) + "' must be " + std::string(expected));
  }

  const Value entry_;
  Draft draft_;
  Pairs env_;
  Pairs headers_;
};

void CodexTranslator::translate(const Member& member) {
  const std::string& name = member.name;
  const Value& value = member.value;
  if (name == "command" || name == "args") return draft_.put(name, draft_.value_json(value, value));
  if (name == "cwd" && value.is_string()) return draft_.put_directory(value);
  if (name == "env") return read_pairs(value, env_);
  if (name == "env_vars") return read_variables(value);
  if (name == "http_headers") return read_pairs(value, headers_);
  if (name == "env_http_headers") return read_header_variables(value);
  if (name == "bearer_token_env_var") return read_bearer(value);
  if (name == "enabled") {
    if (!value.is_boolean()) return wrong(value, "true or false");
    if (!value.boolean()) draft_.disable();
    return;
  }
  if (name == "url") {
    draft_.put("type", "\"http\"");
    draft_.put("url", draft_.value_json(value, value));
    if (value.is_string() && has_inline_secret(value.text())) {
      draft_.note(NoteKind::danger, value,
                  "its address holds what looks like a secret; use 'headers' and ${NAME}");
    }
    return;
  }
  if (name == "bearer_token") {
    return draft_.give_up(
        "'bearer_token' is a secret that is written out, which Codex refuses too; use "
        "'bearer_token_env_var'");
  }
  if (name == "disabled_tools") return draft_.forbid_tools(value);
  if (name == "enabled_tools") return draft_.only_tools(value);
  if (name.ends_with("_timeout_sec") || name == "startup_timeout_ms") return translate_time(member);
  if (draft_.lose(member, lost_keys)) return;
  draft_.note(NoteKind::dropped, value, "'" + printable(name) + "' has no counterpart here");
}

void CodexTranslator::translate_time(const Member& member) {
  constexpr double hour_ms = 3'600'000;
  const bool start = member.name.starts_with("startup_");
  const bool call = member.name == "tool_timeout_sec";
  const bool milliseconds = member.name.ends_with("_ms");
  const double ms =
      member.value.is_number() ? member.value.number() * (milliseconds ? 1 : 1'000) : -1;
  const double most = start ? hour_ms : 24 * hour_ms;
  const bool second = start && milliseconds && entry_.find("startup_timeout_sec");
  if ((!start && !call) || second || !(ms >= 1 && ms <= most)) {
    draft_.note(NoteKind::dropped, member.value,
                "'" + printable(member.name) + "' cannot be taken over; the default holds");
    return;
  }
  const std::string written = std::to_string(std::llround(ms));
  if (!milliseconds) {
    draft_.note(NoteKind::changed, member.value,
                "'" + member.name + "' is in milliseconds here: " + written);
  }
  if (start) {
    draft_.put_limit("start_ms", written);
  } else {
    draft_.put("timeout", written);
  }
}

void CodexTranslator::read_pairs(const Value& value, Pairs& pairs) {
  if (!value.is_object()) return wrong(value, "a table of strings");
  for (const Member& pair : value.members()) {
    add(pairs, pair.name, draft_.value_json(pair.value, pair.value), pair.value);
  }
}

// "NAME" or {name = "NAME", source = "local"}: variables of Codex's own environment.
void CodexTranslator::read_variables(const Value& list) {
  if (!list.is_array()) return wrong(list, "an array of names");
  for (const Value& element : list.elements()) {
    std::optional<Value> name = element.is_string() ? std::optional(element) : element.find("name");
    const auto source = element.find("source");
    const bool here = !source || source->equals("local");
    if (!name || !name->is_string() || !is_variable(name->text()) || !here) {
      draft_.note(NoteKind::dropped, element, "'env_vars' names what is no local variable");
      continue;
    }
    const std::string text = name->text();
    const auto env = entry_.find("env");
    if (env_.contains(text) || (env && env->find(text))) continue;  // what is written out prevails
    env_.emplace(text, json_quote("${" + text + ":-}"));
  }
  draft_.note(NoteKind::changed, list,
              "'env_vars' are variables in 'env' here; one that is not set is empty");
}

void CodexTranslator::read_header_variables(const Value& list) {
  if (!list.is_object()) return wrong(list, "a table of names");
  for (const Member& pair : list.members()) {
    if (!pair.value.is_string() || !is_variable(pair.value.text())) {
      draft_.give_up("'env_http_headers' names what is no variable");
      continue;
    }
    add(headers_, pair.name, json_quote("${" + pair.value.text() + "}"), pair.value);
  }
  draft_.note(NoteKind::changed, list, "'env_http_headers' are variables in 'headers' here");
}

void CodexTranslator::read_bearer(const Value& value) {
  if (!value.is_string() || !is_variable(value.text())) {
    return wrong(value, "the name of a variable");
  }
  add(headers_, "Authorization", json_quote("Bearer ${" + value.text() + "}"), value);
  draft_.note(NoteKind::changed, value,
              "'bearer_token_env_var' is the header 'Authorization' here");
}

}  // namespace

Translated translate_codex_entry(const Value& entry, Draft draft) {
  return CodexTranslator(entry, std::move(draft)).run();
}

}  // namespace toolgate::config

#include "gateway/config/import_entry.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "gateway/config/dangers.hpp"
#include "gateway/config/import_codex.hpp"
#include "gateway/config/import_draft.hpp"
#include "gateway/config/problems.hpp"

namespace toolgate::config {
namespace {

using NoteKind = ImportNote::Kind;

constexpr auto lost_keys = std::to_array<Lost>({
    {"autoApprove", NoteKind::dropped, not_believed},
    {"alwaysAllow", NoteKind::dropped, not_believed},
    {"trust", NoteKind::dropped, not_believed},
    {"toolgate", NoteKind::dropped, not_believed},
    {"sandbox", NoteKind::danger, restriction},
    {"sandboxEnabled", NoteKind::danger,
     "confines the server and is not taken over; its tools, which the harness then runs without "
     "asking, wait for approval here"},
    {"auth", NoteKind::dropped, sign_in},
    {"oauth", NoteKind::dropped, sign_in},
    {"authProviderType", NoteKind::dropped, sign_in},
    {"targetAudience", NoteKind::dropped, sign_in},
    {"targetServiceAccount", NoteKind::dropped, sign_in},
    {"headersHelper", NoteKind::dropped,
     "names a program and is not run; put what it prints into 'headers'"},
    {"envFile", NoteKind::dropped,
     "is not read; name the variables that the server needs in 'env'"},
    {"dev", NoteKind::dropped, "is for developing the server and is not taken over"},
});

constexpr auto kept_keys = std::to_array<std::string_view>(
    {"command", "args", "env", "cwd", "headers", "description", "timeout", "alwaysLoad"});

constexpr auto forbidding_keys = std::to_array<std::string_view>({"excludeTools", "disabledTools"});
constexpr auto limiting_keys =
    std::to_array<std::string_view>({"includeTools", "enabledTools", "tools"});

bool is_one_of(std::string_view name, std::span<const std::string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

class Translator {
 public:
  Translator(const Value& entry, Draft draft) : entry_(entry), draft_(std::move(draft)) {}

  Translated run() && {
    read_address();
    for (const Member& member : entry_.members()) translate(member);
    draft_.look_at_command(entry_);
    for (const std::string_view key : {"env", "headers"}) {
      if (const auto list = entry_.find(key)) draft_.look_at_secrets(key, *list);
    }
    return std::move(draft_).finish(is_local());
  }

 private:
  bool is_local() const { return entry_.find("command").has_value(); }
  bool is_from(HarnessFormat format) const { return draft_.harness().text.format() == format; }

  void read_address();
  std::string type_of_url(std::string_view key, const Value& url);
  void look_at_url(const Value& url);
  void translate(const Member& member);

  const Value entry_;
  Draft draft_;
};

// `type` and the address come first and together, since harnesses spell them in several ways.
void Translator::read_address() {
  std::string type;
  if (const auto given = entry_.find("type"); given && given->is_string()) {
    type = given->text();
    const std::string before = type;
    if (type == "streamableHttp" || type == "streamable_http" || type == "remote") type = "http";
    if (type == "local") type = "stdio";
    if (type != before) {
      draft_.note(NoteKind::changed, *given, "'type' is \"" + type + "\" here");
    }
  }
  std::optional<Value> url;
  for (const std::string_view key : {"httpUrl", "url", "serverUrl"}) {
    const auto given = entry_.find(key);
    if (!given) continue;
    if (url) {
      draft_.note(NoteKind::dropped, *given,
                  "'" + std::string(key) + "' is a second address; the first one is used");
      continue;
    }
    url = given;
    if (key != "url") {
      draft_.note(NoteKind::changed, *given, "'" + std::string(key) + "' is 'url' here");
    }
    if (type.empty() && !is_local()) type = type_of_url(key, *given);
  }
  if (type == "sse" && url) {
    draft_.note(NoteKind::danger, *url,
                "it uses the deprecated HTTP+SSE transport; ask for a Streamable HTTP address");
  }
  if (!type.empty()) draft_.put("type", json_quote(type));
  if (!url) return;
  draft_.put("url", draft_.value_json(*url, *url));
  look_at_url(*url);
}

// What an address without a `type` means to its harness.
std::string Translator::type_of_url(std::string_view key, const Value& url) {
  if (key == "httpUrl") return "http";
  if (key == "url" && is_from(HarnessFormat::gemini)) {
    draft_.note(NoteKind::changed, url,
                "it has no 'type'; taken as HTTP+SSE, as this harness does");
    return "sse";
  }
  draft_.note(NoteKind::changed, url, "it has no 'type'; taken as Streamable HTTP");
  return "http";
}

void Translator::look_at_url(const Value& url) {
  if (!url.is_string()) return;
  const std::string text = url.text();
  if (text.starts_with("unix:") || text.starts_with("pipe:")) {
    draft_.give_up(
        "its address is a local socket or pipe, which servers here cannot have; give it an "
        "http://127.0.0.1 address");
  }
  if (has_inline_secret(text)) {
    draft_.note(NoteKind::danger, url,
                "its address holds what looks like a secret; use 'headers' and ${NAME}");
  }
}

void Translator::translate(const Member& member) {
  const std::string& name = member.name;
  const Value& value = member.value;
  if (name == "type" || name == "url" || name == "httpUrl" || name == "serverUrl") return;
  if (name == "enabled" || name == "disabled") {
    if (!value.is_boolean()) return draft_.give_up("'" + name + "' must be true or false");
    if (value.boolean() == (name == "disabled")) draft_.disable();
    return;
  }
  if (is_one_of(name, forbidding_keys)) return draft_.forbid_tools(value);
  if (is_one_of(name, limiting_keys)) return draft_.only_tools(value);
  if (draft_.lose(member, lost_keys)) return;
  if (!is_one_of(name, kept_keys)) {
    draft_.note(NoteKind::dropped, value, "'" + printable(name) + "' has no counterpart here");
    return;
  }
  if (name == "timeout" && value.is_number() && value.number() < 1'000) {
    draft_.note(
        NoteKind::danger, value,
        "'timeout' is taken as milliseconds, which makes it very short; some harnesses write "
        "seconds");
  }
  if (name == "cwd" && value.is_string()) return draft_.put_directory(value);
  draft_.put(name, draft_.value_json(value, value));
}

}  // namespace

Translated translate_entry(const Value& entry, const std::string& server, Start start,
                           const Harness& harness, std::vector<ImportNote>& notes) {
  Draft draft(server, harness, notes);
  if (start == Start::never) draft.disable();
  if (harness.text.format() == HarnessFormat::codex) {
    return translate_codex_entry(entry, std::move(draft));
  }
  return Translator(entry, std::move(draft)).run();
}

}  // namespace toolgate::config

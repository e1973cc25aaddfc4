// The half of harness_install.hpp that works on text alone.

#include <algorithm>
#include <array>
#include <cassert>

#include "gateway/config/edit.hpp"
#include "gateway/config/file_text.hpp"
#include "gateway/config/harness_install.hpp"
#include "gateway/config/harness_toml.hpp"
#include "gateway/config/problems.hpp"

namespace toolgate {
namespace {

constexpr std::string_view empty_json = "{}\n";

constexpr auto clients = std::to_array<HarnessClient>({
    {HarnessFormat::claude_code, "mcpServers", true, true, ".claude.json", ".mcp.json"},
    {HarnessFormat::claude_desktop, "mcpServers", false, false,
     ".config/Claude/claude_desktop_config.json", ""},
    {HarnessFormat::cursor, "mcpServers", false, true, ".cursor/mcp.json", ".cursor/mcp.json"},
    {HarnessFormat::vscode, "servers", true, true, ".config/Code/User/mcp.json",
     ".vscode/mcp.json"},
    {HarnessFormat::codex, "mcp_servers", false, false, ".codex/config.toml", ".codex/config.toml"},
    {HarnessFormat::gemini, "mcpServers", false, true, ".gemini/settings.json",
     ".gemini/settings.json"},
});

const ServerName& own_name() {
  static const ServerName name("toolgate");
  return name;
}

Refusal refuse(std::string text) { return Refusal(Reason::bad_configuration, std::move(text)); }

Refusal not_ours() {
  return refuse(
      "there is a server 'toolgate' already, which is not this gateway's entry; rename or remove "
      "it first");
}

std::string args_list(const GatewayEntry& entry) {
  std::string list;
  for (const std::string& argument : entry.args) {
    list += (list.empty() ? "" : ", ") + json_quote(argument);
  }
  return "[" + list + "]";
}

std::string entry_text(const HarnessClient& client, const GatewayEntry& entry) {
  std::string json = client.says_type ? R"({"type":"stdio",)" : "{";
  json += "\"command\":" + json_quote(entry.command) + ",\"args\":" + args_list(entry);
  if (entry.home) json += ",\"env\":{\"TOOLGATE_HOME\":" + json_quote(*entry.home) + "}";
  return json + "}";
}

// JSON's strings are TOML's basic strings, except for DEL, which check_entry() refuses.
std::vector<std::string> toml_lines(const GatewayEntry& entry) {
  std::vector<std::string> lines = {"command = " + json_quote(entry.command),
                                    "args = " + args_list(entry)};
  if (entry.home) lines.push_back("env = { TOOLGATE_HOME = " + json_quote(*entry.home) + " }");
  return lines;
}

// The gateway's entry in a text that read_harness_format() has accepted.
std::optional<Value> own_entry(const config::HarnessText& read, const HarnessClient& client) {
  const auto servers = read.root().find(client.key);
  return servers ? servers->find(own_name().text()) : std::nullopt;
}

bool is_gateway(const Value& entry) {
  const auto args = entry.find("args");
  const std::vector<Value> words =
      args && args->is_array() ? args->elements() : std::vector<Value>();
  return entry.find("command") && !words.empty() && words[0].equals("stdio");
}

bool is_toml(const HarnessClient& client) { return client.format == HarnessFormat::codex; }

// What the text says, be it nothing yet.
std::string said(const HarnessClient& client, std::string_view text) {
  if (text.starts_with(config::byte_order_mark)) {
    text.remove_prefix(config::byte_order_mark.size());
  }
  return std::string(!is_toml(client) && config::is_blank(text) ? empty_json : text);
}

Result<config::HarnessText> read(const HarnessClient& client, const std::string& text) {
  return config::read_harness_format(text, "the file", client.format);
}

Result<std::string> without_table(const std::string& text,
                                  const std::optional<std::string>& before) {
  std::optional<std::string> rest = config::without_toml_table(text, before);
  if (rest) return std::move(*rest);
  return refuse(
      "its table [mcp_servers.toolgate] is not as 'install' has written it; remove it by hand");
}

// `before` where the text is what `install` has made of it; else only our entry goes, and the
// object around it if that came with it.
Result<std::string> without_member(const HarnessClient& client, const std::string& text,
                                   const Value& entry, const std::optional<std::string>& before) {
  if (!before) return remove_server(text, own_name(), client.key);
  const Result<std::string> again =
      add_server(*before, own_name(), std::string(entry.raw()), client.key);
  if (again && *again == text) return *before;
  Result<std::string> rest = remove_server(text, own_name(), client.key);
  const auto old = read(client, *before);
  if (!rest || !old || old->root().find(client.key)) return rest;
  return remove_empty_servers(*rest, client.key);
}

}  // namespace

const HarnessClient& harness_client(HarnessFormat format) {
  const auto client = std::ranges::find(clients, format, &HarnessClient::format);
  assert(client != clients.end());
  return *client;
}

Status check_entry(const HarnessClient& client, const GatewayEntry& entry) {
  std::vector<std::string> texts = entry.args;
  texts.push_back(entry.command);
  texts.push_back(entry.home.value_or(""));
  for (const std::string& text : texts) {
    const std::string shown = "'" + config::printable(text, 4'096) + "' ";
    const bool control = std::ranges::any_of(
        text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
    if (control || !is_utf8(text)) {
      return refuse(shown + "cannot be written into a harness's file; use a path of plain letters");
    }
    if (client.has_variables && text.find('$') != std::string::npos) {
      return refuse(shown + "holds '$', which the harness takes for a variable; use another path");
    }
  }
  return done();
}

bool has_gateway(const HarnessClient& client, const std::string& text) {
  const auto known = read(client, said(client, text));
  const auto present = known ? own_entry(*known, client) : std::nullopt;
  return present && is_gateway(*present);
}

std::string gateway_snippet(const HarnessClient& client, const GatewayEntry& entry) {
  if (is_toml(client)) return config::toml_block(toml_lines(entry), "\n");
  const Result<std::string> text = with_gateway(client, std::string(empty_json), entry);
  assert(text);
  return *text;
}

Result<std::string> with_gateway(const HarnessClient& client, const std::string& text,
                                 const GatewayEntry& entry,
                                 const std::optional<std::string>& before) {
  std::string clean = said(client, text);
  const std::string mark = text.starts_with(config::byte_order_mark)
                               ? std::string(config::byte_order_mark)
                               : std::string();
  const auto known = read(client, clean);
  if (!known) return known.refusal();
  const std::string json = entry_text(client, entry);
  if (const auto present = own_entry(*known, client)) {
    if (!is_gateway(*present)) return not_ours();
    const auto wanted = parse_document(Untrusted<std::string>(json), config::file_limits);
    if (wanted && same_server(*present, wanted->root())) return text;
    const Result<std::string> without = without_gateway(client, text, before);
    if (!without) return without.refusal();
    clean = said(client, *without);
  }
  if (!is_toml(client)) {
    const Result<std::string> made = add_server(clean, own_name(), json, client.key);
    if (!made) return made.refusal();
    return mark + *made;
  }
  const std::optional<std::string> made = config::with_toml_table(clean, toml_lines(entry));
  if (made) return mark + *made;
  return refuse(
      "a table [mcp_servers.toolgate] cannot be added to it; write mcp_servers as "
      "tables of their own first");
}

Result<std::string> without_gateway(const HarnessClient& client, const std::string& text,
                                    const std::optional<std::string>& before) {
  const std::string clean = said(client, text);
  const auto known = read(client, clean);
  if (!known) return known.refusal();
  const auto present = own_entry(*known, client);
  if (!present) return text;
  if (!is_gateway(*present)) return not_ours();
  const std::optional<std::string> start =
      before ? std::optional(said(client, *before)) : std::nullopt;
  const Result<std::string> rest = is_toml(client) ? without_table(clean, start)
                                                   : without_member(client, clean, *present, start);
  if (!rest) return rest.refusal();
  // The very bytes of `before`, though what they say may also be said otherwise: blank, unmarked.
  if (before && *rest == *start) return *before;
  return text.starts_with(config::byte_order_mark) ? std::string(config::byte_order_mark) + *rest
                                                   : *rest;
}

}  // namespace toolgate

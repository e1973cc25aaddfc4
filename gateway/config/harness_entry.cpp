// The half of harness_install.hpp that works on text alone.

#include <algorithm>
#include <array>
#include <cassert>

#include "gateway/config/edit.hpp"
#include "gateway/config/file_text.hpp"
#include "gateway/config/harness_install.hpp"

namespace toolgate {
namespace {

constexpr std::string_view empty_json = "{}\n";
constexpr std::string_view block_begin = "# >>> toolgate install\n";
constexpr std::string_view block_end = "# <<< toolgate install\n";

constexpr auto clients = std::to_array<HarnessClient>({
    {HarnessFormat::claude_code, "mcpServers", true, ".claude.json", ".mcp.json"},
    {HarnessFormat::claude_desktop, "mcpServers", false,
     ".config/Claude/claude_desktop_config.json", ""},
    {HarnessFormat::cursor, "mcpServers", false, ".cursor/mcp.json", ".cursor/mcp.json"},
    {HarnessFormat::vscode, "servers", true, ".config/Code/User/mcp.json", ".vscode/mcp.json"},
    {HarnessFormat::codex, "mcp_servers", false, ".codex/config.toml", ".codex/config.toml"},
    {HarnessFormat::gemini, "mcpServers", false, ".gemini/settings.json", ".gemini/settings.json"},
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

// JSON's strings are TOML's basic strings, except for DEL, with which the text would not parse.
std::string toml_block(const GatewayEntry& entry) {
  std::string block(block_begin);
  block += "[mcp_servers.toolgate]\ncommand = " + json_quote(entry.command) +
           "\nargs = " + args_list(entry) + "\n";
  if (entry.home) block += "env = { TOOLGATE_HOME = " + json_quote(*entry.home) + " }\n";
  return block.append(block_end);
}

std::string append_block(std::string text, const std::string& block) {
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  if (!text.empty()) text += '\n';
  return text + block;
}

// Where our block stands, with its markers.
struct Span {
  std::size_t begin;
  std::size_t end;
};

// Nothing but what toml_block() writes: whatever somebody has added between the markers stays
// theirs.
bool is_untouched(std::string_view inside) {
  constexpr std::string_view header = "[mcp_servers.toolgate]\n";
  if (!inside.starts_with(header)) return false;
  inside.remove_prefix(header.size());
  for (const std::string_view key : {"command = ", "args = ", "env = "}) {
    if (!inside.starts_with(key)) continue;
    const std::size_t end = inside.find('\n');
    if (end == std::string_view::npos) return false;
    inside.remove_prefix(end + 1);
  }
  return inside.empty();
}

// The last one: what stands before it may look like one, in a text of several lines for example.
std::optional<Span> find_block(const std::string& text) {
  const std::size_t begin = text.rfind(block_begin);
  if (begin == std::string::npos || (begin > 0 && text[begin - 1] != '\n')) return std::nullopt;
  const std::size_t inside = begin + block_begin.size();
  const std::size_t end = text.find(block_end, inside);
  if (end == std::string::npos) return std::nullopt;
  if (!is_untouched(std::string_view(text).substr(inside, end - inside))) return std::nullopt;
  return Span{begin, end + block_end.size()};
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

Result<config::HarnessText> read(const HarnessClient& client, const std::string& text) {
  const bool json = client.format != HarnessFormat::codex;
  return config::read_harness_format(text.empty() && json ? std::string(empty_json) : text,
                                     "the file", client.format);
}

Result<std::string> without_block(const HarnessClient& client, const std::string& text,
                                  const std::optional<std::string>& before) {
  const auto block = find_block(text);
  if (!block) {
    return refuse(
        "its table [mcp_servers.toolgate] is not as 'install' has written it; remove it by hand");
  }
  const std::string own = text.substr(block->begin, block->end - block->begin);
  if (before && append_block(*before, own) == text) return *before;
  std::string rest = text;
  const bool blank_before = block->begin >= 2 && text[block->begin - 2] == '\n';
  const std::size_t begin = block->begin - (blank_before || block->begin == 1 ? 1 : 0);
  rest.erase(begin, block->end - begin);
  const auto left = read(client, rest);
  if (!left || own_entry(*left, client)) return not_ours();
  return rest;
}

}  // namespace

const HarnessClient& harness_client(HarnessFormat format) {
  const auto client = std::ranges::find(clients, format, &HarnessClient::format);
  assert(client != clients.end());
  return *client;
}

std::string gateway_snippet(const HarnessClient& client, const GatewayEntry& entry) {
  if (client.format == HarnessFormat::codex) return toml_block(entry);
  const Result<std::string> text = with_gateway(client, std::string(empty_json), entry);
  assert(text);
  return *text;
}

Result<std::string> with_gateway(const HarnessClient& client, const std::string& text,
                                 const GatewayEntry& entry,
                                 const std::optional<std::string>& before) {
  const auto known = read(client, text);
  if (!known) return known.refusal();
  const bool toml = client.format == HarnessFormat::codex;
  const std::string json = entry_text(client, entry);
  std::string clean = text;
  if (const auto present = own_entry(*known, client)) {
    if (!is_gateway(*present)) return not_ours();
    const auto wanted = parse_document(Untrusted<std::string>(json), config::file_limits);
    if (wanted && same_server(*present, wanted->root())) return text;
    Result<std::string> without = without_gateway(client, text, before);
    if (!without) return without.refusal();
    clean = std::move(*without);
  }
  if (!toml) {
    if (clean.empty()) clean = empty_json;
    return add_server(clean, own_name(), json, client.key);
  }
  std::string made = append_block(std::move(clean), toml_block(entry));
  const auto again = read(client, made);
  if (!again || !own_entry(*again, client)) {
    return refuse(
        "a table [mcp_servers.toolgate] cannot be added to it; write mcp_servers as "
        "tables of their own first");
  }
  return made;
}

Result<std::string> without_gateway(const HarnessClient& client, const std::string& text,
                                    const std::optional<std::string>& before) {
  const auto known = read(client, text);
  if (!known) return known.refusal();
  const auto present = own_entry(*known, client);
  if (!present) return text;
  if (!is_gateway(*present)) return not_ours();
  if (client.format == HarnessFormat::codex) return without_block(client, text, before);
  if (before) {
    const std::string start = before->empty() ? std::string(empty_json) : *before;
    const Result<std::string> again =
        add_server(start, own_name(), std::string(present->raw()), client.key);
    if (again && *again == text) return *before;
  }
  return remove_server(text, own_name(), client.key);
}

}  // namespace toolgate

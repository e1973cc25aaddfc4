#include "gateway/config/harness_text.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "gateway/config/file_text.hpp"
#include "gateway/config/problems.hpp"

namespace toolgate {
namespace {

constexpr auto format_names = std::to_array<std::pair<HarnessFormat, std::string_view>>({
    {HarnessFormat::claude_code, "claude-code"},
    {HarnessFormat::claude_desktop, "claude-desktop"},
    {HarnessFormat::cursor, "cursor"},
    {HarnessFormat::vscode, "vscode"},
    {HarnessFormat::codex, "codex"},
    {HarnessFormat::gemini, "gemini"},
});

// TOML by the file's name, or else by its first character: JSON's objects, and comments before
// them, begin with another one.
bool is_toml(std::string_view text, const std::filesystem::path& file) {
  if (file.extension() == ".toml") return true;
  if (file.extension() == ".json" || file.extension() == ".jsonc") return false;
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return false;
  const char c = text[first];
  return c == '#' || c == '[' || c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool any_entry_has(const Value& servers, std::initializer_list<std::string_view> keys) {
  for (auto entry = servers.first(); entry; entry = entry->following(servers)) {
    for (const std::string_view key : keys) {
      if (entry->find(key)) return true;
    }
  }
  return false;
}

// What only one harness writes decides first, then the file's name and folder.
HarnessFormat guess(const Value& root, const std::filesystem::path& file) {
  const std::string name = file.filename().string();
  const std::string folder = file.parent_path().filename().string();
  const auto servers = root.find("mcpServers");
  if (!servers) {
    const auto mcp = root.find("mcp");
    if (root.find("servers") || (mcp && (mcp->find("servers") || mcp->find("mcpServers")))) {
      return HarnessFormat::vscode;
    }
  }
  if (name == "claude_desktop_config.json") return HarnessFormat::claude_desktop;
  if (name == ".claude.json" || name == "managed-mcp.json") return HarnessFormat::claude_code;
  if (folder == ".gemini") return HarnessFormat::gemini;
  if (folder == ".cursor") return HarnessFormat::cursor;
  if (folder == ".vscode" || folder == ".copilot") return HarnessFormat::vscode;
  if (root.find("projects")) return HarnessFormat::claude_code;
  if (root.find("mcp")) return HarnessFormat::gemini;
  if (servers && any_entry_has(*servers, {"httpUrl", "trust", "includeTools", "excludeTools"})) {
    return HarnessFormat::gemini;
  }
  if (root.find("inputs")) return HarnessFormat::vscode;
  if (servers && any_entry_has(*servers, {"sandbox", "sandboxEnabled"})) {
    return HarnessFormat::vscode;
  }
  if (servers && any_entry_has(*servers, {"envFile"})) return HarnessFormat::cursor;
  return HarnessFormat::claude_code;
}

// Where servers that are for everybody stand.
std::optional<Value> servers_of(const Value& root) {
  for (const std::string_view key : {"mcpServers", "servers", "mcp_servers"}) {
    if (const auto servers = root.find(key)) return servers;
  }
  if (const auto mcp = root.find("mcp")) {
    for (const std::string_view key : {"servers", "mcpServers"}) {
      if (const auto servers = mcp->find(key)) return servers;
    }
  }
  return std::nullopt;
}

// Windows programs like to write it, and no harness reads it.
bool is_utf16(std::string_view text) {
  using namespace std::string_view_literals;
  return text.starts_with("\xFF\xFE"sv) || text.starts_with("\xFE\xFF"sv) ||
         (text.size() >= 2 && (text[0] == '\0') != (text[1] == '\0'));
}

std::string position(const Place& place) {
  return ":" + std::to_string(place.line) + ":" + std::to_string(place.column) + ": ";
}

}  // namespace

std::string_view harness_format_name(HarnessFormat format) {
  for (const auto& [known, name] : format_names) {
    if (known == format) return name;
  }
  return "";
}

Result<HarnessFormat> harness_format_named(std::string_view name) {
  std::string all;
  for (const auto& [format, known] : format_names) {
    if (name == known) return format;
    all += all.empty() ? "" : ", ";
    all += known;
  }
  return Refusal(Reason::usage, "'" + config::printable(name) + "' is none of " + all);
}

namespace config {

bool starts_gateway(const Value& entry) {
  const auto command = entry.find("command");
  const auto args = entry.find("args");
  if (!command || !command->is_string() || !args) return false;
  if (std::filesystem::path(command->text()).filename() != "toolgate") return false;
  return std::ranges::any_of(args->elements(), [](const Value& word) {
    return word.equals("stdio") || word.equals("connect");
  });
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

HarnessText::HarnessText(HarnessFormat format, Document document, std::vector<Mark> marks)
    : format_(format), document_(std::move(document)), marks_(std::move(marks)) {
  const std::string& text = document_.text();
  std::size_t begin = 0;
  while (marks_.empty()) {
    lines_.push_back(begin);
    const std::size_t newline = text.find('\n', begin);
    if (newline == std::string::npos) return;
    begin = newline + 1;
  }
}

Place HarnessText::place(const Value& value) const {
  const std::size_t offset = value.has_name() ? value.name_begin() : value.begin();
  if (marks_.empty()) {
    const auto next = std::ranges::upper_bound(lines_, offset);
    return Place{static_cast<std::size_t>(next - lines_.begin()), offset - *std::prev(next) + 1};
  }
  const auto after = std::ranges::upper_bound(marks_, offset, {}, &Mark::offset);
  return after == marks_.begin() ? Place{1, 1} : std::prev(after)->place;
}

Result<HarnessText> read_harness_format(std::string text, const std::filesystem::path& file,
                                        std::optional<HarnessFormat> format) {
  const std::string name = printable(file.string(), 4'096);
  const auto refuse = [&](const std::string& why) {
    return Refusal(Reason::bad_configuration, name + why);
  };
  if (is_utf16(text)) return refuse(":1:1: is UTF-16; save it as UTF-8 first");
  if (text.starts_with(byte_order_mark)) text.erase(0, byte_order_mark.size());
  std::vector<Mark> marks;
  const bool toml = format ? *format == HarnessFormat::codex : is_toml(text, file);
  if (toml) {
    Result<MirroredToml> mirrored = mirror_codex_toml(text);
    if (!mirrored) return refuse(": " + mirrored.refusal().detail);
    text = std::move(mirrored->json);
    marks = std::move(mirrored->marks);
    format = HarnessFormat::codex;
    if (marks.empty()) marks.push_back(Mark{0, Place{1, 1}});
  }
  if (is_blank(text)) return refuse(":1:1: is empty");
  Result<Document> document =
      parse_configuration_text(Untrusted<std::string>(std::move(text)), harness_limits);
  if (!document) {
    return refuse(toml ? ":1:1: its servers are too many or nest too deep"
                       : ": " + document.refusal().detail);
  }
  const Value root = document->root();
  HarnessText read(format.value_or(guess(root, file)), std::move(*document), std::move(marks));
  if (const auto servers = servers_of(root)) {
    if (!servers->is_object()) {
      return refuse(position(read.place(*servers)) + "its servers must be an object");
    }
    read.sets_.push_back(ServerSet{*servers});
  }
  if (read.format() != HarnessFormat::claude_code) return read;
  const auto projects = root.find("projects");
  if (!projects) return read;
  for (auto project = projects->first(); project; project = project->following(*projects)) {
    const auto servers = project->find("mcpServers");
    if (!servers || !servers->is_object() || !project->has_name()) continue;
    read.sets_.push_back(ServerSet{*servers, project});
  }
  return read;
}

}  // namespace config
}  // namespace toolgate

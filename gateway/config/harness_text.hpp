#pragma once
// The text of a harness's configuration, read as data: which harness wrote it, and where its
// servers stand. `import` translates them; `install` looks at who else is there.
//
// clang-format off
//   claude-code     .mcp.json, ~/.claude.json, managed-mcp.json   mcpServers, projects.PATH.mcpServers
//   claude-desktop  claude_desktop_config.json                    mcpServers
//   cursor          .cursor/mcp.json                              mcpServers
//   vscode          mcp.json; settings.json; .mcp.json            servers; mcp.servers; mcpServers
//   codex           config.toml                                   mcp_servers
//   gemini          .gemini/settings.json                         mcpServers
// clang-format on
//
// The formats' documentation: code.claude.com/docs/en/mcp, modelcontextprotocol.io (Desktop),
// cursor.com/docs/mcp, code.visualstudio.com/docs/copilot/customization/mcp-servers,
// developers.openai.com/codex/mcp, geminicli.com/docs/tools/mcp-server.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/config/codex_toml.hpp"
#include "gateway/core/document.hpp"
#include "gateway/core/result.hpp"

namespace toolgate {

enum class HarnessFormat { claude_code, claude_desktop, cursor, vscode, codex, gemini };

std::string_view harness_format_name(HarnessFormat format);  // "claude-code", ...
// Refuses with `usage`, and lists the six.
Result<HarnessFormat> harness_format_named(std::string_view name);

namespace config {

// Some servers of the file, and for whom they are.
struct ServerSet {
  Value servers;  // an object
  // Of Claude Code's servers of one project: its entry, named by its folder.
  std::optional<Value> project = std::nullopt;
};

// Some editors begin a text with it. It is no part of what the text says.
inline constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

// Does the entry of a server start this very program? A gateway behind itself would never come up.
bool starts_gateway(const Value& entry);

// Nothing but white space: a file that somebody has made and not filled.
bool is_blank(std::string_view text);

// Holds the document that its values look into.
class HarnessText {
 public:
  HarnessText(HarnessFormat format, Document document, std::vector<Mark> marks);

  HarnessFormat format() const { return format_; }
  Value root() const { return document_.root(); }
  // Where a value, by its name if it has one, stands in the file.
  Place place(const Value& value) const;
  // Those for everybody first. Empty: the file has no place for servers.
  const std::vector<ServerSet>& sets() const { return sets_; }

 private:
  friend Result<HarnessText> read_harness_format(std::string, const std::filesystem::path&,
                                                 std::optional<HarnessFormat>);
  HarnessFormat format_;
  Document document_;
  std::vector<Mark> marks_;         // of TOML; empty: the document is the file's own text
  std::vector<std::size_t> lines_;  // where the lines of the file's own text begin
  std::vector<ServerSet> sets_;
};

// Reads the text as `format`, or as what its content and its file's name say it is. The file itself
// is not touched. A byte order mark is skipped. Refuses (`bad_configuration`, "FILE:..." ) what
// cannot be read, and servers that are no object.
Result<HarnessText> read_harness_format(std::string text, const std::filesystem::path& file,
                                        std::optional<HarnessFormat> format);

}  // namespace config
}  // namespace toolgate

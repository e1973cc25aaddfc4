#pragma once
// The text of a harness's configuration, read as data: which harness wrote it, and where its
// servers stand. `import` translates them; `install` looks at who else is there.
//
//   claude-code     .mcp.json, ~/.claude.json, managed-mcp.json   mcpServers,
//   projects.PATH.mcpServers claude-desktop  claude_desktop_config.json mcpServers cursor
//   .cursor/mcp.json                              mcpServers vscode          mcp.json;
//   settings.json; .mcp.json            servers; mcp.servers; mcpServers codex config.toml
//   mcp_servers gemini          .gemini/settings.json                         mcpServers
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
  std::optional<std::string>
      project;  // Claude Code's servers of one project: its folder, printable
};

// Holds the document that its values look into.
class HarnessText {
 public:
  HarnessText(HarnessFormat format, Document document, std::vector<Mark> marks)
      : format_(format), document_(std::move(document)), marks_(std::move(marks)) {}

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
  std::vector<Mark> marks_;  // of TOML; empty: the document is the file's own text
  std::vector<ServerSet> sets_;
};

// Reads the text as `format`, or as what its content and its file's name say it is. The file itself
// is not touched. Refuses (`bad_configuration`, "FILE:..." ) what cannot be read, and servers that
// are no object.
Result<HarnessText> read_harness_format(std::string text, const std::filesystem::path& file,
                                        std::optional<HarnessFormat> format);

}  // namespace config
}  // namespace toolgate

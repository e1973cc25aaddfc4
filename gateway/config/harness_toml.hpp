#pragma once
// The gateway's table in Codex's configuration, as text: `install` writes a block of lines between
// two markers, and leaves all others alone. Codex itself writes the file anew when it adds a
// server, and loses markers and layout then; so the table is found by its header, and whatever is
// taken out is compared with what the text said before.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace toolgate::config {

// The text with the table [mcp_servers.toolgate] at its end; `lines` are the table's own. Nothing
// where TOML does not allow it there, or where it would change what the text says otherwise.
std::optional<std::string> with_toml_table(const std::string& text,
                                           const std::vector<std::string>& lines);

// The text without that table, the tables below it and our markers; `before` itself where the text
// is what with_toml_table() has made of it. Nothing where the table is written in a way that is
// not understood.
std::optional<std::string> without_toml_table(const std::string& text,
                                              const std::optional<std::string>& before);

// For people: the block alone.
std::string toml_block(const std::vector<std::string>& lines, std::string_view newline);

}  // namespace toolgate::config

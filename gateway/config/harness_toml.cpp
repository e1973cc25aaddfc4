#include "gateway/config/harness_toml.hpp"

#include <algorithm>

#include "gateway/config/codex_toml.hpp"
#include "gateway/config/edit.hpp"

namespace toolgate::config {
namespace {

constexpr std::string_view block_begin = "# >>> toolgate install";
constexpr std::string_view block_end = "# <<< toolgate install";
constexpr std::string_view server = "toolgate";
constexpr std::string_view white = " \t\r\n";

struct Line {
  std::string_view whole;  // with its end
  std::string_view inside;
  bool ours = false;
};

std::vector<Line> lines_of(std::string_view text) {
  std::vector<Line> lines;
  while (!text.empty()) {
    const std::size_t size = std::min(text.find('\n'), text.size() - 1) + 1;
    std::string_view inside = text.substr(0, size);
    inside.remove_prefix(std::min(inside.find_first_not_of(white), inside.size()));
    inside = inside.substr(0, inside.find_last_not_of(white) + 1);
    lines.push_back(Line{text.substr(0, size), inside});
    text.remove_prefix(size);
  }
  return lines;
}

bool is_header(const Line& line) { return line.inside.starts_with('['); }

// Is it the header of our table, or of one below it? What is in quotes may also look like one.
bool is_our_header(const Line& line) {
  std::string key;
  for (const char c : line.inside.substr(0, line.inside.find(']'))) {
    if (std::string_view(" \t\"'").find(c) == std::string_view::npos) key += c;
  }
  return key == "[mcp_servers.toolgate" || key.starts_with("[mcp_servers.toolgate.");
}

// Marks the lines of the table whose header stands there, up to the next one. Comments before that
// one are its own.
void mark_table(std::vector<Line>& lines, std::size_t header) {
  std::size_t end = header + 1;
  while (end < lines.size() && !is_header(lines[end])) ++end;
  while (lines[end - 1].inside.empty() || lines[end - 1].inside.starts_with('#')) --end;
  for (std::size_t at = header; at < end; ++at) lines[at].ours = true;
}

// Marks our markers around the marked lines, and a blank line before each run of those.
void mark_surroundings(std::vector<Line>& lines) {
  const auto first = std::ranges::find_if(lines, &Line::ours);
  const auto end = std::ranges::find(first, lines.end(), block_end, &Line::inside);
  const auto begin = std::ranges::find(first, lines.end(), block_begin, &Line::inside);
  if (end < begin) end->ours = true;
  if (first != lines.begin() && std::prev(first)->inside == block_begin) {
    std::prev(first)->ours = true;
  }
  for (std::size_t at = 1; at < lines.size(); ++at) {
    if (lines[at].ours && lines[at - 1].inside.empty()) lines[at - 1].ours = true;
  }
}

std::optional<std::string> without_marked(const std::string& text, const std::vector<Line>& lines) {
  std::string rest;
  for (const Line& line : lines) {
    if (!line.ours) rest += line.whole;
  }
  if (!differs_by_server(text, rest, server)) return std::nullopt;
  return rest;
}

// Our block, with its markers, if the text ends with one.
std::string_view last_block(std::string_view text) {
  const std::size_t begin = text.rfind(block_begin);
  if (begin == std::string_view::npos || (begin > 0 && text[begin - 1] != '\n')) return {};
  const std::size_t end = text.find(block_end, begin);
  if (end == std::string_view::npos || text.substr(end + block_end.size()) != line_end(text))
    return {};
  return text.substr(begin);
}

std::string append_block(std::string text, std::string_view block) {
  const std::string_view newline = line_end(text);
  if (!text.empty() && !text.ends_with('\n')) text += newline;
  if (!text.empty()) text += newline;
  return text.append(block);
}

}  // namespace

std::string toml_block(const std::vector<std::string>& lines, std::string_view newline) {
  std::string block;
  block.append(block_begin).append(newline);
  block.append("[mcp_servers.toolgate]").append(newline);
  for (const std::string& line : lines) block.append(line).append(newline);
  return block.append(block_end).append(newline);
}

std::optional<std::string> with_toml_table(const std::string& text,
                                           const std::vector<std::string>& lines) {
  std::string made = append_block(text, toml_block(lines, line_end(text)));
  if (!differs_by_server(made, text, server)) return std::nullopt;
  return made;
}

std::optional<std::string> without_toml_table(const std::string& text,
                                              const std::optional<std::string>& before) {
  const std::string_view block = last_block(text);
  const bool as_installed = !block.empty() && before && append_block(*before, block) == text;
  if (as_installed && differs_by_server(text, *before, server)) return before;

  std::vector<Line> lines = lines_of(text);
  std::vector<std::size_t> headers;
  for (std::size_t at = 0; at < lines.size(); ++at) {
    if (is_our_header(lines[at])) headers.push_back(at);
  }
  // From the last header on, since what looks like one before it may be a text of several lines;
  // until nothing of the server is left.
  for (; !headers.empty(); headers.pop_back()) {
    mark_table(lines, headers.back());
    std::vector<Line> attempt = lines;
    mark_surroundings(attempt);
    if (auto rest = without_marked(text, attempt)) return rest;
  }
  return std::nullopt;
}

}  // namespace toolgate::config

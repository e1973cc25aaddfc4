#include "gateway/config/codex_toml.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <sstream>
#include <stdexcept>

#include "gateway/config/file_text.hpp"
#include "gateway/config/problems.hpp"

namespace toolgate::config {
// The library met a state that it takes for impossible.
struct TomlConfusion : std::logic_error {
  using std::logic_error::logic_error;
};
}  // namespace toolgate::config

// The library asserts what a hostile text can make false, and nests as deep as a text tells it to,
// on the stack. Both can be changed only where it is used header-only.
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_MAX_NESTED_VALUES 16
#define TOML_ASSERT(expression)  \
  (static_cast<bool>(expression) \
       ? static_cast<void>(0)    \
       : throw toolgate::config::TomlConfusion("the TOML library contradicts itself"))
#include <toml++/toml.h>

namespace toolgate::config {
namespace {

// The limit above does not count the parts of dotted keys (a.b.c), each of which is a level too.
constexpr std::ptrdiff_t most_dots = 128;  // in a line
constexpr int most_levels = 32;            // under mcp_servers

Refusal refuse(const Place& place, std::string_view why) {
  return Refusal(Reason::bad_configuration, "line " + std::to_string(place.line) + ", column " +
                                                std::to_string(place.column) + ": " +
                                                std::string(why));
}

Place place_in(const toml::source_region& region) {
  return Place{std::max<std::size_t>(region.begin.line, 1),
               std::max<std::size_t>(region.begin.column, 1)};
}

std::optional<std::size_t> overlong_line(std::string_view text) {
  std::size_t line = 1;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (std::ranges::count(text.substr(0, end), '.') > most_dots) return line;
    text.remove_prefix(std::min(end + 1, text.size()));
    ++line;
  }
  return std::nullopt;
}

// TOML 1.0 has no place for them, not even in strings and comments.
std::optional<std::size_t> control_character(std::string_view text) {
  const auto found = std::ranges::find_if(text, [](char c) {
    const bool white = c == '\t' || c == '\n' || c == '\r';
    return (static_cast<unsigned char>(c) < ' ' && !white) || c == '\x7f';
  });
  if (found == text.end()) return std::nullopt;
  return static_cast<std::size_t>(found - text.begin());
}

// One past the string that begins at `at`, as TOML 1.0 ends it; for a string that does not end, as
// far as the library will look.
std::size_t end_of_string(std::string_view text, std::size_t at) {
  const char quote = text[at];
  const bool escapes = quote == '"';
  const std::string three(3, quote);
  const bool long_one = text.substr(at).starts_with(three);
  at += long_one ? 3 : 1;
  while (at < text.size()) {
    if (escapes && text[at] == '\\') {
      at += 2;
    } else if (long_one && text.substr(at).starts_with(three)) {
      at += 3;
      for (int more = 0; more < 2 && at < text.size() && text[at] == quote; ++more) ++at;
      return at;
    } else if (!long_one && (text[at] == quote || text[at] == '\n')) {
      return at + 1;
    } else {
      ++at;
    }
  }
  return text.size();
}

bool is_ascii(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

// Does a string stand where no word before it can run on into it: after white space or a comma, and
// perhaps the brackets that it is the first in?
bool begins_value(std::string_view text, std::size_t at) {
  while (at > 0 && (text[at - 1] == '[' || text[at - 1] == '{')) --at;
  return at == 0 || std::string_view(" \t\r\n,").find(text[at - 1]) != std::string_view::npos;
}

// The first place with a character that is not ASCII and outside of comments and plainly quoted
// strings. Version 3.3 of the library runs into undefined behaviour there instead of refusing it
// (is_non_ascii_horizontal_whitespace), so it must not see one.
std::optional<std::size_t> stray_character(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (static_cast<unsigned char>(c) >= 0x80) return at;
    if (c == '#') {
      at = std::min(text.find('\n', at), text.size());
    } else if (c == '"' || c == '\'') {
      const std::size_t end = end_of_string(text, at);
      if (!is_ascii(text.substr(at, end - at)) && !begins_value(text, at)) return at;
      at = end;
    } else {
      ++at;
    }
  }
  return std::nullopt;
}

class Mirror {
 public:
  // False when the value nests too deep.
  bool append(const toml::node& node, int levels) {
    mark(place_in(node.source()));
    if (levels == 0) return false;
    if (const toml::table* table = node.as_table()) return append_table(*table, levels);
    if (const toml::array* array = node.as_array()) return append_array(*array, levels);
    append_scalar(node);
    return true;
  }
  void mark(const Place& place) {
    if (!made_.marks.empty() && made_.marks.back().offset == made_.json.size()) return;
    made_.marks.push_back(Mark{made_.json.size(), place});
  }
  void text(std::string_view json) { made_.json += json; }
  MirroredToml take() && { return std::move(made_); }

 private:
  bool append_table(const toml::table& table, int levels) {
    made_.json += '{';
    bool first = true;
    for (const auto& [key, value] : table) {
      if (!first) made_.json += ',';
      first = false;
      mark(place_in(key.source()));
      append_json_quote(made_.json, key.str());
      made_.json += ':';
      if (!append(value, levels - 1)) return false;
    }
    made_.json += '}';
    return true;
  }

  bool append_array(const toml::array& array, int levels) {
    made_.json += '[';
    bool first = true;
    for (const toml::node& element : array) {
      if (!first) made_.json += ',';
      first = false;
      if (!append(element, levels - 1)) return false;
    }
    made_.json += ']';
    return true;
  }

  void append_scalar(const toml::node& node) {
    if (const auto* string = node.as_string()) {
      append_json_quote(made_.json, string->get());
    } else if (const auto* integer = node.as_integer()) {
      made_.json += std::to_string(integer->get());
    } else if (const auto* boolean = node.as_boolean()) {
      made_.json += boolean->get() ? "true" : "false";
    } else if (const auto* number = node.as_floating_point()) {
      std::ostringstream out;
      out.imbue(std::locale::classic());
      out.precision(17);
      out << number->get();
      made_.json += std::isfinite(number->get()) ? out.str() : "null";
    } else {
      std::ostringstream out;
      out.imbue(std::locale::classic());
      if (const auto* date = node.as_date()) out << date->get();
      if (const auto* time = node.as_time()) out << time->get();
      if (const auto* both = node.as_date_time()) out << both->get();
      append_json_quote(made_.json, out.str());
    }
  }

  MirroredToml made_;
};

// What the library must not be given, whatever it would say about it.
Status check_text(std::string_view text) {
  if (text.size() > harness_limits.bytes) {
    return refuse(Place{1, 1}, "the text is larger than 32 MiB");
  }
  if (!is_utf8(text)) return refuse(Place{1, 1}, "the text is no UTF-8");
  if (const auto line = overlong_line(text)) {
    return refuse(Place{*line, 1}, "more than 128 dots in a line: a key must not nest that deep");
  }
  if (const auto control = control_character(text)) {
    return refuse(place_of(text, *control), "a control character is not allowed");
  }
  if (const auto stray = stray_character(text)) {
    return refuse(place_of(text, *stray),
                  "a character that is not ASCII must stand in quotes that follow a space");
  }
  return done();
}

Result<MirroredToml> mirror(std::string_view text) {
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return refuse(place_in(error.source()), printable(error.description(), 200));
  }
  Mirror made;
  made.text("{");
  for (const auto& [key, value] : parsed.table()) {
    if (key.str() != "mcp_servers") continue;
    made.mark(place_in(key.source()));
    made.text("\"mcp_servers\":");
    if (!made.append(value, most_levels)) {
      return refuse(place_in(key.source()), "'mcp_servers' nests too deep");
    }
  }
  made.text("}");
  return std::move(made).take();
}

// `mcp_servers` itself may have come with the server.
bool differ_by_server(std::string_view with, std::string_view without, std::string_view server) {
  toml::parse_result before = toml::parse(with);
  toml::parse_result after = toml::parse(without);
  if (!before || !after) return false;
  toml::table* servers = before.table()["mcp_servers"].as_table();
  if (servers == nullptr || servers->erase(server) == 0) return false;
  if (servers->empty() && !after.table().contains("mcp_servers")) {
    before.table().erase("mcp_servers");
  }
  return before.table() == after.table();
}

}  // namespace

bool differs_by_server(std::string_view with, std::string_view without, std::string_view server) {
  if (!check_text(with) || !check_text(without)) return false;
  try {
    return differ_by_server(with, without, server);
  } catch (const TomlConfusion&) {
    return false;
  }
}

Result<MirroredToml> mirror_codex_toml(std::string_view text) {
  const Status good = check_text(text);
  if (!good) return good.refusal();
  try {
    return mirror(text);
  } catch (const TomlConfusion&) {
    return refuse(Place{1, 1}, "the text is no TOML that can be read");
  }
}

}  // namespace toolgate::config

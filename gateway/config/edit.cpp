#include "gateway/config/edit.hpp"

#include <algorithm>
#include <map>

#include "gateway/config/file_text.hpp"
#include "gateway/config/problems.hpp"
#include "gateway/core/document.hpp"
#include "signing/canonical.hpp"

namespace toolgate {
namespace {

using config::printable;

Refusal refuse(Reason reason, std::string text) { return Refusal(reason, std::move(text)); }

// The white space before `offset` on its line, whatever stands between.
std::string_view indentation(std::string_view text, std::size_t offset) {
  const std::size_t newline = text.substr(0, offset).rfind('\n');
  const std::size_t start = newline == std::string_view::npos ? 0 : newline + 1;
  const std::size_t end = std::min(text.find_first_not_of(" \t", start), offset);
  return text.substr(start, end - start);
}

bool starts_its_line(std::string_view text, std::size_t offset) {
  const std::size_t before = text.substr(0, offset).find_last_not_of(" \t");
  return before == std::string_view::npos || text[before] == '\n';
}

// The first byte from `at` on that belongs neither to white space nor to a comment. The text has
// been parsed.
std::size_t skip_space(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    const std::string_view rest = text.substr(at);
    if (rest.starts_with("//")) {
      at = std::min(text.find('\n', at), text.size());
    } else if (rest.starts_with("/*")) {
      at = text.find("*/", at) + 2;
    } else if (std::string_view(" \t\r\n").find(rest.front()) != std::string_view::npos) {
      ++at;
    } else {
      return at;
    }
  }
  return at;
}

// A value with a member or element on each line; short lists of scalars, and empty things, on one.
void append_pretty(std::string& out, const Value& value, const std::string& indent,
                   std::string_view unit, std::string_view newline) {
  constexpr std::size_t short_list = 76;
  if ((!value.is_object() && !value.is_array()) || value.size() == 0) {
    out += value.raw();
    return;
  }
  if (value.is_array()) {
    std::string line;
    bool scalars = true;
    for (const Value& element : value.elements()) {
      scalars = scalars && !element.is_object() && !element.is_array();
      if (!scalars || line.size() > short_list) break;
      line += line.empty() ? "" : ", ";
      line += element.raw();
    }
    if (scalars && line.size() <= short_list) {
      out += "[" + line + "]";
      return;
    }
  }
  const std::string inner = indent + std::string(unit);
  out += value.is_object() ? '{' : '[';
  bool first = true;
  for (std::optional<Value> child = value.first(); child; child = child->following(value)) {
    if (!first) out += ',';
    first = false;
    out += newline;
    out += inner;
    if (child->has_name()) out += json_quote(child->name()) + ": ";
    append_pretty(out, *child, inner, unit, newline);
  }
  out += newline;
  out += indent;
  out += value.is_object() ? '}' : ']';
}

std::optional<Value> last_member(const Value& object) {
  std::optional<Value> last;
  for (std::optional<Value> child = object.first(); child; child = child->following(object)) {
    last = child;
  }
  return last;
}

// How one more member of an object is to be indented, and one level.
struct Layout {
  std::string indent;
  std::string unit;
};

Layout layout_of(std::string_view text, const Value& object, const std::optional<Value>& last) {
  const std::string outer(indentation(text, object.begin()));
  if (last && starts_its_line(text, last->name_begin())) {
    const std::string inner(indentation(text, last->name_begin()));
    if (inner.size() > outer.size() && inner.starts_with(outer)) {
      return Layout{inner, inner.substr(outer.size())};
    }
  }
  const std::string unit = outer.starts_with('\t') ? "\t" : "  ";
  return Layout{outer + unit, unit};
}

// `text` with the members of `added` behind those of `object`, which is a part of it.
std::string append_members(std::string_view text, const Value& object, const Value& added) {
  const std::optional<Value> last = last_member(object);
  const Layout layout = layout_of(text, object, last);
  const std::string_view newline = line_end(text);
  std::string members;
  for (const Member& member : added.members()) {
    if (!members.empty()) members.append(",").append(newline);
    members += layout.indent + json_quote(member.name) + ": ";
    append_pretty(members, member.value, layout.indent, layout.unit, newline);
  }

  const std::size_t brace = object.end() - 1;
  bool comma = false;  // is there one behind the last member?
  if (last) comma = text[skip_space(text, last->end())] == ',';
  if (comma) members += ',';

  // Behind whatever comments stand at the end of the object; the brace keeps its line, or gets one.
  const bool own_line = starts_its_line(text, brace);
  std::size_t at = brace;
  while (text[at - 1] == ' ' || text[at - 1] == '\t') --at;
  std::string result(text.substr(0, last ? last->end() : at));
  if (last) {
    if (!comma) result += ',';
    result += text.substr(last->end(), at - last->end());
  }
  if (!own_line) result += newline;
  result += members;
  result += newline;
  result += own_line ? text.substr(at, brace - at) : indentation(text, object.begin());
  result += text.substr(brace);
  return result;
}

// The limits are those of harnesses' files; ours is held to its own when it is parsed.
Result<Document> read_object(const std::string& text, std::string_view key) {
  Result<Document> document =
      parse_configuration_text(Untrusted<std::string>(text), config::harness_limits);
  if (!document) {
    return refuse(Reason::bad_configuration,
                  "the configuration is no JSON: " + document.refusal().detail);
  }
  const std::optional<Value> servers = document->root().find(key);
  if (!document->root().is_object() || (servers && !servers->is_object())) {
    return refuse(Reason::bad_configuration, "the configuration and its '" + std::string(key) +
                                                 "' must be objects; correct it first");
  }
  return document;
}

// `text` without that member of `object`, which is a part of it, or nothing where it has none.
std::optional<std::string> without_member(const std::string& text, const Value& object,
                                          std::string_view name) {
  std::optional<Value> previous;
  std::optional<Value> target = object.first();
  while (target && !target->is_named(name)) {
    previous = target;
    target = target->following(object);
  }
  if (!target) return std::nullopt;
  std::size_t begin = target->name_begin();
  std::size_t end = target->end();
  std::string result = text;
  const std::size_t next = skip_space(text, end);
  const bool comma = text[next] == ',';
  if (comma) end = next + 1;
  if (starts_its_line(text, begin)) {  // the line goes, unless something else stands behind it
    const std::size_t rest = std::min(text.find_first_not_of(" \t\r", end), text.size());
    if (rest < text.size() && text[rest] == '\n') {
      begin -= indentation(text, begin).size();
      end = rest + 1;
    }
  }
  result.erase(begin, end - begin);
  // Without a comma behind it, it was the last one: the comma before it goes too.
  if (!comma && previous) result.erase(skip_space(text, previous->end()), 1);
  return result;
}

std::string without_toolgate(const Value& entry) {
  std::string result = "{";
  for (const Member& member : entry.members()) {
    if (member.name == "toolgate") continue;
    if (result.size() > 1) result += ',';
    result += json_quote(member.name) + ':';
    append_pretty(result, member.value, "", "", "");
  }
  return result + '}';
}

// Appends `"name":value` of a list that an entry may hold.
class EntryWriter {
 public:
  void text(std::string_view name, const std::string& value) { raw(name, json_quote(value)); }
  void raw(std::string_view name, const std::string& json) {
    out_ += (out_.size() > 1 ? "," : "") + json_quote(name) + ":" + json;
  }
  bool empty() const { return out_.size() == 1; }
  std::string take() { return out_ + '}'; }

 private:
  std::string out_ = "{";
};

using Pairs = std::vector<std::pair<std::string, std::string>>;

Result<std::string> pairs_json(const Pairs& pairs, std::string_view what) {
  EntryWriter out;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const auto& [name, value] = pairs[i];
    if (!is_utf8(name) || !is_utf8(value)) {
      return refuse(Reason::usage, std::string(what) + " '" + printable(name) + "' is no UTF-8");
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (pairs[j].first == name) {
        return refuse(Reason::usage,
                      std::string(what) + " '" + printable(name) + "' is given twice");
      }
    }
    out.text(name, value);
  }
  return out.take();
}

Status add_command(const NewServer& server, EntryWriter& out) {
  out.text("command", server.command.front());
  if (server.command.size() > 1) {
    std::string list;
    for (std::size_t i = 1; i < server.command.size(); ++i) {
      list += (i > 1 ? "," : "") + json_quote(server.command[i]);
    }
    out.raw("args", "[" + list + "]");
  }
  return done();
}

std::string files_json(const std::vector<std::pair<std::string, FileMode>>& files) {
  std::string list;
  for (const auto& [path, mode] : files) {
    list += (list.empty() ? "{\"path\":" : ",{\"path\":") + json_quote(path) +
            ",\"mode\":" + json_quote(mode_name(mode)) + "}";
  }
  return "[" + list + "]";
}

}  // namespace

Result<std::string> entry_json(const NewServer& server) {
  if (server.command.empty() == server.url.empty()) {
    return refuse(Reason::usage, "a server needs either a command (after --) or --url");
  }
  std::vector<std::string> texts = server.command;
  texts.push_back(server.url);
  for (const auto& [path, mode] : server.files) texts.push_back(path);
  for (const auto& optional : {server.type, server.cwd, server.prefix, server.isolation}) {
    texts.push_back(optional.value_or(""));
  }
  if (!std::ranges::all_of(texts, [](const std::string& text) { return is_utf8(text); })) {
    return refuse(Reason::usage, "the server's command, URL and options must be UTF-8");
  }
  EntryWriter out;
  if (server.type) out.text("type", *server.type);
  if (!server.type && !server.url.empty()) out.text("type", "http");
  if (server.url.empty()) {
    const Status good = add_command(server, out);
    if (!good) return good.refusal();
  } else {
    out.text("url", server.url);
  }
  if (!server.env.empty()) {
    const Result<std::string> env = pairs_json(server.env, "the environment variable");
    if (!env) return env.refusal();
    out.raw("env", *env);
  }
  if (!server.headers.empty()) {
    const Result<std::string> headers = pairs_json(server.headers, "the header");
    if (!headers) return headers.refusal();
    out.raw("headers", *headers);
  }
  if (server.cwd) out.text("cwd", *server.cwd);
  EntryWriter own;
  if (server.prefix) own.text("prefix", *server.prefix);
  if (server.isolation) own.text("isolation", *server.isolation);
  if (!server.files.empty()) own.raw("files", files_json(server.files));
  if (!own.empty()) out.raw("toolgate", own.take());
  return out.take();
}

std::string_view line_end(std::string_view text) {
  const std::size_t newline = text.find('\n');
  const bool crlf = newline != std::string_view::npos && newline > 0 && text[newline - 1] == '\r';
  return crlf ? "\r\n" : "\n";
}

Result<std::string> add_server(const std::string& text, const ServerName& name,
                               const std::string& entry_json, std::string_view key) {
  return add_servers(text, {{name, entry_json}}, key);
}

Result<std::string> add_servers(const std::string& text, const std::vector<NamedEntry>& servers,
                                std::string_view key) {
  if (servers.empty()) return text;
  const Result<Document> document = read_object(text, key);
  if (!document) return document.refusal();
  const std::optional<Value> present = document->root().find(key);
  std::map<std::string, Value> there;
  for (const Member& member : present ? present->members() : std::vector<Member>()) {
    there.emplace(member.name, member.value);
  }
  std::string object;
  for (const auto& [name, entry_json] : servers) {
    const Status good = check_plain_name(name.text(), "server");
    if (!good) return good.refusal();
    if (const auto taken = there.find(name.text()); taken != there.end()) {
      const Place place = place_of(document->text(), taken->second.name_begin());
      return refuse(Reason::bad_configuration, "there is a server '" + name.text() +
                                                   "' already (line " + std::to_string(place.line) +
                                                   "); choose another name or remove it first");
    }
    const Result<Document> entry =
        parse_document(Untrusted<std::string>(entry_json), config::file_limits);
    if (!entry || !entry->root().is_object()) {
      return refuse(Reason::bad_configuration,
                    "the entry of server '" + name.text() + "' is no JSON object");
    }
    object += (object.empty() ? "{" : ",") + json_quote(name.text()) + ":" + entry_json;
  }
  object += "}";
  if (!present) object = "{" + json_quote(key) + ":" + object + "}";
  const Result<Document> added =
      parse_document(Untrusted<std::string>(object), config::harness_limits);
  if (!added) return added.refusal();
  return append_members(document->text(), present.value_or(document->root()), added->root());
}

Result<std::string> remove_server(const std::string& text, const ServerName& name,
                                  std::string_view key) {
  const Result<Document> document = read_object(text, key);
  if (!document) return document.refusal();
  const std::optional<Value> servers = document->root().find(key);
  std::optional<std::string> rest;
  if (servers) rest = without_member(document->text(), *servers, name.text());
  if (!rest) {
    return refuse(Reason::not_found, "no server is called '" + printable(name.text()) + "'");
  }
  return std::move(*rest);
}

Result<std::string> remove_empty_servers(const std::string& text, std::string_view key) {
  const Result<Document> document = read_object(text, key);
  if (!document) return document.refusal();
  const std::optional<Value> servers = document->root().find(key);
  if (!servers || servers->size() > 0 || servers->raw().find('/') != std::string_view::npos) {
    return text;
  }
  return without_member(document->text(), document->root(), key).value_or(text);
}

bool same_server(const Value& one, const Value& other) {
  if (!one.is_object() || !other.is_object()) return false;
  const auto canonical = [](const Value& entry) -> std::optional<std::string> {
    const Result<Document> plain =
        parse_document(Untrusted<std::string>(without_toolgate(entry)), config::file_limits);
    if (!plain) return std::nullopt;
    const Result<std::string> text = canonical_json(plain->root());
    if (!text) return std::nullopt;
    return *text;
  };
  const std::optional<std::string> first = canonical(one);
  return first && first == canonical(other);
}

}  // namespace toolgate

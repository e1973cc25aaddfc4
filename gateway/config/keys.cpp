#include "gateway/config/keys.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>
#include <vector>

namespace toolgate::config {
namespace {

constexpr std::string_view needs_proxy =
    "it needs the egress proxy, which this build does not have";
constexpr std::string_view needs_vault =
    "it needs the vault, which this build does not have; put ${NAME} in 'env' or 'headers' instead";
constexpr std::string_view needs_flow = "this build does not follow where data goes";
constexpr std::string_view needs_approvals = "this build cannot ask a person about a call";
constexpr std::string_view fixed_inspectors = "the inspectors of this build cannot be adjusted";
constexpr std::string_view no_arguments = "this build holds arguments against file scopes alone";

constexpr auto file_keys = std::to_array<Key>({
    {"path", Shape::text},
    {"mode", Shape::text},
    {"enforcement", Shape::text},
    {"exec", Shape::boolean},
});
constexpr Section file_section{file_keys};

constexpr auto egress_keys = std::to_array<Key>({
    {"host", Shape::text},
    {"port", Shape::integer},
    {"scheme", Shape::text},
    {"methods", Shape::texts},
    {"paths", Shape::texts},
    {"credential", Shape::text},
    {"passthrough", Shape::boolean},
});
constexpr Section egress_section{egress_keys};

constexpr auto limits_keys = std::to_array<Key>({
    {"memory_mb", Shape::integer},
    {"processes", Shape::integer},
    {"cpu_s", Shape::integer},
    {"open_files", Shape::integer},
    {"file_mb", Shape::integer},
    {"require_tree", Shape::boolean},
    {"start_ms", Shape::integer},
    {"call_ms", Shape::integer},
    {"result_bytes", Shape::integer},
    {"relist_ms", Shape::integer},
});
constexpr Section limits_section{limits_keys};

constexpr auto when_missing_keys = std::to_array<Key>({
    {"isolation", Shape::text},
    {"tools", Shape::texts},
});
constexpr Section when_missing_section{when_missing_keys};

constexpr auto labels_keys = std::to_array<Key>({
    {"source", Shape::any},
    {"reads", Shape::any},
    {"sink", Shape::any},
    {"effect", Shape::any},
});
constexpr Section labels_section{labels_keys};

constexpr auto tool_keys = std::to_array<Key>({
    {"decision", Shape::text},
    {"hidden", Shape::boolean},
    {"arguments", Shape::object, nullptr, no_arguments},
    {"scopes", Shape::text_map},
    {"labels", Shape::section, &labels_section, needs_flow},
    {"rate", Shape::any, nullptr, "this build does not count calls"},
    {"reason", Shape::text},
});
constexpr Section tool_section{tool_keys};

constexpr auto inspect_keys = std::to_array<Key>({
    {"suppress", Shape::texts},
    {"verdicts", Shape::object},
});
constexpr Section inspect_section{inspect_keys};

constexpr auto server_own_keys = std::to_array<Key>({
    {"prefix", Shape::text},
    {"isolation", Shape::text},
    {"when_missing", Shape::section, &when_missing_section},
    {"files", Shape::sections, &file_section},
    {"protect", Shape::texts},
    {"egress", Shape::sections, &egress_section, needs_proxy},
    {"env", Shape::text_map},
    {"limits", Shape::section, &limits_section},
    {"certificate_key", Shape::text},
    {"credential", Shape::text, nullptr, needs_vault},
    {"require_signature", Shape::text},
    {"labels", Shape::section, &labels_section, needs_flow},
    {"tools", Shape::map, &tool_section},
    {"inspect", Shape::section, &inspect_section, fixed_inspectors},
});
constexpr Section own_section{server_own_keys};

// The keys that harnesses write. `description` and `alwaysLoad` mean nothing here and do no harm.
constexpr auto server_keys = std::to_array<Key>({
    {"type", Shape::text},
    {"command", Shape::text},
    {"args", Shape::texts},
    {"env", Shape::text_map},
    {"cwd", Shape::text},
    {"url", Shape::text},
    {"headers", Shape::text_map},
    {"disabled", Shape::boolean},
    {"timeout", Shape::integer},
    {"description", Shape::text},
    {"alwaysLoad", Shape::boolean},
    {"toolgate", Shape::section, &own_section},
});
constexpr Section server_section{server_keys};

constexpr auto agent_keys = std::to_array<Key>({
    {"servers", Shape::texts},
    {"tools", Shape::texts},
    {"profile", Shape::text, nullptr, "this build has no profiles; use 'servers' and 'tools'"},
});
constexpr Section agent_section{agent_keys};

constexpr auto audit_keys = std::to_array<Key>({
    {"durability", Shape::text},
    {"arguments", Shape::text},
    {"results", Shape::text},
    {"checkpoint", Shape::object, nullptr, "this build does not sign checkpoints"},
    {"retention", Shape::object, nullptr, "this build keeps every record"},
});
constexpr Section audit_section{audit_keys};

constexpr auto classifier_keys = std::to_array<Key>({
    {"url", Shape::text},
    {"deadline_ms", Shape::integer},
    {"on_failure", Shape::text},
});
constexpr Section classifier_section{classifier_keys};

constexpr auto top_inspect_keys = std::to_array<Key>({
    {"suppress", Shape::texts},
    {"verdicts", Shape::object},
    {"classifier", Shape::section, &classifier_section},
});
constexpr Section top_inspect_section{top_inspect_keys};

constexpr auto approvals_keys = std::to_array<Key>({
    {"key_classes", Shape::object},
    {"dual", Shape::texts},
    {"ask_budget_per_hour", Shape::integer, nullptr, needs_approvals},
    {"elicitation", Shape::any, nullptr, needs_approvals},
});
constexpr Section approvals_section{approvals_keys};

constexpr auto flow_keys = std::to_array<Key>({
    {"rules", Shape::object},
    {"edges", Shape::array},
});
constexpr Section flow_section{flow_keys};

constexpr auto auto_keys = std::to_array<Key>({
    {"allow_below", Shape::any},
    {"deny_above", Shape::any},
});
constexpr Section auto_section{auto_keys};

constexpr auto tls_keys = std::to_array<Key>({
    {"certificate", Shape::text},
    {"key", Shape::text},
});
constexpr Section tls_section{tls_keys};

constexpr auto top_keys = std::to_array<Key>({
    {"version", Shape::integer},
    {"agents", Shape::map, &agent_section},
    {"inspect", Shape::section, &top_inspect_section, fixed_inspectors},
    {"audit", Shape::section, &audit_section},
    {"approvals", Shape::section, &approvals_section},
    {"publishers", Shape::text_map},
    {"flow", Shape::section, &flow_section, needs_flow},
    {"auto", Shape::section, &auto_section, "this build does not score calls"},
    {"listen", Shape::text},
    {"tls", Shape::section, &tls_section},
    {"message_bytes", Shape::integer},
    {"tests", Shape::array, nullptr, "this build has no 'policy test'"},
});
constexpr Section top_section{top_keys};

constexpr auto root_keys = std::to_array<Key>({
    {"$schema", Shape::text},
    {"mcpServers", Shape::map, &server_section},
    {"toolgate", Shape::section, &top_section},
});
constexpr Section whole_section{root_keys};

std::string_view expected(Shape shape) {
  switch (shape) {
    case Shape::text:
      return "a string";
    case Shape::boolean:
      return "true or false";
    case Shape::integer:
      return "a whole number";
    case Shape::texts:
      return "an array of strings";
    case Shape::text_map:
      return "an object of strings";
    case Shape::section:
      return "an object";
    case Shape::sections:
      return "an array of objects";
    case Shape::map:
      return "an object of objects";
    case Shape::object:
      return "an object";
    case Shape::array:
      return "an array";
    case Shape::any:
      return "a value";
  }
  return "a value";
}

// The shape of what stands inside an array or object of that shape.
Shape inner(Shape shape) {
  return shape == Shape::texts || shape == Shape::text_map ? Shape::text : Shape::section;
}

bool has_kind(const Value& value, Shape shape) {
  switch (shape) {
    case Shape::text:
      return value.is_string();
    case Shape::boolean:
      return value.is_boolean();
    case Shape::integer:
      return value.is_number() && value.integer().has_value();
    case Shape::texts:
    case Shape::sections:
    case Shape::array:
      return value.is_array();
    case Shape::text_map:
    case Shape::section:
    case Shape::map:
    case Shape::object:
      return value.is_object();
    case Shape::any:
      return true;
  }
  return false;
}

std::string kind_problem(const std::string& what, Shape shape) {
  return what + " must be " + std::string(expected(shape));
}

void check_value(const Value& value, const Key& key, const std::string& path, Problems& problems) {
  const std::string quoted = "'" + std::string(key.name) + "'";
  if (!has_kind(value, key.shape)) {
    problems.add(value.begin(), kind_problem(quoted, key.shape));
    return;
  }
  if (key.shape == Shape::section) check_section(value, *key.section, path, problems);
  const bool nested = key.shape == Shape::texts || key.shape == Shape::text_map ||
                      key.shape == Shape::sections || key.shape == Shape::map;
  if (!nested) return;
  std::size_t position = 0;
  for (std::optional<Value> child = value.first(); child; child = child->following(value)) {
    const std::string label =
        child->has_name() ? "." + printable(child->name()) : "[" + std::to_string(position++) + "]";
    if (!has_kind(*child, inner(key.shape))) {
      problems.add(child->begin(), kind_problem(quoted, key.shape));
    } else if (key.section != nullptr) {
      check_section(*child, *key.section, path + label, problems);
    }
  }
}

std::string unknown_key(std::string_view name, const Section& section, const std::string& where) {
  std::string text = "unknown key '" + printable(name) + "'";
  text += where.empty() ? " at the top level" : " in " + where;
  std::vector<std::string_view> known;
  for (const Key& key : section.keys) known.push_back(key.name);
  if (&section == &server_section && own_section.find(name) != nullptr) {
    return text + "; it belongs inside \"toolgate\"";
  }
  if (const std::string_view near = nearest(name, known); !near.empty()) {
    return text + "; did you mean '" + std::string(near) + "'?";
  }
  text += "; known there:";
  for (const std::string_view key : known) {
    text += key == known.front() ? " " : ", ";
    text += key;
  }
  return text;
}

std::size_t edit_distance(std::string_view one, std::string_view other) {
  std::vector<std::size_t> row(other.size() + 1);
  for (std::size_t j = 0; j <= other.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= one.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= other.size(); ++j) {
      const std::size_t above = row[j];
      const std::size_t change = diagonal + (one[i - 1] == other[j - 1] ? 0 : 1);
      row[j] = std::min({change, above + 1, row[j - 1] + 1});
      diagonal = above;
    }
  }
  return row.back();
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

}  // namespace

const Key* Section::find(std::string_view name) const {
  const auto found = std::ranges::find(keys, name, &Key::name);
  return found == keys.end() ? nullptr : &*found;
}

const Section& root_section() { return whole_section; }
const Section& server_own_section() { return own_section; }

void check_section(const Value& object, const Section& section, const std::string& where,
                   Problems& problems) {
  for (std::optional<Value> value = object.first(); value; value = value->following(object)) {
    const std::string name = value->name();
    const Key* key = section.find(name);
    if (key == nullptr) {
      problems.add(value->name_begin(), unknown_key(name, section, where));
      continue;
    }
    if (!key->not_enforced.empty()) {
      std::string text = "'" + name + "' is not enforced by this build yet; remove it (";
      text += key->not_enforced;
      text += ')';
      problems.add(value->name_begin(), std::move(text));
    }
    std::string path = where.empty() ? "" : where + ".";
    path += name;
    check_value(*value, *key, path, problems);
  }
}

std::string_view nearest(std::string_view name, std::span<const std::string_view> known) {
  constexpr std::size_t longest = 64;  // a longer name is no typing mistake, and this is quadratic
  if (name.empty() || name.size() > longest) return {};
  std::string_view best;
  std::size_t least = std::numeric_limits<std::size_t>::max();
  for (const std::string_view candidate : known) {
    const std::size_t distance = edit_distance(lower(name), lower(candidate));
    const std::size_t most = candidate.size() < 4 ? 1 : candidate.size() < 9 ? 2 : 3;
    if (distance < least && distance <= most) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace toolgate::config

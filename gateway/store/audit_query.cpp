#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "gateway/store/audit.hpp"
#include "gateway/store/envelope.hpp"
#include "gateway/store/sqlite.hpp"

namespace toolgate {
namespace {

using Bound = std::variant<std::string_view, std::int64_t, std::array<char, 16>>;

// The conditions of a query and what is bound to them, in the same order.
struct Selection {
  std::string conditions;
  std::vector<Bound> bound;

  void add(std::string_view condition, Bound value) {
    conditions.append(conditions.empty() ? " WHERE " : " AND ").append(condition);
    bound.push_back(value);
  }
};

Selection selection(const AuditQuery& query, const std::optional<std::array<char, 16>>& id) {
  Selection all;
  const std::pair<std::string_view, const std::string*> columns[] = {
      {"server = ?", &query.server}, {"tool = ?", &query.tool},
      {"agent = ?", &query.agent},   {"session = ?", &query.session},
      {"kind = ?", &query.kind},     {"decision = ?", &query.decision}};
  for (const auto& [condition, value] : columns) {
    if (!value->empty()) all.add(condition, std::string_view(*value));
  }
  if (id) all.add("id = ?", *id);
  if (query.since_ns) all.add("time_ns >= ?", *query.since_ns);
  if (query.until_ns) all.add("time_ns < ?", *query.until_ns);
  if (query.after_sequence) all.add("seq > ?", *query.after_sequence);
  return all;
}

}  // namespace

Result<std::vector<AuditRow>> audit_rows(Store& store, const AuditQuery& query) {
  const auto id = uuid_bytes(query.id);
  if (!query.id.empty() && !id) {
    return Refusal(Reason::usage,
                   "a record id is a UUID of 36 characters, as `audit query` prints it");
  }
  const Selection selected = selection(query, id);
  auto rows = store.database().query("SELECT seq, body FROM records" + selected.conditions +
                                     " ORDER BY seq " + (query.after_sequence ? "ASC" : "DESC") +
                                     " LIMIT ?");
  if (!rows) return rows.refusal();
  int at = 1;
  for (const Bound& value : selected.bound) {
    if (const auto* text = std::get_if<std::string_view>(&value)) rows->bind(at++, *text);
    if (const auto* bytes = std::get_if<std::array<char, 16>>(&value)) {
      rows->bind_blob(at++, {bytes->data(), bytes->size()});
    }
    if (const auto* number = std::get_if<std::int64_t>(&value)) rows->bind(at++, *number);
  }
  rows->bind(at, static_cast<std::int64_t>(query.limit));
  std::vector<AuditRow> found;
  for (;;) {
    auto row = rows->step();
    if (!row) return row.refusal();
    if (!*row) break;
    found.push_back(AuditRow{rows->number(0), std::string(rows->text(1))});
  }
  if (!query.after_sequence) std::ranges::reverse(found);
  return found;
}

Result<std::int64_t> last_audit_sequence(Store& store) {
  return store.database().number("SELECT max(seq) FROM records");
}

Result<std::vector<std::string>> query_audit(Store& store, const AuditQuery& query) {
  auto rows = audit_rows(store, query);
  if (!rows) return rows.refusal();
  std::vector<std::string> lines;
  for (AuditRow& row : *rows) lines.push_back(std::move(row.json));
  return lines;
}

}  // namespace toolgate

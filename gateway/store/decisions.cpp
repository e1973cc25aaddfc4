#include "gateway/store/decisions.hpp"

#include <algorithm>
#include <utility>

#include "gateway/core/clock.hpp"
#include "gateway/core/document.hpp"
#include "gateway/store/record_row.hpp"
#include "gateway/store/sightings.hpp"
#include "gateway/store/sqlite.hpp"

namespace toolgate {
namespace {

// The name that an approval was given under stands in what was signed, and nowhere else.
Result<std::string> server_of(const SignedApproval& record) {
  auto text = parse_document(Untrusted<std::string>(record.text), JsonLimits{});
  if (!text) return text.refusal();
  auto server = text->root().find("server");
  if (!server || !server->is_string()) {
    return Refusal(Reason::invalid_params, "an approval without a server cannot be stored");
  }
  return server->text();
}

Status put_approval(Database& database, const StoredApproval& approval) {
  auto server = server_of(approval.record);
  if (!server) return server.refusal();
  const auto kind = item_kind_name(approval.definition.kind);
  auto supersede = database.query(
      "UPDATE approvals SET revoked_at = ?"
      " WHERE server = ? AND kind = ? AND key = ? AND revoked_at IS NULL");
  if (!supersede) return supersede.refusal();
  auto superseded = supersede->bind(1, now_utc_ns())
                        .bind(2, *server)
                        .bind(3, kind)
                        .bind(4, approval.definition.key)
                        .run();
  if (!superseded) return superseded;
  auto insert = database.query(
      "INSERT INTO approvals(server, kind, key, definition, text, key_id, signature)"
      " VALUES(?, ?, ?, ?, ?, ?, ?)");
  if (!insert) return insert.refusal();
  return insert->bind(1, *server)
      .bind(2, kind)
      .bind(3, approval.definition.key)
      .bind(4, approval.definition.json)
      .bind(5, approval.record.text)
      .bind(6, approval.record.key_id)
      .bind(7, approval.record.signature)
      .run();
}

// All of one server, as it is with what one command approves.
Status are_still_shown(Store& store, const std::vector<Shown>& basis) {
  if (basis.empty()) return done();
  const std::string& server = basis.front().server;
  auto shown = store.shown(server);
  if (!shown) return shown.refusal();
  const bool same = std::ranges::all_of(basis, [&](const Shown& item) {
    return item.server == server && std::ranges::find(*shown, item) != shown->end();
  });
  if (same) return done();
  return Refusal(Reason::held, "what was shown of '" + server +
                                   "' was replaced while it was being approved, and nothing was "
                                   "approved: run `toolgate review " +
                                   server + "` again");
}

Status put_records(Database& database, std::vector<Record> records) {
  for (Record& record : records) {
    auto put = insert_record_row(database, make_record_row(std::move(record)));
    if (!put) return put.refusal();
  }
  return done();
}

Result<std::size_t> revoke_rows(Database& database, const std::string& server,
                                const std::vector<std::string>& keys, std::int64_t time_ns) {
  std::int64_t count = 0;
  const std::vector<std::string> all = {""};
  for (const std::string& key : keys.empty() ? all : keys) {
    auto update = database.query(
        "UPDATE approvals SET revoked_at = ?1 WHERE server = ?2 AND revoked_at IS NULL"
        " AND (?3 OR key = ?4)");
    if (!update) return update.refusal();
    auto updated = update->bind(1, time_ns)
                       .bind(2, server)
                       .bind(3, std::int64_t{keys.empty()})
                       .bind(4, key)
                       .run();
    if (!updated) return updated.refusal();
    count += database.changes();
  }
  return static_cast<std::size_t>(count);
}

}  // namespace

Status put_approvals(Store& store, const std::vector<Shown>& basis,
                     const std::vector<StoredApproval>& approvals, std::vector<Record> records) {
  Database& database = store.database();
  auto transaction = Transaction::begin(database);
  if (!transaction) return transaction.refusal();
  auto same = are_still_shown(store, basis);
  if (!same) return same;
  auto settled = settle_sightings(database, basis);
  if (!settled) return settled;
  for (const StoredApproval& approval : approvals) {
    auto put = put_approval(database, approval);
    if (!put) return put;
  }
  auto recorded = put_records(database, std::move(records));
  if (!recorded) return recorded;
  return transaction->commit();
}

Result<std::size_t> revoke_approvals(Store& store, const std::string& server,
                                     const std::vector<std::string>& keys, std::int64_t time_ns,
                                     const RecordsOf& records) {
  Database& database = store.database();
  auto transaction = Transaction::begin(database);
  if (!transaction) return transaction.refusal();
  auto count = revoke_rows(database, server, keys, time_ns);
  if (!count) return count.refusal();
  auto recorded = put_records(database, records(*count));
  if (!recorded) return recorded.refusal();
  auto committed = transaction->commit();
  if (!committed) return committed.refusal();
  return *count;
}

}  // namespace toolgate

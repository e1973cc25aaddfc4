#include "gateway/store/record_row.hpp"

#include <utility>

#include "gateway/core/clock.hpp"
#include "gateway/store/envelope.hpp"

namespace toolgate {

RecordRow make_record_row(Record record) {
  RecordRow row;
  row.id = make_uuid_v7();
  row.id_bytes = uuid_bytes(row.id).value();
  row.time_ns = now_utc_ns();
  row.body = envelope_json(record, row.id, row.time_ns);
  row.record = std::move(record);
  return row;
}

Result<std::int64_t> insert_record_row(Database& database, const RecordRow& row) {
  auto insert = database.query(
      "INSERT INTO records(id, time_ns, kind, agent, session, server, tool, decision, body)"
      " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)");
  if (!insert) return insert.refusal();
  auto inserted = insert->bind_blob(1, {row.id_bytes.data(), row.id_bytes.size()})
                      .bind(2, row.time_ns)
                      .bind(3, row.record.kind)
                      .bind_or_null(4, row.record.agent)
                      .bind_or_null(5, row.record.session)
                      .bind_or_null(6, row.record.server)
                      .bind_or_null(7, row.record.tool)
                      .bind_or_null(8, row.record.decision)
                      .bind(9, row.body)
                      .run();
  if (!inserted) return inserted.refusal();
  return database.last_row();
}

}  // namespace toolgate

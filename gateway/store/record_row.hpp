#pragma once
// What the database gets for a record, so that one may stand in a transaction with what it is
// about.

#include <array>
#include <cstdint>
#include <string>

#include "gateway/core/result.hpp"
#include "gateway/store/audit.hpp"
#include "gateway/store/sqlite.hpp"

namespace toolgate {

// Made where the record is, not where it is committed, so that time, id and sequence number of one
// process's records run the same way.
struct RecordRow {
  std::string id;
  std::array<char, 16> id_bytes{};
  std::int64_t time_ns = 0;
  std::string body;
  Record record;  // for its columns
};

RecordRow make_record_row(Record record);

// Its sequence number; durable with the transaction that it is part of.
Result<std::int64_t> insert_record_row(Database& database, const RecordRow& row);

}  // namespace toolgate

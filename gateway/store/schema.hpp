#pragma once
// The tables of the store, and how an older file becomes a current one.

#include "gateway/core/result.hpp"
#include "gateway/store/sqlite.hpp"

namespace toolgate {

constexpr std::int64_t schema_version = 3;

// Makes the tables in an empty file, migrates an older one, accepts a current one. Refuses a newer
// one and a database that is something else. Safe when several processes do it at once.
Status ensure_schema(Database& database);

}  // namespace toolgate

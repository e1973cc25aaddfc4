#include "gateway/store/sightings.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "gateway/core/clock.hpp"
#include "gateway/store/record_row.hpp"
#include "gateway/store/sqlite.hpp"

namespace toolgate {
namespace {

constexpr std::string_view whole_server = "server";  // in the place of a kind

struct WhyRow {
  SightingWhy why;
  std::string_view name;
  std::string_view text;
};
constexpr std::array<WhyRow, 6> whys{{
    {SightingWhy::changed, "changed", "it was seen with another definition"},
    {SightingWhy::fresh, "new", "it was new"},
    {SightingWhy::duplicate, "duplicate", "several things had this name"},
    {SightingWhy::missing, "missing", "it was not offered"},
    {SightingWhy::unreadable, "unreadable", "its definition could not be held against any"},
    {SightingWhy::flood, "flood", "the server offered more than is kept that nobody has approved"},
}};

const WhyRow& row_of(SightingWhy why) { return *std::ranges::find(whys, why, &WhyRow::why); }

std::string record_reason(const Seen& seen) {
  const std::string what = "this " + std::string(item_kind_name(seen.kind));
  switch (seen.why) {
    case SightingWhy::changed:
      return what + " is not what was approved: approved " + seen.approved + ", seen " + seen.pin;
    case SightingWhy::fresh:
      return what + " was not there at the last review, and waits for one";
    case SightingWhy::duplicate:
      return "several things are offered under the name of " + what + ": none of them is";
    case SightingWhy::missing:
      return what + ", approved as " + seen.approved + ", is not offered any more";
    case SightingWhy::unreadable:
      return "the definition of " + what + " cannot be held against an approved one" +
             (seen.approved.empty() ? "" : ", " + seen.approved);
    case SightingWhy::flood:
      break;
  }
  return "the server offers more than " + std::to_string(most_sightings) +
         " things that nobody has approved: all of it is held";
}

std::string kind_text(const Seen& seen) {
  return std::string(seen.why == SightingWhy::flood ? whole_server : item_kind_name(seen.kind));
}

Refusal damaged(const Database& database, std::int64_t row) {
  return Refusal(Reason::storage, "row " + std::to_string(row) + " of the sightings in " +
                                      database.file().string() +
                                      " is nothing that toolgate writes: restore a copy");
}

Result<Sighting> read_sighting(const Database& database, const Query& row) {
  Sighting sighting;
  sighting.row = row.number(0);
  sighting.server = row.text(1);
  auto identity = Digest::parse(row.text(2));
  if (!identity) return damaged(database, sighting.row);
  sighting.identity = *identity;
  if (row.text(3) != whole_server) {
    auto kind = item_kind_from(row.text(3));
    if (!kind) return damaged(database, sighting.row);
    sighting.kind = *kind;
  }
  sighting.key = row.text(4);
  auto why = std::ranges::find(whys, row.text(5), &WhyRow::name);
  if (why == whys.end()) return damaged(database, sighting.row);
  sighting.why = why->why;
  sighting.pin = row.text(6);
  sighting.definition = row.text(7);
  sighting.time_ns = row.number(8);
  sighting.record = row.text(9);
  return sighting;
}

Result<OpenSightings> read_all(Database& database) {
  auto rows = database.query(
      "SELECT row, server, identity, kind, key, why, pin, definition, time_ns, record"
      " FROM sightings ORDER BY row");
  if (!rows) return rows.refusal();
  OpenSightings open;
  for (;;) {
    auto row = rows->step();
    if (!row) return row.refusal();
    if (!*row) return open;
    auto sighting = read_sighting(database, *rows);
    if (!sighting) return sighting.refusal();
    open.add(std::move(*sighting));
  }
}

// The first column of the first row.
Result<std::int64_t> first_number(Query& rows) {
  auto row = rows.step();
  if (!row) return row.refusal();
  return *row ? rows.number(0) : 0;
}

// Is it what the last review showed? Not all that is shown is approved, and nobody asked again.
Result<bool> was_shown(Database& database, const std::string& identity, const Seen& seen) {
  auto rows = database.query(
      "SELECT count(*) FROM shown WHERE identity = ? AND kind = ? AND key = ? AND pin = ?");
  if (!rows) return rows.refusal();
  const std::string kind = kind_text(seen);
  rows->bind(1, identity).bind(2, kind).bind(3, seen.key).bind(4, seen.pin);
  auto count = first_number(*rows);
  if (!count) return count.refusal();
  return *count > 0;
}

Result<std::int64_t> count_of(Database& database, const std::string& identity) {
  auto rows = database.query("SELECT count(*) FROM sightings WHERE identity = ?");
  if (!rows) return rows.refusal();
  rows->bind(1, identity);
  return first_number(*rows);
}

// Of this item, or (where `pin` says so) whether just this is written down.
Result<std::int64_t> count_of_item(Database& database, const std::string& identity,
                                   const Seen& seen, bool just_this) {
  auto rows = database.query(
      "SELECT count(*) FROM sightings WHERE identity = ?1 AND kind = ?2 AND key = ?3"
      " AND (?4 = 0 OR (why = ?5 AND pin = ?6))");
  if (!rows) return rows.refusal();
  const std::string kind = kind_text(seen);
  rows->bind(1, identity)
      .bind(2, kind)
      .bind(3, seen.key)
      .bind(4, std::int64_t{just_this})
      .bind(5, sighting_why_name(seen.why))
      .bind(6, seen.pin);
  return first_number(*rows);
}

Status insert(Database& database, const std::string& server, const std::string& identity,
              const Seen& seen) {
  Record record;
  const bool is_flood = seen.why == SightingWhy::flood;
  record.kind = is_flood ? "server.held" : "definition." + std::string(sighting_why_name(seen.why));
  record.server = server;
  record.tool =
      seen.kind == ItemKind::tool || is_flood
          ? seen.key
          : std::string(item_kind_name(seen.kind)) + (seen.key.empty() ? "" : ":" + seen.key);
  record.decision = "deny";
  record.reason = record_reason(seen);
  record.pin = seen.pin;
  RecordRow told = make_record_row(std::move(record));
  auto put = insert_record_row(database, told);
  if (!put) return put.refusal();
  auto insert = database.query(
      "INSERT INTO sightings(server, identity, kind, key, why, pin, definition, time_ns, record)"
      " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)");
  if (!insert) return insert.refusal();
  const std::string kind = kind_text(seen);
  const bool is_kept = seen.definition.size() <= most_sighted_bytes;
  return insert->bind(1, server)
      .bind(2, identity)
      .bind(3, kind)
      .bind(4, seen.key)
      .bind(5, sighting_why_name(seen.why))
      .bind(6, seen.pin)
      .bind(7, is_kept ? std::string_view(seen.definition) : std::string_view())
      .bind(8, told.time_ns)
      .bind(9, told.id)
      .run();
}

Status put(Database& database, const std::string& server, const std::string& identity,
           const Seen& seen) {
  if (seen.why == SightingWhy::fresh) {
    auto shown = was_shown(database, identity, seen);
    if (!shown) return shown.refusal();
    if (*shown) return done();
  }
  auto same = count_of_item(database, identity, seen, true);
  if (!same) return same.refusal();
  auto of_item = count_of_item(database, identity, seen, false);
  if (!of_item) return of_item.refusal();
  if (*same > 0 || std::cmp_greater_equal(*of_item, most_sightings_of_item)) return done();
  auto all = count_of(database, identity);
  if (!all) return all.refusal();
  if (std::cmp_less(*all, most_sightings)) return insert(database, server, identity, seen);
  Seen flood;
  flood.why = SightingWhy::flood;
  auto held = count_of_item(database, identity, flood, true);
  if (!held) return held.refusal();
  return *held > 0 ? done() : insert(database, server, identity, flood);
}

// What was seen of an item, or of the server (nothing), that this review did not show.
Result<bool> is_unknown(Database& database, const Shown& item, bool of_server) {
  auto rows = database.query(
      "SELECT count(*) FROM sightings WHERE identity = ? AND kind = ? AND key = ? AND pin <> ?"
      " AND (shown_ns IS NULL OR shown_ns <> ?)");
  if (!rows) return rows.refusal();
  const std::string identity = item.identity.text();
  const std::string pin = of_server ? "none" : item.pin.text();  // nothing of a server has one
  const std::string key = of_server ? "" : item.definition.key;
  rows->bind(1, identity)
      .bind(2, of_server ? whole_server : item_kind_name(item.definition.kind))
      .bind(3, key)
      .bind(4, pin)
      .bind(5, item.time_ns);
  auto count = first_number(*rows);
  if (!count) return count.refusal();
  return *count > 0;
}

Refusal seen_since(const Shown& item, bool of_server) {
  const std::string what = of_server ? "the server" : "one of its items";
  return Refusal(Reason::held, "a gateway saw " + what + " of '" + item.server +
                                   "' otherwise since it was reviewed, and nothing was approved: "
                                   "run `toolgate review " +
                                   item.server + "` again");
}

Status remove_of_item(Database& database, const Shown& item) {
  auto remove = database.query("DELETE FROM sightings WHERE identity = ? AND kind = ? AND key = ?");
  if (!remove) return remove.refusal();
  const std::string identity = item.identity.text();
  return remove->bind(1, identity)
      .bind(2, item_kind_name(item.definition.kind))
      .bind(3, item.definition.key)
      .run();
}

// A flood that was shown is over, and with it what it consisted of: else the next thing that the
// server shows would be a flood again. What is held for itself stays held.
Status end_flood(Database& database, const Shown& item) {
  const std::string identity = item.identity.text();
  auto remove = database.query("DELETE FROM sightings WHERE identity = ? AND kind = ?");
  if (!remove) return remove.refusal();
  auto removed = remove->bind(1, identity).bind(2, whole_server).run();
  if (!removed || database.changes() == 0) return removed;
  auto fresh =
      database.query("DELETE FROM sightings WHERE identity = ? AND why = ? AND shown_ns = ?");
  if (!fresh) return fresh.refusal();
  return fresh->bind(1, identity)
      .bind(2, sighting_why_name(SightingWhy::fresh))
      .bind(3, item.time_ns)
      .run();
}

}  // namespace

std::string_view sighting_why_name(SightingWhy why) { return row_of(why).name; }

std::string sighting_text(const Sighting& sighting) {
  std::string time = utc_text(sighting.time_ns).substr(0, 19) + "Z";
  std::string text = std::string(row_of(sighting.why).text) + " at " + time;
  return sighting.record.empty() ? text : text + " (record " + sighting.record + ")";
}

void OpenSightings::add(Sighting sighting) {
  Place place{.kind = sighting.kind, .key = sighting.key};
  sightings_[sighting.identity][std::move(place)].push_back(std::move(sighting));
  ++size_;
}

const Sighting* OpenSightings::of(const ServerIdentity& server, ItemKind kind,
                                  const std::string& key) const {
  auto of_server = sightings_.find(server);
  if (of_server == sightings_.end()) return nullptr;
  auto found = of_server->second.find(Place{.kind = kind, .key = key});
  return found == of_server->second.end() ? nullptr : &found->second.front();
}

const Sighting* OpenSightings::flood_of(const ServerIdentity& server) const {
  auto of_server = sightings_.find(server);
  if (of_server == sightings_.end()) return nullptr;
  auto found = of_server->second.find(Place{.kind = std::nullopt, .key = ""});
  return found == of_server->second.end() ? nullptr : &found->second.front();
}

const Sighting* OpenSightings::of_server(const ServerIdentity& server) const {
  const Sighting* flood = flood_of(server);
  return flood ? flood : of(server, ItemKind::capabilities, "");
}

std::vector<const Sighting*> OpenSightings::all_of(const ServerIdentity& server) const {
  std::vector<const Sighting*> all;
  auto of_server = sightings_.find(server);
  if (of_server == sightings_.end()) return all;
  for (const auto& [place, sightings] : of_server->second) {
    for (const Sighting& sighting : sightings) all.push_back(&sighting);
  }
  std::ranges::sort(all, {}, &Sighting::row);
  return all;
}

bool OpenSightings::has(const ServerIdentity& server, const Seen& seen) const {
  auto of_server = sightings_.find(server);
  if (of_server == sightings_.end()) return false;
  auto found = of_server->second.find(Place{.kind = seen.kind, .key = seen.key});
  if (found == of_server->second.end()) return false;
  return std::ranges::any_of(found->second, [&](const Sighting& one) {
    return one.why == seen.why && one.pin == seen.pin;
  });
}

bool OpenSightings::is_full(const ServerIdentity& server, const Seen& seen) const {
  auto of_server = sightings_.find(server);
  if (of_server == sightings_.end()) return false;
  if (flood_of(server)) return true;
  auto found = of_server->second.find(Place{.kind = seen.kind, .key = seen.key});
  return found != of_server->second.end() && found->second.size() >= most_sightings_of_item;
}

Result<OpenSightings> open_sightings(Store& store) { return read_all(store.database()); }

Result<std::optional<SightingBook::Noted>> SightingBook::note(const std::string& server,
                                                              const ServerIdentity& identity,
                                                              const std::vector<Seen>& seen,
                                                              std::int64_t version) {
  Database& database = store_.database();
  auto transaction = Transaction::begin(database);
  if (!transaction) return transaction.refusal();
  auto now = store_.data_version();
  if (!now) return now.refusal();
  if (*now != version) return std::optional<Noted>();
  const std::string whose = identity.text();
  for (const Seen& one : seen) {
    auto noted = put(database, server, whose, one);
    if (!noted) return noted.refusal();
  }
  auto open = read_all(database);
  if (!open) return open.refusal();
  now = store_.data_version();
  if (!now) return now.refusal();
  auto committed = transaction->commit();
  if (!committed) return committed.refusal();
  return std::optional<Noted>(Noted{.open = std::move(*open), .version = *now});
}

Status mark_shown(Store& store, const std::vector<std::int64_t>& rows, std::int64_t review_ns) {
  if (rows.empty()) return done();
  Database& database = store.database();
  auto transaction = Transaction::begin(database);
  if (!transaction) return transaction.refusal();
  for (std::int64_t row : rows) {
    auto mark = database.query("UPDATE sightings SET shown_ns = ? WHERE row = ?");
    if (!mark) return mark.refusal();
    auto marked = mark->bind(1, review_ns).bind(2, row).run();
    if (!marked) return marked;
  }
  return transaction->commit();
}

Status check_sightings(Database& database, const std::vector<Shown>& basis) {
  if (basis.empty()) return done();
  auto of_server = is_unknown(database, basis.front(), true);
  if (!of_server) return of_server.refusal();
  if (*of_server) return seen_since(basis.front(), true);
  for (const Shown& item : basis) {
    auto unknown = is_unknown(database, item, false);
    if (!unknown) return unknown.refusal();
    if (*unknown) return seen_since(item, false);
  }
  return done();
}

Result<std::int64_t> last_seen_ns(Database& database, const Shown& item) {
  auto rows = database.query(
      "SELECT coalesce(max(time_ns), 0) FROM sightings"
      " WHERE identity = ? AND kind = ? AND key = ?");
  if (!rows) return rows.refusal();
  const std::string identity = item.identity.text();
  rows->bind(1, identity)
      .bind(2, item_kind_name(item.definition.kind))
      .bind(3, item.definition.key);
  return first_number(*rows);
}

Status settle_sightings(Database& database, const std::vector<Shown>& decided, bool all) {
  for (const Shown& item : decided) {
    auto removed = remove_of_item(database, item);
    if (!removed) return removed;
  }
  return all && !decided.empty() ? end_flood(database, decided.front()) : done();
}

Status forget_sightings(Database& database, const std::string& server,
                        const std::vector<ItemName>& items) {
  if (items.empty()) {
    auto all = database.query("DELETE FROM sightings WHERE server = ?");
    return all ? all->bind(1, server).run() : Status(all.refusal());
  }
  for (const ItemName& item : items) {
    auto one = database.query("DELETE FROM sightings WHERE server = ? AND kind = ? AND key = ?");
    if (!one) return one.refusal();
    auto removed = one->bind(1, server).bind(2, item_kind_name(item.kind)).bind(3, item.key).run();
    if (!removed) return removed;
  }
  return done();
}

}  // namespace toolgate

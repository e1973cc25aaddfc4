// What the book knows of changes that were refused.

#include "gateway/core/clock.hpp"
#include "gateway/core/log.hpp"
#include "gateway/store/custody_book.hpp"
#include "gateway/store/sqlite.hpp"

namespace toolgate {
namespace {

constexpr std::string_view held_columns =
    "SELECT id, server, effect, path, target, state, time_ns, device, inode, born_ns,"
    " generation, type, target_device, target_inode, target_born_ns, target_generation,"
    " target_type FROM held ";

std::optional<FileNote::Effect> effect_from(std::string_view name) {
  for (auto effect :
       {FileNote::Effect::remove, FileNote::Effect::move, FileNote::Effect::replace}) {
    if (effect_name(effect) == name) return effect;
  }
  return std::nullopt;
}

std::optional<HeldChange::State> state_from(std::string_view name) {
  for (auto state :
       {HeldChange::State::waits, HeldChange::State::allowed, HeldChange::State::denied}) {
    if (state_name(state) == name) return state;
  }
  return std::nullopt;
}

HostFile file_in(const Query& row, int column) {
  HostFile file;
  file.device = static_cast<std::uint64_t>(row.number(column));
  file.inode = static_cast<std::uint64_t>(row.number(column + 1));
  file.born_ns = row.number(column + 2);
  file.generation = row.number(column + 3);
  file.type = static_cast<std::uint32_t>(row.number(column + 4));
  return file;
}

// Five parameters from `at` on.
void bind_file(Query& query, int at, const HostFile& file) {
  query.bind(at, static_cast<std::int64_t>(file.device))
      .bind(at + 1, static_cast<std::int64_t>(file.inode))
      .bind(at + 2, file.born_ns)
      .bind(at + 3, file.generation)
      .bind(at + 4, file.type);
}

Result<HeldChange> held_in(const Query& row, const Database& database) {
  const auto effect = effect_from(row.text(2));
  const auto state = state_from(row.text(5));
  if (!effect || !state) {
    return Refusal(Reason::storage, "the store " + database.file().string() +
                                        " holds a refused change that cannot be read: restore a "
                                        "copy");
  }
  HeldChange change;
  change.note = FileNote{std::string(row.text(0)), *effect, std::string(row.text(3)),
                         std::string(row.text(4))};
  change.server = row.text(1);
  change.state = *state;
  change.time_ns = row.number(6);
  change.at_path = file_in(row, 7);
  change.at_target = file_in(row, 12);
  return change;
}

Status insert_held(Database& database, const HeldChange& change) {
  auto insert = database.query(
      "INSERT INTO held(id, server, effect, path, target, state, time_ns, device, inode, born_ns,"
      " generation, type, target_device, target_inode, target_born_ns, target_generation,"
      " target_type) VALUES(?, ?, ?, ?, ?, 'waits', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  if (!insert) return insert.refusal();
  insert->bind(1, change.note.id)
      .bind(2, change.server)
      .bind(3, effect_name(change.note.effect))
      .bind_blob(4, change.note.path)
      .bind_blob(5, change.note.to)
      .bind(6, now_utc_ns());
  bind_file(*insert, 7, change.at_path);
  bind_file(*insert, 12, change.at_target);
  return insert->run();
}

}  // namespace

HeldChange asked_now(std::string server, FileNote note) {
  HeldChange change;
  change.server = std::move(server);
  change.at_path = file_at(note.path);
  if (!note.to.empty()) change.at_target = file_at(note.to);
  change.note = std::move(note);
  return change;
}

std::string_view state_name(HeldChange::State state) {
  switch (state) {
    case HeldChange::State::waits:
      return "waits";
    case HeldChange::State::allowed:
      return "allowed";
    case HeldChange::State::denied:
      return "denied";
  }
  return "waits";
}

Result<std::vector<std::string>> CustodyBook::hold(std::span<const HeldChange> changes) {
  auto transaction = Transaction::begin(store_->database());
  if (!transaction) return transaction.refusal();
  std::vector<std::string> ids;
  for (const HeldChange& change : changes) {
    auto id = hold_one(change);
    if (!id) return id.refusal();
    ids.push_back(std::move(*id));
  }
  Status committed = transaction->commit();
  if (!committed) return committed.refusal();
  return ids;
}

Result<std::string> CustodyBook::hold_one(const HeldChange& change) {
  Database& database = store_->database();
  auto known = database.query(
      "SELECT id FROM held WHERE server = ? AND effect = ? AND path = ? AND target = ?"
      " AND device = ? AND inode = ? AND born_ns = ? AND generation = ? AND type = ?"
      " AND target_device = ? AND target_inode = ? AND target_born_ns = ?"
      " AND target_generation = ? AND target_type = ?"
      " AND state <> 'allowed' LIMIT 1");
  if (!known) return known.refusal();
  known->bind(1, change.server)
      .bind(2, effect_name(change.note.effect))
      .bind_blob(3, change.note.path)
      .bind_blob(4, change.note.to);
  bind_file(*known, 5, change.at_path);
  bind_file(*known, 10, change.at_target);
  auto found = known->step();
  if (!found) return found.refusal();
  if (*found) return std::string(known->text(0));
  auto count = database.query("SELECT count(*) FROM held WHERE server = ? AND state = 'waits'");
  if (!count) return count.refusal();
  auto counted = count->bind(1, change.server).step();
  if (!counted) return counted.refusal();
  if (static_cast<std::uint64_t>(count->number(0)) >= limits_.waiting) return std::string();
  Status inserted = insert_held(database, change);
  if (!inserted) return inserted.refusal();
  return change.note.id;
}

Result<std::vector<HeldChange>> CustodyBook::waiting() {
  Database& database = store_->database();
  auto rows = database.query(std::string(held_columns) + "WHERE state = 'waits' ORDER BY id");
  if (!rows) return rows.refusal();
  std::vector<HeldChange> changes;
  for (;;) {
    auto more = rows->step();
    if (!more) return more.refusal();
    if (!*more) return changes;
    auto change = held_in(*rows, database);
    if (!change) return change.refusal();
    changes.push_back(std::move(*change));
  }
}

Result<std::optional<HeldChange>> CustodyBook::held(const std::string& id) {
  Database& database = store_->database();
  auto row = database.query(std::string(held_columns) + "WHERE id = ?");
  if (!row) return row.refusal();
  auto found = row->bind(1, id).step();
  if (!found) return found.refusal();
  if (!*found) return std::optional<HeldChange>();
  auto change = held_in(*row, database);
  if (!change) return change.refusal();
  return std::optional<HeldChange>(std::move(*change));
}

Status CustodyBook::decide(const std::string& id, HeldChange::State state) {
  auto change = held(id);
  if (!change) return change.refusal();
  Database& database = store_->database();
  auto update = database.query("UPDATE held SET state = ? WHERE id = ? AND state = 'waits'");
  if (!update) return update.refusal();
  auto updated = update->bind(1, state_name(state)).bind(2, id).run();
  if (!updated) return updated;
  if (!*change || database.changes() != 1) {
    return Refusal(Reason::not_found, "no refused change with the id " + id + " waits");
  }
  forget_old((*change)->server);
  return done();
}

// The decision counts, whether the oldest ones could be forgotten or not.
void CustodyBook::forget_old(const std::string& server) {
  auto remove = store_->database().query(
      "DELETE FROM held WHERE server = ?1 AND state <> 'waits' AND id NOT IN (SELECT id FROM held"
      " WHERE server = ?1 AND state <> 'waits' ORDER BY id DESC LIMIT ?2)");
  Status removed =
      remove ? remove->bind(1, server).bind(2, static_cast<std::int64_t>(limits_.decided)).run()
             : Status(remove.refusal());
  if (removed) return;
  log_line(LogLevel::warning, "custody.not_forgotten", {{"why", removed.refusal().detail}});
}

}  // namespace toolgate

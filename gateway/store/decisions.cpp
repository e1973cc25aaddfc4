#include "gateway/store/decisions.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "gateway/config/approval_rules.hpp"
#include "gateway/core/clock.hpp"
#include "gateway/core/log.hpp"
#include "gateway/store/record_row.hpp"
#include "gateway/store/sightings.hpp"
#include "gateway/store/sqlite.hpp"
#include "gateway/store/trust.hpp"

namespace toolgate {
namespace {

// One decision, from the lock to the files. It changes nothing unless finish() is called.
class Deciding {
 public:
  static Result<Deciding> begin(Store& store, const Decider& by) {
    auto lock = TrustLock::take(by.home, TrustLock::Wait::yes);
    if (!lock) return lock.refusal();
    auto files = read_trust_files(by.home);
    if (!files) return files.refusal();
    auto transaction = Transaction::begin(store.database());
    if (!transaction) return transaction.refusal();
    return Deciding(store, by, std::move(**lock), std::move(*transaction), std::move(*files));
  }

  // What was decided before; what is there must be just that. Nothing where there is no root.
  Result<std::optional<Trust>> before() const { return check_trust(files_, store_, now_utc_ns()); }
  Database& database() { return store_.database(); }

  // After the change was made in the database. `keyring` is the one after it; where it changed, the
  // store keeps its text, too.
  enum class KeyringText { same, changed };
  Status finish(Decision decision, const Keyring& keyring, KeyringText text,
                std::vector<Record> records) {
    decision.home = keyring.home();
    decision.keys = keyring.digest();
    decision.who = by_.who;
    auto approvals = approvals_digest(store_);
    if (!approvals) return approvals.refusal();
    decision.approvals = *approvals;
    auto record = sign_decision(decision, by_.key);
    if (!record) return record.refusal();
    auto counts = open_decision(*record, keyring);
    if (!counts) return not_trusted();
    auto put =
        insert(decision.sequence, *record, text == KeyringText::changed ? &keyring : nullptr);
    if (!put) return put;
    for (Record& one : records) {
      auto recorded = insert_record_row(database(), make_record_row(std::move(one)));
      if (!recorded) return recorded.refusal();
    }
    auto committed = transaction_.commit();
    if (!committed) return committed;
    // It is decided. What the files lack is brought up by whoever reads them next.
    auto written = write_trust_files(by_.home, keyring, *record);
    if (!written) {
      log_line(LogLevel::warning, "trust.files_behind", {{"why", written.refusal().detail}});
    }
    return done();
  }

  Refusal not_trusted() const {
    return Refusal(Reason::bad_signature,
                   "the key " + by_.key.public_key().id() +
                       " may decide nothing in this home: it is not in trust.keys, is a recovery "
                       "key, has expired, or was retired or revoked; `toolgate keys list` shows "
                       "the keys that may");
  }

 private:
  Deciding(Store& store, const Decider& by, TrustLock lock, Transaction transaction,
           TrustFiles files)
      : store_(store),
        by_(by),
        lock_(std::move(lock)),
        transaction_(std::move(transaction)),
        files_(std::move(files)) {}

  Status insert(std::int64_t sequence, const SignedDecision& record, const Keyring* keyring) {
    auto row = database().query(
        "INSERT INTO decisions(sequence, text, key_id, signature, keyring) VALUES(?, ?, ?, ?, ?)");
    if (!row) return row.refusal();
    row->bind(1, sequence).bind(2, record.text).bind(3, record.key_id).bind(4, record.signature);
    if (keyring == nullptr) return row->bind_null(5).run();
    return row->bind(5, keyring->text()).run();
  }

  Store& store_;
  const Decider& by_;
  TrustLock lock_;
  Transaction transaction_;
  TrustFiles files_;
};

// The decision after that one.
Decision next_decision(const Trust& before, std::string act) {
  Decision decision;
  decision.sequence = before.decision.sequence + 1;
  decision.chain = before.chain;
  decision.act = std::move(act);
  // A clock that was set back does not stop us; each has a time of its own.
  decision.time_ns =
      std::max({now_utc_ns(), before.decision.time_ns + 1, before.keyring.time_ns()});
  return decision;
}

Status withdraw_rows(Database& database, const std::vector<std::int64_t>& rows,
                     std::int64_t time_ns) {
  for (const std::int64_t row : rows) {
    auto update = database.query("UPDATE approvals SET revoked_at = ? WHERE row = ?");
    if (!update) return update.refusal();
    auto updated = update->bind(1, time_ns).bind(2, row).run();
    if (!updated) return updated;
  }
  return done();
}

// The approvals that a new one takes the place of: all of the same item, but for those that another
// key gave of the same content where one is not enough.
Status supersede(Database& database, const ApprovalRules& rules, const Approval& approval,
                 const std::string& key_id, std::int64_t time_ns) {
  auto rows = database.query(
      "SELECT row, text, key_id, signature FROM approvals"
      " WHERE server = ? AND kind = ? AND key = ? AND revoked_at IS NULL");
  if (!rows) return rows.refusal();
  rows->bind(1, approval.server).bind(2, item_kind_name(approval.kind)).bind(3, approval.key);
  const bool two = needs_two_keys(rules, approval.change_class);
  std::vector<std::int64_t> superseded;
  for (;;) {
    auto row = rows->step();
    if (!row) return row.refusal();
    if (!*row) break;
    auto earlier = read_approval(SignedApproval{.text = std::string(rows->text(1)),
                                                .key_id = std::string(rows->text(2)),
                                                .signature = std::string(rows->text(3))});
    const bool is_beside = two && earlier && rows->text(2) != key_id &&
                           earlier->pin == approval.pin && earlier->identity == approval.identity &&
                           earlier->scopes == approval.scopes;
    if (!is_beside) superseded.push_back(rows->number(0));
  }
  return withdraw_rows(database, superseded, time_ns);
}

Status put_approval(Database& database, const ApprovalRules& rules, const StoredApproval& stored,
                    std::int64_t time_ns) {
  auto approval = read_approval(stored.record);
  if (!approval) return approval.refusal();
  auto superseded = supersede(database, rules, *approval, stored.record.key_id, time_ns);
  if (!superseded) return superseded;
  auto insert = database.query(
      "INSERT INTO approvals(server, kind, key, definition, text, key_id, signature)"
      " VALUES(?, ?, ?, ?, ?, ?, ?)");
  if (!insert) return insert.refusal();
  return insert->bind(1, approval->server)
      .bind(2, item_kind_name(stored.definition.kind))
      .bind(3, stored.definition.key)
      .bind(4, stored.definition.json)
      .bind(5, stored.record.text)
      .bind(6, stored.record.key_id)
      .bind(7, stored.record.signature)
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

// Those that the keyring lets count no more, and those that nobody can read.
Result<std::vector<std::int64_t>> rows_that_end(Store& store, const Keyring& keyring) {
  auto approvals = store.approvals();
  if (!approvals) return approvals.refusal();
  std::vector<std::int64_t> rows;
  for (const StoredApproval& one : *approvals) {
    if (!open_approval(one.record, keyring)) rows.push_back(one.row);
  }
  return rows;
}

std::vector<std::string> items_of(const std::vector<StoredApproval>& approvals) {
  std::vector<std::string> items;
  for (const StoredApproval& one : approvals) {
    items.push_back(std::string(item_kind_name(one.definition.kind)) + ":" + one.definition.key);
  }
  return items;
}

}  // namespace

Status put_approvals(Store& store, const Decider& by, const ApprovalRules& rules,
                     const std::vector<Shown>& basis, const std::vector<StoredApproval>& approvals,
                     std::vector<Record> records) {
  auto deciding = Deciding::begin(store, by);
  if (!deciding) return deciding.refusal();
  auto before = deciding->before();
  if (!before) return before.refusal();
  if (!*before) return no_root(0);
  auto same = are_still_shown(store, basis);
  if (!same) return same;
  auto settled = settle_sightings(deciding->database(), basis);
  if (!settled) return settled;
  Decision decision = next_decision(**before, "approve");
  if (!basis.empty()) decision.server = basis.front().server;
  decision.items = items_of(approvals);
  for (const StoredApproval& approval : approvals) {
    if (!open_approval(approval.record, (*before)->keyring)) return deciding->not_trusted();
    auto put = put_approval(deciding->database(), rules, approval, decision.time_ns);
    if (!put) return put;
  }
  return deciding->finish(std::move(decision), (*before)->keyring, Deciding::KeyringText::same,
                          std::move(records));
}

Result<std::size_t> count_approvals(Store& store, const std::string& server,
                                    const std::vector<std::string>& keys) {
  std::int64_t count = 0;
  const std::vector<std::string> all = {""};
  for (const std::string& key : keys.empty() ? all : keys) {
    auto rows = store.database().query(
        "SELECT count(*) FROM approvals WHERE server = ?1 AND revoked_at IS NULL"
        " AND (?2 OR key = ?3)");
    if (!rows) return rows.refusal();
    auto row = rows->bind(1, server).bind(2, std::int64_t{keys.empty()}).bind(3, key).step();
    if (!row) return row.refusal();
    count += rows->number(0);
  }
  return static_cast<std::size_t>(count);
}

Result<std::size_t> revoke_approvals(Store& store, const Decider& by, const std::string& server,
                                     const std::vector<std::string>& keys, std::int64_t time_ns,
                                     const RecordsOf& records) {
  auto deciding = Deciding::begin(store, by);
  if (!deciding) return deciding.refusal();
  auto before = deciding->before();
  if (!before) return before.refusal();
  if (!*before) return no_root(0);
  auto count = revoke_rows(deciding->database(), server, keys, time_ns);
  if (!count || *count == 0) return count;
  Decision decision = next_decision(**before, "revoke");
  decision.server = server;
  decision.items = keys;
  auto finished = deciding->finish(std::move(decision), (*before)->keyring,
                                   Deciding::KeyringText::same, records(*count));
  if (!finished) return finished.refusal();
  return count;
}

Result<std::size_t> change_keyring(Store& store, const Decider& by, const KeyringChange& change,
                                   std::vector<std::string> items, const RecordsOf& records) {
  auto deciding = Deciding::begin(store, by);
  if (!deciding) return deciding.refusal();
  auto before = deciding->before();
  if (!before) return before.refusal();
  if (!*before) return no_root(0);
  Decision decision = next_decision(**before, "keys");
  decision.items = std::move(items);
  Keyring keyring = (*before)->keyring;
  auto changed = change(keyring, decision.time_ns);
  if (!changed) return changed.refusal();
  decision.time_ns = std::max(decision.time_ns, keyring.time_ns());
  auto rows = rows_that_end(store, keyring);
  if (!rows) return rows.refusal();
  auto withdrawn = withdraw_rows(deciding->database(), *rows, decision.time_ns);
  if (!withdrawn) return withdrawn.refusal();
  auto finished = deciding->finish(std::move(decision), keyring, Deciding::KeyringText::changed,
                                   records(rows->size()));
  if (!finished) return finished.refusal();
  return rows->size();
}

Result<std::size_t> begin_trust(Store& store, const Decider& by, const Keyring& keyring,
                                const RecordsOf& records) {
  auto deciding = Deciding::begin(store, by);
  if (!deciding) return deciding.refusal();
  // What was there before may be anything. It stays in force until the store has the new root; from
  // then on the files are told by what stands here (trust_files.hpp).
  auto next = write_next_keys(by.home, keyring);
  if (!next) return next.refusal();
  auto withdraw =
      deciding->database().query("UPDATE approvals SET revoked_at = ? WHERE revoked_at IS NULL");
  if (!withdraw) return withdraw.refusal();
  auto withdrawn = withdraw->bind(1, now_utc_ns()).run();
  if (!withdrawn) return withdrawn.refusal();
  const auto count = static_cast<std::size_t>(deciding->database().changes());
  auto forgotten = deciding->database().run("DELETE FROM decisions");
  if (!forgotten) return forgotten.refusal();
  Decision decision;
  decision.act = "begin";
  decision.time_ns = std::max(now_utc_ns(), keyring.time_ns());
  auto finished = deciding->finish(std::move(decision), keyring, Deciding::KeyringText::changed,
                                   records(count));
  if (!finished) return finished.refusal();
  return count;
}

}  // namespace toolgate

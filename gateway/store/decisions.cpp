#include "gateway/store/decisions.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
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
  Result<std::optional<Trust>> before() {
    auto trust = check_trust(files_, store_, now_utc_ns());
    if (!trust) return trust;
    auto rows = approvals_in_force(store_);
    if (!rows) return rows.refusal();
    in_force_ = std::move(*rows);
    return trust;
  }
  Database& database() { return store_.database(); }

  // Changes of the approvals are made here alone, and counted: what is signed is what was decided,
  // whatever else the store makes of it.
  Status withdraw(const std::vector<std::int64_t>& rows, std::int64_t time_ns) {
    for (const std::int64_t row : rows) {
      auto update = database().query("UPDATE approvals SET revoked_at = ? WHERE row = ?");
      if (!update) return update.refusal();
      auto updated = update->bind(1, time_ns).bind(2, row).run();
      if (!updated) return updated;
      in_force_.erase(row);
    }
    return done();
  }
  Status put(const std::string& server, const StoredApproval& approval) {
    auto insert = database().query(
        "INSERT INTO approvals(server, kind, key, definition, text, key_id, signature)"
        " VALUES(?, ?, ?, ?, ?, ?, ?)");
    if (!insert) return insert.refusal();
    added_.insert(approval_row_digest(server, approval.definition, approval.record));
    return insert->bind(1, server)
        .bind(2, item_kind_name(approval.definition.kind))
        .bind(3, approval.definition.key)
        .bind(4, approval.definition.json)
        .bind(5, approval.record.text)
        .bind(6, approval.record.key_id)
        .bind(7, approval.record.signature)
        .run();
  }

  // After the change was made in the database. `keyring` is the one after it; where it changed, the
  // store keeps its text, too.
  enum class KeyringText { same, changed };
  Status finish(Decision decision, const Keyring& keyring, KeyringText text,
                std::vector<Record> records) {
    decision.home = keyring.home();
    decision.keys = keyring.digest();
    decision.who = by_.who;
    decision.approvals = expected_approvals();
    auto approvals = approvals_digest(store_);
    if (!approvals) return approvals.refusal();
    if (*approvals != decision.approvals) {
      return Refusal(Reason::bad_signature,
                     "nothing was decided: the store made something else of it than was decided. "
                     "It has a trigger that is not toolgate's: put back a copy of store.db, with "
                     "the trust.keys and trust.head that belong to it");
    }
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

  Digest expected_approvals() const {
    std::multiset<Digest> all = added_;
    for (const auto& [row, one] : in_force_) all.insert(one);
    return approvals_digest(all);
  }

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
  std::map<std::int64_t, Digest> in_force_;  // before, without what was withdrawn
  std::multiset<Digest> added_;
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

// Withdraws the approvals that a new one takes the place of: all of the same item, but for those
// that another key gave of the same content, since it was seen otherwise, where one is not enough.
// Is it enough now?
Result<bool> supersede(Deciding& deciding, const ApprovalRules& rules, const Approval& approval,
                       const std::string& key_id, std::int64_t seen_ns, std::int64_t time_ns) {
  auto rows = deciding.database().query(
      "SELECT row, text, key_id, signature FROM approvals"
      " WHERE server = ? AND kind = ? AND key = ? AND revoked_at IS NULL");
  if (!rows) return rows.refusal();
  rows->bind(1, approval.server).bind(2, item_kind_name(approval.kind)).bind(3, approval.key);
  const bool two = needs_two_keys(rules, approval.change_class);
  bool is_enough = !two;
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
                           earlier->scopes == approval.scopes && earlier->time_ns > seen_ns;
    is_enough = is_enough || is_beside;
    if (!is_beside) superseded.push_back(rows->number(0));
  }
  auto withdrawn = deciding.withdraw(superseded, time_ns);
  if (!withdrawn) return withdrawn.refusal();
  return is_enough;
}

// Does it count, now that it is there?
Result<bool> put_approval(Deciding& deciding, const ApprovalRules& rules,
                          const StoredApproval& stored, std::int64_t seen_ns,
                          std::int64_t time_ns) {
  auto approval = read_approval(stored.record);
  if (!approval) return approval.refusal();
  auto counts = supersede(deciding, rules, *approval, stored.record.key_id, seen_ns, time_ns);
  if (!counts) return counts;
  auto put = deciding.put(approval->server, stored);
  if (!put) return put.refusal();
  return counts;
}

// Of which of the basis; null where a caller approves what no review showed.
const Shown* shown_of(const std::vector<Shown>& basis, const Definition& definition) {
  const auto found = std::ranges::find_if(basis, [&](const Shown& item) {
    return item.definition.kind == definition.kind && item.definition.key == definition.key;
  });
  return found == basis.end() ? nullptr : &*found;
}

// Those sightings end whose items are approved now by as many keys as they need. The second key is
// shown what the first one saw.
Status settle(Store& store, const std::vector<Shown>& basis, const std::vector<Shown>& waiting) {
  if (basis.empty()) return done();
  std::vector<Shown> decided;
  std::ranges::copy_if(basis, std::back_inserter(decided), [&](const Shown& item) {
    return std::ranges::find(waiting, item) == waiting.end();
  });
  auto shown = store.shown(basis.front().server);
  if (!shown) return shown.refusal();
  return settle_sightings(store.database(), decided, decided.size() == shown->size());
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

Result<std::vector<std::int64_t>> rows_of(Database& database, const std::string& server,
                                          const std::vector<ItemName>& items) {
  std::vector<std::int64_t> all_rows;
  const std::vector<ItemName> all(1);
  for (const ItemName& item : items.empty() ? all : items) {
    auto rows = database.query(
        "SELECT row FROM approvals WHERE server = ?1 AND revoked_at IS NULL"
        " AND (?2 OR (kind = ?3 AND key = ?4))");
    if (!rows) return rows.refusal();
    rows->bind(1, server)
        .bind(2, std::int64_t{items.empty()})
        .bind(3, item_kind_name(item.kind))
        .bind(4, item.key);
    for (;;) {
      auto row = rows->step();
      if (!row) return row.refusal();
      if (!*row) break;
      all_rows.push_back(rows->number(0));
    }
  }
  return all_rows;
}

std::string item_text(const ItemName& item) {
  return std::string(item_kind_name(item.kind)) + ":" + item.key;
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
    items.push_back(item_text(ItemName{one.definition.kind, one.definition.key}));
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
  auto known = check_sightings(deciding->database(), basis);
  if (!known) return known;
  Decision decision = next_decision(**before, "approve");
  if (!basis.empty()) decision.server = basis.front().server;
  decision.items = items_of(approvals);
  std::vector<Shown> waiting;
  for (const StoredApproval& approval : approvals) {
    if (!open_approval(approval.record, (*before)->keyring)) return deciding->not_trusted();
    const Shown* shown = shown_of(basis, approval.definition);
    auto seen_ns = shown ? last_seen_ns(deciding->database(), *shown) : Result<std::int64_t>(0);
    if (!seen_ns) return seen_ns.refusal();
    auto counts = put_approval(*deciding, rules, approval, *seen_ns, decision.time_ns);
    if (!counts) return counts.refusal();
    if (!*counts && shown) waiting.push_back(*shown);
  }
  auto settled = settle(store, basis, waiting);
  if (!settled) return settled;
  return deciding->finish(std::move(decision), (*before)->keyring, Deciding::KeyringText::same,
                          std::move(records));
}

Result<std::size_t> count_approvals(Store& store, const std::string& server,
                                    const std::vector<ItemName>& items) {
  auto rows = rows_of(store.database(), server, items);
  if (!rows) return rows.refusal();
  return rows->size();
}

Result<std::size_t> revoke_approvals(Store& store, const Decider& by, const std::string& server,
                                     const std::vector<ItemName>& items, std::int64_t time_ns,
                                     const RecordsOf& records) {
  auto deciding = Deciding::begin(store, by);
  if (!deciding) return deciding.refusal();
  auto before = deciding->before();
  if (!before) return before.refusal();
  if (!*before) return no_root(0);
  auto rows = rows_of(deciding->database(), server, items);
  if (!rows) return rows.refusal();
  if (rows->empty()) return std::size_t{0};
  auto withdrawn = deciding->withdraw(*rows, time_ns);
  if (!withdrawn) return withdrawn.refusal();
  auto forgotten = forget_sightings(deciding->database(), server, items);
  if (!forgotten) return forgotten.refusal();
  Decision decision = next_decision(**before, "revoke");
  decision.server = server;
  for (const ItemName& item : items) decision.items.push_back(item_text(item));
  auto finished = deciding->finish(std::move(decision), (*before)->keyring,
                                   Deciding::KeyringText::same, records(rows->size()));
  if (!finished) return finished.refusal();
  return rows->size();
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
  auto withdrawn = deciding->withdraw(*rows, decision.time_ns);
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
  auto rows = approvals_in_force(store);
  if (!rows) return rows.refusal();
  std::vector<std::int64_t> all;
  for (const auto& [row, one] : *rows) all.push_back(row);
  auto withdrawn = deciding->withdraw(all, now_utc_ns());
  if (!withdrawn) return withdrawn.refusal();
  auto forgotten = deciding->database().run("DELETE FROM decisions");
  if (!forgotten) return forgotten.refusal();
  Decision decision;
  decision.act = "begin";
  decision.time_ns = std::max(now_utc_ns(), keyring.time_ns());
  auto finished = deciding->finish(std::move(decision), keyring, Deciding::KeyringText::changed,
                                   records(all.size()));
  if (!finished) return finished.refusal();
  return all.size();
}

}  // namespace toolgate

#include "gateway/store/trust.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "gateway/core/clock.hpp"
#include "gateway/core/log.hpp"
#include "gateway/store/audit.hpp"
#include "gateway/store/sqlite.hpp"

namespace toolgate {
namespace {

Refusal tampered(const std::string& why) {
  return Refusal(Reason::bad_signature,
                 "no approval counts: " + why +
                     ". Put back the store.db, trust.keys and trust.head that belong together, or "
                     "run `toolgate keys reset`, which withdraws every approval; then review and "
                     "approve again");
}

struct Row {
  SignedDecision decision;
  std::optional<std::string> keyring;  // after it, where it changed it
};

Result<std::vector<Row>> read_decisions(Database& database) {
  auto rows = database.query(
      "SELECT sequence, text, key_id, signature, keyring FROM decisions ORDER BY sequence");
  if (!rows) return rows.refusal();
  std::vector<Row> all;
  for (;;) {
    auto row = rows->step();
    if (!row) return row.refusal();
    if (!*row) return all;
    if (rows->number(0) != static_cast<std::int64_t>(all.size()) + 1) {
      return tampered("decision " + std::to_string(all.size() + 1) + " is missing in the store");
    }
    Row one;
    one.decision = SignedDecision{.text = std::string(rows->text(1)),
                                  .key_id = std::string(rows->text(2)),
                                  .signature = std::string(rows->text(3))};
    if (!rows->is_null(4)) one.keyring = std::string(rows->text(4));
    all.push_back(std::move(one));
  }
}

Digest keys_digest(const std::string& text) { return digest("trust-keys", text); }

// How many of the store's decisions trust.head knows: the store has just those, and maybe more.
Result<std::size_t> known_decisions(const TrustFiles& files, const std::vector<Row>& rows,
                                    const Decision& head) {
  if (!files.head) {
    if (rows.size() == 1) return std::size_t{0};  // the first one is not written there yet
    return tampered("the file trust.head is missing");
  }
  auto copy = parse_head(Untrusted<std::string>(*files.head));
  if (!copy) return tampered("the file trust.head is damaged: " + copy.refusal().detail);
  auto known = read_decision(*copy);
  if (!known) return tampered("the file trust.head is damaged: " + known.refusal().detail);
  if (known->home != head.home) {
    return tampered("the store and trust.head are not of the same home");
  }
  const auto count = static_cast<std::size_t>(known->sequence);
  if (count < 1 || count > rows.size()) {
    return tampered("the store is older than trust.head: it has " + std::to_string(rows.size()) +
                    " of " + std::to_string(known->sequence) + " decisions");
  }
  if (rows[count - 1].decision != *copy) {
    return tampered("decision " + std::to_string(count) +
                    " in the store is not the one in trust.head");
  }
  return count;
}

// Why trust.keys is not what it was after the last decision.
Refusal bad_keys(const TrustFiles& files, const Decision& head) {
  if (!files.keys) return tampered("the file trust.keys is missing");
  auto keyring = Keyring::parse(Untrusted<std::string>(*files.keys));
  if (!keyring) return tampered("the file trust.keys is damaged: " + keyring.refusal().detail);
  if (keyring->home() != head.home) {
    return tampered("trust.keys is not of the home that the store is of");
  }
  return tampered("trust.keys is not the one after the last decision: it is older, or newer");
}

// The keyring after the head: from the file, or from the store where a kill came between the two.
Result<Keyring> keyring_after(const TrustFiles& files, const std::vector<Row>& rows,
                              std::size_t known, const Decision& head, Trust::Files& state) {
  std::string text = files.keys.value_or("");
  if (!files.keys || keys_digest(text) != head.keys) {
    const Row* last = nullptr;
    for (std::size_t at = known; at < rows.size(); ++at) {
      if (rows[at].keyring) last = &rows[at];
    }
    const bool follows = last != nullptr && keys_digest(*last->keyring) == head.keys &&
                         last->keyring->starts_with(text);
    if (!follows) return bad_keys(files, head);
    text = *last->keyring;
    state = Trust::Files::behind;
  }
  auto keyring = Keyring::parse(Untrusted<std::string>(std::move(text)));
  if (!keyring) return tampered("the file trust.keys is damaged: " + keyring.refusal().detail);
  if (keyring->home() != head.home) return bad_keys(files, head);
  return keyring;
}

// A new root whose files were not written yet: what they hold is of the former one.
TrustFiles files_for(const TrustFiles& files, const std::vector<Row>& rows, const Decision& head,
                     Trust::Files& state) {
  if (!files.next || rows.size() != 1) return files;
  auto next = Keyring::parse(Untrusted<std::string>(*files.next));
  if (!next || next->home() != head.home) return files;
  TrustFiles fresh;
  fresh.keys = files.next;
  auto copy = files.head ? parse_head(Untrusted<std::string>(*files.head)) : SignedDecision();
  if (copy && *copy == rows.front().decision) fresh.head = files.head;
  state = Trust::Files::behind;
  return fresh;
}

std::string framed(std::string_view text) {
  return std::to_string(text.size()) + ':' + std::string(text) + ',';
}

constexpr int row_columns = 7;

Digest digest_of_columns(const std::array<std::string_view, row_columns>& columns) {
  std::string text;
  for (const std::string_view column : columns) text += framed(column);
  return digest("approval-row", text);
}

// What the files and the chain say of each other; not yet what it says of the approvals.
Result<Trust> check_chain(const TrustFiles& given, const std::vector<Row>& rows,
                          std::int64_t now_ns) {
  auto head = read_decision(rows.back().decision);
  if (!head) return tampered("the last decision in the store is damaged: " + head.refusal().detail);
  Trust::Files state = Trust::Files::current;
  const TrustFiles files = files_for(given, rows, *head, state);
  auto known = known_decisions(files, rows, *head);
  if (!known) return known.refusal();
  if (*known < rows.size()) state = Trust::Files::behind;
  auto keyring = keyring_after(files, rows, *known, *head, state);
  if (!keyring) return keyring.refusal();
  auto opened = open_decision(rows.back().decision, *keyring);
  if (!opened) return tampered("of the last decision in the store: " + opened.refusal().detail);
  // What trust.head does not confirm is believed of a key that is in force now alone.
  const TrustedKey* signer = keyring->find(rows.back().decision.key_id);
  if (*known < rows.size() && !signer->is_in_force(now_ns)) {
    return tampered("the last decision in the store is signed by the key " + signer->key.id() +
                    ", which has expired");
  }
  Chain chain;
  for (std::size_t at = 0; at + 1 < rows.size(); ++at) chain.add(rows[at].decision);
  const bool follows =
      opened->sequence == static_cast<std::int64_t>(rows.size()) && opened->chain == chain.digest();
  if (!follows) return tampered("the store's decisions are not those that were made here");
  chain.add(rows.back().decision);
  return Trust{.keyring = std::move(*keyring),
               .head = rows.back().decision,
               .decision = std::move(*opened),
               .chain = chain.digest(),
               .files = state};
}

Result<std::optional<Decided>> read_at_once(const std::filesystem::path& home, Store& store) {
  auto files = read_trust_files(home);
  if (!files) return files.refusal();
  auto reading = Transaction::begin_reading(store.database());
  if (!reading) return reading.refusal();
  auto trust = check_trust(*files, store, now_utc_ns());
  if (!trust) return trust.refusal();
  if (!*trust) return std::optional<Decided>();
  auto approvals = store.approvals();
  if (!approvals) return approvals.refusal();
  return std::optional<Decided>(
      Decided{.trust = std::move(**trust), .approvals = std::move(*approvals)});
}

// Under the lock, so that no decision comes between; somebody else who has it writes them itself.
Status bring_up(const std::filesystem::path& home, Store& store) {
  auto lock = TrustLock::take(home, TrustLock::Wait::no);
  if (!lock) return lock.refusal();
  if (!*lock) return done();
  auto files = read_trust_files(home);
  if (!files) return files.refusal();
  auto reading = Transaction::begin_reading(store.database());
  if (!reading) return reading.refusal();
  auto trust = check_trust(*files, store, now_utc_ns());
  if (!trust) return trust.refusal();
  if (!*trust || (*trust)->files == Trust::Files::current) return done();
  return write_trust_files(home, (*trust)->keyring, (*trust)->head);
}

}  // namespace

Result<std::optional<Trust>> check_trust(const TrustFiles& files, Store& store,
                                         std::int64_t now_ns) {
  auto rows = read_decisions(store.database());
  if (!rows) return rows.refusal();
  if (rows->empty()) {
    if (!files.head && !files.keys) return std::optional<Trust>();
    return tampered("the store has no decision, but the home has " +
                    std::string(files.head ? "trust.head" : "trust.keys") +
                    ": the store is older than it, or another one");
  }
  auto trust = check_chain(files, *rows, now_ns);
  if (!trust) return trust.refusal();
  auto approvals = approvals_digest(store);
  if (!approvals) return approvals.refusal();
  if (*approvals != trust->decision.approvals) {
    return tampered(
        "the approvals in the store are not those that were decided: a row was edited, removed or "
        "put back");
  }
  return std::optional<Trust>(std::move(*trust));
}

Result<std::optional<Decided>> read_decided(const std::filesystem::path& home, Store& store) {
  auto decided = read_at_once(home, store);
  const bool is_behind = decided && *decided && (*decided)->trust.files == Trust::Files::behind;
  if (!is_behind) return decided;
  auto brought = bring_up(home, store);
  if (!brought) {
    log_line(LogLevel::warning, "trust.files_behind", {{"why", brought.refusal().detail}});
  }
  return decided;
}

Refusal no_root(std::size_t outdated_approvals) {
  std::string why = "no key is trusted in this home yet: run `toolgate init`";
  if (outdated_approvals > 0) {
    why += ", then review and approve again (" + std::to_string(outdated_approvals) +
           " approvals of an earlier version of toolgate do not count: they name no home)";
  }
  return Refusal(Reason::bad_signature, std::move(why));
}

Result<std::map<std::int64_t, Digest>> approvals_in_force(Store& store) {
  auto rows = store.database().query(
      "SELECT row, server, kind, key, definition, text, key_id, signature FROM approvals"
      " WHERE revoked_at IS NULL");
  if (!rows) return rows.refusal();
  std::map<std::int64_t, Digest> all;
  for (;;) {
    auto row = rows->step();
    if (!row) return row.refusal();
    if (!*row) return all;
    std::array<std::string_view, row_columns> columns;
    for (int at = 0; at < row_columns; ++at) {
      columns[static_cast<std::size_t>(at)] = rows->text(at + 1);
    }
    all.emplace(rows->number(0), digest_of_columns(columns));
  }
}

Digest approval_row_digest(const std::string& server, const Definition& definition,
                           const SignedApproval& record) {
  return digest_of_columns({server, item_kind_name(definition.kind), definition.key,
                            definition.json, record.text, record.key_id, record.signature});
}

Digest approvals_digest(const std::multiset<Digest>& approvals) {
  std::string text;
  for (const Digest& one : approvals) text += one.text();
  return digest("approval-rows", text);
}

Result<Digest> approvals_digest(Store& store) {
  auto rows = approvals_in_force(store);
  if (!rows) return rows.refusal();
  std::multiset<Digest> all;
  for (const auto& [row, one] : *rows) all.insert(one);
  return approvals_digest(all);
}

Result<std::size_t> count_outdated_approvals(Store& store) {
  auto count = store.database().number("SELECT count(*) FROM approvals WHERE revoked_at = 0");
  if (!count) return count.refusal();
  return static_cast<std::size_t>(*count);
}

Record refused_approvals(const Refusal& why) {
  Record record;
  record.kind = "approvals.refused";
  record.decision = "deny";
  record.reason = why.detail;
  return record;
}

}  // namespace toolgate

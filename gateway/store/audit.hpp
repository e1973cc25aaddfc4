#pragma once
// The tool-call log. Two records for a call: the intent, durable before anything is forwarded, and
// the outcome, durable before the agent gets the answer. A Receipt is the proof that a record is
// durable; a call cannot be forwarded without one.
//
// Records that come in turns of the event loop without a gap are committed together (group commit).
// `process` durability survives the death of the gateway (SQLite WAL, synchronous=OFF), `fsync` the
// loss of power: there the commit runs on a thread of its own, and the next group forms meanwhile.
// Under both, what has reached the database file itself was synced in order, so that power loss may
// cost the newest records (`process`), not the store.
//
// Several processes write to one store; sequence numbers are unique among them and grow.

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/config/configuration.hpp"
#include "gateway/core/file_note.hpp"
#include "gateway/core/finding.hpp"
#include "gateway/core/result.hpp"
#include "gateway/core/task.hpp"
#include "gateway/store/store.hpp"

namespace toolgate {

// The record envelope, version 1: {"v":1,"id","time","kind", …}, fields in the order below. Empty
// fields are left out of the stored JSON, `arguments` and `result` stand in it as JSON, all else as
// strings, but for `findings` (an array) and `latency_us` (a number). Texts must be UTF-8.
struct Record {
  std::string kind;  // "call.intent", "call.outcome", "refusal", "approval",
                     // "approval.refused", "approvals.refused", "keys", "review", "revocation",
                     // "server.start", "server.exit", "server.held", "definition.changed",
                     // "definition.new", "definition.duplicate", "definition.missing",
                     // "definition.unreadable", "configuration", "agent", "finding", "freeze",
                     // "signature", "file.change", "file.held", "file.not_kept",
                     // "file.decision", "file.outcome", "file.restored", "file.discarded"
  std::string agent;
  std::string session;
  std::string server;
  std::string tool;  // or prompt, or URI
  std::string method;
  std::string decision;  // "allow", "deny", "error", "sanitise", "withhold"
  std::string reason;    // reason_name() or a sentence of the broker's own
  std::string rule;
  std::vector<Finding> findings;
  std::string arguments;  // JSON text, by policy: the arguments, or {"sha256","bytes"}
  std::string result;     // the same
  std::string pin;
  std::string policy;  // digest of the configuration in force
  std::string trace;   // W3C traceparent
  std::string intent;  // of an outcome: the id of its intent
  std::optional<std::int64_t> latency_us;
  FileNotes files = {};  // of an outcome, or of what no call claimed: in staged file scopes
};

class Receipt {
 public:
  const std::string& id() const { return id_; }  // UUIDv7
  std::int64_t sequence() const { return sequence_; }

 private:
  friend class AuditLog;
  Receipt(std::string id, std::int64_t sequence) : id_(std::move(id)), sequence_(sequence) {}
  std::string id_;
  std::int64_t sequence_;
};

// One thread: a log is used from its executor's thread alone.
class AuditLog {
 public:
  // `store` must outlive the log and have been opened for it alone.
  AuditLog(asio::any_io_executor executor, Store& store, AuditSettings settings);
  // Commits what is queued. Nobody may still wait in write().
  ~AuditLog();
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  // Completes when the record is durable; refuses with `storage` when it cannot be made so (disk
  // full, read-only, locked for longer than 10 s, damaged). A failure is told to everybody whose
  // record was in the same group, and the next write tries anew. Not cancelled by a cancellation:
  // whether a record was written must be known.
  Task<Result<Receipt>> write(Record record);
  // The same, blocking: for commands and for start and shutdown.
  Result<Receipt> write_now(Record record);

  // What to store for a JSON text under a policy: the text, on one line, or {"sha256","bytes"} of
  // its bytes (plain SHA-256, hex). A text of more than 64 KiB is never kept: its digest says
  // "truncated":true.
  static std::string detail(AuditSettings::Detail policy, std::string_view json);

 private:
  class Writer;
  std::unique_ptr<Writer> writer_;
};

// Reading, for `audit query|show|tail`. Empty fields select everything.
struct AuditQuery {
  std::string agent, session, server, tool, decision, kind, id;
  std::optional<std::int64_t> since_ns, until_ns;  // from since, up to but without until
  // With this, the oldest `limit` records after that sequence number: for following the log.
  std::optional<std::int64_t> after_sequence;
  std::size_t limit = 100;  // the newest that match, printed oldest first
};

struct AuditRow {
  std::int64_t sequence = 0;
  std::string json;  // the envelope
};
Result<std::vector<AuditRow>> audit_rows(Store& store, const AuditQuery& query);
// The highest sequence number so far; 0 for an empty log.
Result<std::int64_t> last_audit_sequence(Store& store);

// JSON objects, one a record, as printed by --json.
Result<std::vector<std::string>> query_audit(Store& store, const AuditQuery& query);

}  // namespace toolgate

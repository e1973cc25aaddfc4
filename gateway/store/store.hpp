#pragma once
// The store: one SQLite file (store.db in the home) shared by every toolgate process on that home.
// WAL mode, busy timeout, foreign keys and defensive mode on, `PRAGMA user_version` for the schema.
// Blocking; every statement here is a few microseconds to a few milliseconds, and a change waits
// for the disk (synchronous FULL: an approval or a revocation that was confirmed survives the loss
// of power). Faults of the disk are Refusals with `storage`.
//
// Nothing here is trusted for what it says: an approval counts only through its signature
// (signing/pins.hpp), what was shown only through its seal (signing/review_seal.hpp).

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/core/names.hpp"
#include "gateway/core/result.hpp"
#include "signing/pins.hpp"
#include "signing/review_seal.hpp"

namespace toolgate {

class Database;

// What `review` showed last, per item: `approve` signs exactly this.
struct Shown {
  std::string server;
  ServerIdentity identity;
  Digest scopes;  // of the server's entry, as it was shown
  Definition definition;
  Digest pin;
  std::string findings;      // JSON array
  std::string change_class;  // as gateway/config/change_class.hpp names it; "": approved as it is
  std::int64_t time_ns = 0;
  std::int64_t place = 0;  // in the order of the review
  std::string seal;        // over all of the above
  friend bool operator==(const Shown&, const Shown&) = default;
};

// Did `review` write this, every column of it?
bool is_sealed(const Shown& item, const ReviewSeal& seal);

// Which of a server's items.
struct ItemName {
  ItemKind kind = ItemKind::tool;
  std::string key;
  friend auto operator<=>(const ItemName&, const ItemName&) = default;
};

struct StoredApproval {
  std::int64_t row = 0;
  SignedApproval record;
  Definition
      definition;  // the approved text, so that a list can be answered before the server is up
};

struct StoredAgent {
  AgentName name;
  std::int64_t created_ns = 0;
};

// What a server said in its handshake when it was last reviewed; lets `initialize` be answered at
// once.
struct StoredServer {
  std::string server;
  ServerIdentity identity;
  std::string capabilities;  // JSON object
  std::string server_info;   // JSON object
  std::string revision;
};

class Store {
 public:
  // `create` makes the home (mode 0700) and the file (mode 0600) where they are missing; `existing`
  // refuses. Both bring an older schema up to date, and refuse a newer one and a home that others
  // can write to or own.
  enum class Mode { create, existing };
  static Result<std::unique_ptr<Store>> open(const std::filesystem::path& home, Mode mode);
  ~Store();
  Store(const Store&) = delete;

  // Changes whenever approvals, agents or what was reviewed changed, whoever changed them: audit
  // records do not count. Cheap enough to ask every second.
  Result<std::int64_t> data_version();

  // Replaces all that was shown of this server before; sets server, place and seal of each item.
  Status put_shown(const std::string& server, std::vector<Shown> items, const ReviewSeal& seal);
  // As the rows say it: only is_sealed() tells who wrote them.
  Result<std::vector<Shown>> shown(const std::string& server);
  Status put_server(const StoredServer& server);
  Result<std::vector<StoredServer>> servers();

  // Not revoked. They come and go by gateway/store/decisions.hpp.
  Result<std::vector<StoredApproval>> approvals();

  // Refuses with `storage` when that agent is there already.
  Status add_agent(const AgentName& name, const std::string& token_hash, std::int64_t time_ns);
  Result<bool> remove_agent(const AgentName& name);
  Result<std::vector<StoredAgent>> agents();
  Result<std::optional<AgentName>> agent_by_token_hash(const std::string& token_hash);

  // For AuditLog, query_audit and decisions.
  Database& database() { return *database_; }

 private:
  explicit Store(std::unique_ptr<Database> database);
  std::unique_ptr<Database> database_;
};

}  // namespace toolgate

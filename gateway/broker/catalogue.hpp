#pragma once
// What agents see: every item of every server with its standing, built anew whenever an offer, an
// approval or the configuration changes. An item is listed when an approval covers exactly what the
// server says now (or said at the last review, as long as it has not started yet); a call needs
// what it says now.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "gateway/broker/approved.hpp"
#include "gateway/broker/containment.hpp"
#include "gateway/broker/upstream.hpp"
#include "gateway/config/configuration.hpp"
#include "gateway/core/mirror.hpp"
#include "gateway/scopes/path_arguments.hpp"
#include "inspectors/gate.hpp"
#include "signing/pins.hpp"
#include "signing/skill_entry.hpp"

namespace toolgate {

enum class Standing {
  approved,  // listed, and callable once the server is up
  fresh,     // no approval yet
  changed,   // approved, but not like this
  missing,   // approved, but the server does not offer it any more
  withheld,  // approved, but an inspector refuses it
  unheld,    // approved, but not for the boundary that its server has on this host
  unlisted,  // approved, but its server's lists could not be read lately
};

struct CatalogueItem {
  ItemKind kind = ItemKind::tool;
  ServerName server;
  std::string key;      // as the server calls it
  std::string exposed;  // as the agent sees it (tools, prompts), else the key
  Standing standing = Standing::fresh;
  std::string why;       // for what is held
  std::string sighting;  // the record of what it is held for, if any gateway saw it otherwise
  bool hidden = false;   // by the configuration
  std::string missing;   // not empty: its server runs in a lesser boundary, for want of this
  std::vector<MirroredArgument> mirrored;      // of a tool: arguments that HTTP headers repeat
  std::shared_ptr<const PathArguments> paths;  // which arguments are paths; null: none can be
  // Of a skill whose entry is valid. Shared: an item is copied for each call, 512 files are not.
  std::shared_ptr<const SkillEntry> skill;
  std::string skill_place;        // of any skill: its directory, as folded_uri() makes it
  std::optional<Cleared> listed;  // the definition as the agent sees it
  std::optional<Verified<Definition>> verified;  // only from a live offer
  std::optional<Digest> pin;
  std::int64_t expires_ns = 0;  // of the approval; 0: never

  bool is_expired(std::int64_t now_ns) const { return expires_ns != 0 && expires_ns <= now_ns; }
  bool is_listed(std::int64_t now_ns) const {
    return standing == Standing::approved && listed && !is_expired(now_ns);
  }
};

struct ItemCounts {
  std::size_t approved = 0;
  std::size_t held = 0;
  std::size_t fresh = 0;
};

class Catalogue {
 public:
  Catalogue() = default;

  // One server's part; servers are added in the order of the configuration. `offer` is null while
  // the server is not up.
  void add(const ServerEntry& entry, const Offer* offer, const Approved& approved,
           const InspectionGate& gate, std::int64_t now_ns);
  // After add(): of this server, only what remains in that boundary is listed and callable.
  void hold_back(const ServerEntry& entry, const Containment& containment);

  // After add(): what was seen otherwise is held, whatever is offered now.
  void hold_seen(const ServerEntry& entry, const OpenSightings& sightings);
  // After add(): nothing of this server is listed or callable.
  void hold_unlisted(const ServerEntry& entry, const std::string& why);

  // Of a live offer: all of it that is not what was approved.
  const std::vector<Seen>& seen(const ServerName& server) const;
  const std::vector<CatalogueItem>& items(ItemKind kind) const;
  // All items of that exposed name (or URI). More than one: ambiguous.
  std::vector<const CatalogueItem*> find(ItemKind kind, const std::string& exposed) const;
  // Approved templates that this URI could be made from.
  std::vector<const CatalogueItem*> templates_for(std::string_view uri) const;
  // Is this one of several approved ones with its name?
  bool is_ambiguous(const CatalogueItem& item) const;
  const ItemCounts& counts(const ServerName& server) const;

  // Changes when the list of that kind changes for an agent that sees everything.
  std::string fingerprint(ItemKind kind) const;

 private:
  void add_offered(const ServerEntry& entry, const Definition& definition, const Approved& approved,
                   const InspectionGate& gate, std::int64_t now_ns);
  void add_stored(const ServerEntry& entry, const ApprovedItem& stored, const InspectionGate& gate);
  void add_odd(const ServerEntry& entry, const Oddity& oddity, const Approved& approved);
  void hold_grown(const ServerEntry& entry, const Approved& approved);
  void add_missing(const ServerEntry& entry, const Approved& approved);
  void add_replaced(const ServerEntry& entry, const Approved& approved);
  void add_unstarted(const ServerEntry& entry, const Approved& approved, const InspectionGate& gate,
                     std::int64_t now_ns);
  void see(const ServerEntry& entry, SightingWhy why, const Definition& definition, std::string pin,
           const Approval* approval);
  void hold_all(const ServerEntry& entry, Standing standing, const std::string& why);
  void hold(CatalogueItem& item, Standing standing, std::string why);
  bool has(const CatalogueItem& item) const;
  void put(CatalogueItem item);

  std::map<ItemKind, std::vector<CatalogueItem>> items_;
  std::map<ItemKind, std::unordered_multimap<std::string, std::size_t>> index_;
  std::map<ServerName, ItemCounts> counts_;
  std::map<ServerName, std::vector<Seen>> seen_;
};

// May a list hold only one item of this kind by one name? Of resources a URI may come twice, and is
// ambiguous when it is read; readers of skills refuse both.
constexpr bool is_listed_once(ItemKind kind) {
  return kind == ItemKind::tool || kind == ItemKind::prompt || kind == ItemKind::skill;
}

// The name that the agent sees: prefix and name, with what is not [A-Za-z0-9_.-] replaced, and
// shortened with a stable digest suffix where harnesses would cut it (64 characters; 128 without a
// prefix).
std::string exposed_name(const std::string& prefix, const std::string& name);

// Could `uri` come from this RFC 6570 template? Variables match lazily: {x} one segment, operators
// such as {+x}, {/x} and {?x} anything.
bool matches_template(std::string_view uri_template, std::string_view uri);

}  // namespace toolgate

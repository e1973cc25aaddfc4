#include "gateway/broker/catalogue.hpp"

#include <algorithm>

#include "gateway/core/rewrite.hpp"
#include "gateway/core/uri_spelling.hpp"
#include "signing/digest.hpp"

namespace toolgate {
namespace {

constexpr std::size_t harness_limit = 64;
constexpr std::size_t protocol_limit = 128;

// What an agent is told of it; administrators are told why (Approved::refused).
constexpr std::string_view none_counts =
    "no approval counts in this home for now; toolgate status says why";

// The definition under the name that the agent sees, looked at by every inspector.
Inspection present(const Definition& definition, const std::string& exposed,
                   const InspectionGate& gate) {
  std::string json = definition.json;
  bool named = definition.kind == ItemKind::tool || definition.kind == ItemKind::prompt;
  JsonLimits limits;
  if (named && exposed != definition.key) {
    auto document = parse_document(Untrusted<std::string>(json), limits);
    if (!document) return Inspection{};
    Rewrite rewrite(document->text());
    auto name = document->root().find("name");
    if (!name) return Inspection{};
    rewrite.replace(*name, json_quote(exposed));
    json = std::move(rewrite).apply();
  }
  auto document = parse_document(Untrusted<std::string>(std::move(json)), limits);
  if (!document) return Inspection{};
  Channel channel =
      definition.kind == ItemKind::instructions ? Channel::instructions : Channel::definition;
  return gate.inspect(channel, document->root());
}

bool is_hidden(const ServerEntry& entry, const Definition& definition) {
  if (definition.kind != ItemKind::tool) return false;
  auto policy = entry.tools.find(definition.key);
  return policy != entry.tools.end() && policy->second.hidden;
}

// Annotations that break the rules are as good as none: no transport acts on them.
std::vector<MirroredArgument> mirrored_in(const Definition& tool) {
  if (tool.json.find("x-mcp-header") == std::string::npos) return {};
  auto document = parse_document(Untrusted<std::string>(tool.json), JsonLimits());
  auto schema = document ? document->root().find("inputSchema") : std::nullopt;
  if (!schema) return {};
  auto mirrored = mirrored_arguments(*schema);
  return mirrored ? std::move(*mirrored) : std::vector<MirroredArgument>();
}

std::shared_ptr<const SkillEntry> skill_in(const Definition& definition) {
  auto document = parse_document(Untrusted<std::string>(definition.json), JsonLimits());
  if (!document) return nullptr;
  auto entry = parse_skill_entry(document->root());
  return entry ? std::make_shared<const SkillEntry>(std::move(*entry)) : nullptr;
}

// An entry's frontmatter and URIs are held against the skill's files: it goes on as it is, or not.
bool passes(const Definition& definition, const Inspection& inspection) {
  if (definition.kind == ItemKind::skill) return inspection.verdict == Verdict::allow;
  return inspection.cleared.has_value();
}

CatalogueItem item_for(const ServerEntry& entry, const Definition& definition) {
  CatalogueItem item;
  item.kind = definition.kind;
  item.server = entry.name;
  item.key = definition.key;
  bool named = definition.kind == ItemKind::tool || definition.kind == ItemKind::prompt;
  item.exposed = named ? exposed_name(entry.prefix, definition.key) : definition.key;
  item.hidden = is_hidden(entry, definition);
  if (definition.kind == ItemKind::tool) item.mirrored = mirrored_in(definition);
  item.paths = path_arguments(entry, definition);
  if (definition.kind == ItemKind::skill) {
    item.skill = skill_in(definition);
    item.skill_place = folded_uri(skill_directory(item.key));
  }
  return item;
}

}  // namespace

std::string exposed_name(const std::string& prefix, const std::string& name) {
  std::string exposed;
  bool changed = false;
  for (char c : prefix + name) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 c == '_' || c == '.' || c == '-';
    exposed += plain ? c : '_';
    changed = changed || !plain;
  }
  std::size_t limit = prefix.empty() ? protocol_limit : harness_limit;
  if (!changed && exposed.size() <= limit) return exposed;
  std::string suffix = "_" + digest("exposed name", prefix + name).text().substr(7, 8);
  if (exposed.size() + suffix.size() > limit) exposed.resize(limit - suffix.size());
  return exposed + suffix;
}

void Catalogue::add(const ServerEntry& entry, const Offer* offer, const Approved& approved,
                    const InspectionGate& gate, std::int64_t now_ns) {
  counts_[entry.name];
  if (!offer) return add_unstarted(entry, approved, gate, now_ns);
  for (const Definition& definition : offer->items) {
    add_offered(entry, definition, approved, gate, now_ns);
  }
  for (const Oddity& oddity : offer->oddities) add_odd(entry, oddity, approved);
  add_missing(entry, approved);
  hold_grown(entry, approved);
}

// Everything was approved of a server that can do this, and of no other.
void Catalogue::hold_grown(const ServerEntry& entry, const Approved& approved) {
  for (const CatalogueItem& item : items(ItemKind::capabilities)) {
    if (item.server != entry.name || item.standing == Standing::missing) continue;
    auto current = approved.book.approved_pin(entry.identity(), ItemKind::capabilities, "");
    if (current && item.pin == current) return;
    return hold_all(entry, Standing::changed,
                    current
                        ? "what the server says that it can do has changed since it was approved"
                        : "nobody has approved what the server says that it can do");
  }
}

// What was approved at the last review, as long as the server has not said what it offers now.
void Catalogue::add_unstarted(const ServerEntry& entry, const Approved& approved,
                              const InspectionGate& gate, std::int64_t now_ns) {
  for (const ApprovedItem& stored : approved.items) {
    const Approval& approval = stored.approval;
    // Two entries may have one identity, and each its own approvals: the newest counts.
    auto current = approved.book.approved_pin(approval.identity, approval.kind, approval.key);
    bool newest = current && *current == approval.pin;
    CatalogueItem item = item_for(entry, stored.definition);
    if (approval.identity != entry.identity() || !newest || has(item)) continue;
    bool expired = approval.expires_ns != 0 && approval.expires_ns <= now_ns;
    if (!expired && approval.scopes == entry.scope_digest()) {
      add_stored(entry, stored, gate);
      continue;
    }
    item.standing = Standing::changed;
    item.why = expired ? "its approval has expired"
                       : "what the server may reach was changed since the approval";
    put(std::move(item));
  }
  if (!approved.book.knows(entry.identity())) add_replaced(entry, approved);
}

// The name is the same, and what stands behind it is not: nothing is taken over from the server
// that was approved under it.
void Catalogue::add_replaced(const ServerEntry& entry, const Approved& approved) {
  for (const ApprovedItem& stored : approved.items) {
    if (stored.approval.server != entry.name.text()) continue;
    CatalogueItem item = item_for(entry, stored.definition);
    if (has(item)) continue;
    item.standing = Standing::changed;
    item.why = "another server was approved under the name of '" + entry.name.text() +
               "': its command, environment, package or URL has changed";
    put(std::move(item));
  }
}

void Catalogue::add_odd(const ServerEntry& entry, const Oddity& oddity, const Approved& approved) {
  const Definition& definition = oddity.definition;
  CatalogueItem item = item_for(entry, Definition{definition.kind, definition.key, "{}"});
  const Approval* approval =
      approved.book.approval(entry.identity(), definition.kind, definition.key);
  item.standing = approval ? Standing::changed : Standing::fresh;
  item.why = oddity.detail;
  see(entry, oddity.why, definition, digest("odd definition", definition.json).text(), approval);
  put(std::move(item));
}

void Catalogue::add_missing(const ServerEntry& entry, const Approved& approved) {
  for (const ApprovedItem& stored : approved.items) {
    if (stored.approval.identity != entry.identity()) continue;
    CatalogueItem item = item_for(entry, stored.definition);
    if (has(item)) continue;
    item.standing = Standing::missing;
    item.why = "the server does not offer it any more";
    const Definition none{stored.definition.kind, stored.definition.key, ""};
    see(entry, SightingWhy::missing, none, "", &stored.approval);
    put(std::move(item));
  }
}

void Catalogue::see(const ServerEntry& entry, SightingWhy why, const Definition& definition,
                    std::string pin, const Approval* approval) {
  seen_[entry.name].push_back(Seen{.why = why,
                                   .kind = definition.kind,
                                   .key = definition.key,
                                   .pin = std::move(pin),
                                   .approved = approval ? approval->pin.text() : "",
                                   .definition = definition.json});
}

void Catalogue::add_stored(const ServerEntry& entry, const ApprovedItem& stored,
                           const InspectionGate& gate) {
  CatalogueItem item = item_for(entry, stored.definition);
  Inspection inspection = present(stored.definition, item.exposed, gate);
  bool clean = passes(stored.definition, inspection);
  item.standing = clean ? Standing::approved : Standing::withheld;
  if (!clean) item.why = "an inspector refuses its definition";
  if (clean) item.listed = std::move(inspection.cleared);
  item.pin = stored.approval.pin;
  item.expires_ns = stored.approval.expires_ns;
  put(std::move(item));
}

void Catalogue::add_offered(const ServerEntry& entry, const Definition& definition,
                            const Approved& approved, const InspectionGate& gate,
                            std::int64_t now_ns) {
  CatalogueItem item = item_for(entry, definition);
  ServerIdentity identity = entry.identity();
  auto pinned = approved.pin_of(identity, definition);
  const Approval* approval = approved.book.approval(identity, definition.kind, definition.key);
  if (!pinned) {
    item.standing = approval ? Standing::changed : Standing::fresh;
    item.why = pinned.refusal().detail;
    see(entry, SightingWhy::unreadable, definition,
        digest("odd definition", definition.json).text(), approval);
    return put(std::move(item));
  }
  item.pin = pinned->pin;
  if (!approval || approval->pin != pinned->pin) {
    see(entry, approval ? SightingWhy::changed : SightingWhy::fresh, definition, pinned->pin.text(),
        approval);
  }
  auto verified = approved.book.verify(*pinned, identity, now_ns);
  if (!verified) {
    item.standing = approval ? Standing::changed : Standing::fresh;
    item.why = approved.refused.empty() ? verified.refusal().detail : std::string(none_counts);
    return put(std::move(item));
  }
  if (approval->scopes != entry.scope_digest()) {
    item.standing = Standing::changed;
    item.why = "what the server may reach was changed in the configuration since the approval";
    return put(std::move(item));
  }
  Inspection inspection = present(definition, item.exposed, gate);
  bool clean = passes(definition, inspection);
  item.standing = clean ? Standing::approved : Standing::withheld;
  if (!clean) item.why = "an inspector refuses its definition";
  if (clean) item.listed = std::move(inspection.cleared);
  item.verified = std::move(*verified);
  item.expires_ns = approval->expires_ns;
  put(std::move(item));
}

void Catalogue::hold_back(const ServerEntry& entry, const Containment& containment) {
  if (containment.is_as_asked()) return;
  for (auto& [kind, items] : items_) {
    for (CatalogueItem& item : items) {
      if (item.server != entry.name || item.standing != Standing::approved) continue;
      item.missing = containment.missing;
      if (remains(containment, entry, kind, item.key)) continue;
      item.standing = Standing::unheld;
      item.why = lesser_text(containment, entry);
      --counts_[item.server].approved;
    }
  }
}

void Catalogue::hold(CatalogueItem& item, Standing standing, std::string why) {
  ItemCounts& counts = counts_[item.server];
  if (item.standing == Standing::approved) {
    --counts.approved;
    ++counts.held;
  }
  item.standing = standing;
  item.why = std::move(why);
}

void Catalogue::hold_seen(const ServerEntry& entry, const OpenSightings& sightings) {
  const ServerIdentity identity = entry.identity();
  if (const Sighting* all = sightings.of_server(identity)) {
    hold_all(entry, Standing::changed, "of the whole server, " + sighting_text(*all));
  }
  for (const Sighting* sighting : sightings.all_of(identity)) {
    if (!sighting->kind) continue;
    std::vector<CatalogueItem>& items = items_[*sighting->kind];
    bool named = *sighting->kind == ItemKind::tool || *sighting->kind == ItemKind::prompt;
    auto [first, last] = index_[*sighting->kind].equal_range(
        named ? exposed_name(entry.prefix, sighting->key) : sighting->key);
    for (; first != last; ++first) {
      CatalogueItem& item = items[first->second];
      if (item.server != entry.name || item.key != sighting->key) continue;
      // What is not approved says so itself; it is the record that the sighting adds.
      if (item.standing == Standing::approved) {
        hold(item, Standing::changed, sighting_text(*sighting));
      } else if (item.sighting.empty() && !sighting->record.empty()) {
        item.why += " (first seen in record " + sighting->record + ")";
      }
      if (item.sighting.empty()) item.sighting = sighting->record;
    }
  }
}

void Catalogue::hold_unlisted(const ServerEntry& entry, const std::string& why) {
  hold_all(entry, Standing::unlisted, why);
}

void Catalogue::hold_all(const ServerEntry& entry, Standing standing, const std::string& why) {
  for (auto& [kind, items] : items_) {
    for (CatalogueItem& item : items) {
      if (item.server != entry.name || item.standing != Standing::approved) continue;
      hold(item, standing, why);
    }
  }
}

const std::vector<Seen>& Catalogue::seen(const ServerName& server) const {
  static const std::vector<Seen> none;
  auto found = seen_.find(server);
  return found == seen_.end() ? none : found->second;
}

bool Catalogue::has(const CatalogueItem& item) const {
  return std::ranges::any_of(find(item.kind, item.exposed), [&](const CatalogueItem* other) {
    return other->server == item.server && other->key == item.key;
  });
}

void Catalogue::put(CatalogueItem item) {
  ItemCounts& counts = counts_[item.server];
  if (item.standing == Standing::approved) {
    ++counts.approved;
  } else if (item.standing == Standing::fresh) {
    ++counts.fresh;
  } else {
    ++counts.held;
  }
  std::vector<CatalogueItem>& list = items_[item.kind];
  index_[item.kind].emplace(item.exposed, list.size());
  list.push_back(std::move(item));
}

const std::vector<CatalogueItem>& Catalogue::items(ItemKind kind) const {
  static const std::vector<CatalogueItem> none;
  auto found = items_.find(kind);
  return found == items_.end() ? none : found->second;
}

std::vector<const CatalogueItem*> Catalogue::find(ItemKind kind, const std::string& exposed) const {
  std::vector<const CatalogueItem*> found;
  auto index = index_.find(kind);
  if (index == index_.end()) return found;
  auto [first, last] = index->second.equal_range(exposed);
  for (; first != last; ++first) found.push_back(&items(kind)[first->second]);
  return found;
}

std::vector<const CatalogueItem*> Catalogue::templates_for(std::string_view uri) const {
  std::vector<const CatalogueItem*> found;
  for (const CatalogueItem& item : items(ItemKind::resource_template)) {
    if (item.standing == Standing::approved && matches_template(item.key, uri)) {
      found.push_back(&item);
    }
  }
  return found;
}

bool Catalogue::is_ambiguous(const CatalogueItem& item) const {
  std::size_t approved = 0;
  for (const CatalogueItem* other : find(item.kind, item.exposed)) {
    if (other->standing == Standing::approved) ++approved;
  }
  return approved > 1;
}

const ItemCounts& Catalogue::counts(const ServerName& server) const {
  static const ItemCounts none;
  auto found = counts_.find(server);
  return found == counts_.end() ? none : found->second;
}

std::string Catalogue::fingerprint(ItemKind kind) const {
  std::string all;
  for (const CatalogueItem& item : items(kind)) {
    if (item.standing == Standing::approved && !item.hidden && item.pin) {
      all += item.exposed + '\n' + item.pin->text() + '\n';
    }
  }
  return digest("catalogue", all).text();
}

bool matches_template(std::string_view uri_template, std::string_view uri) {
  // A pattern of literal bytes and two wildcards, matched in one table: rows are pattern positions.
  struct Part {
    char literal;
    enum { exact, segment, anything } kind;
  };
  std::vector<Part> parts;
  for (std::size_t at = 0; at < uri_template.size(); ++at) {
    if (uri_template[at] != '{') {
      parts.push_back({uri_template[at], Part::exact});
      continue;
    }
    std::size_t close = uri_template.find('}', at);
    if (close == std::string_view::npos || close == at + 1) return false;
    bool simple = std::string_view("+#./;?&").find(uri_template[at + 1]) == std::string_view::npos;
    parts.push_back({0, simple ? Part::segment : Part::anything});
    at = close;
  }
  if (uri.size() > 8'192 || parts.size() > 1'024) return false;
  std::vector<char> reach(uri.size() + 1, 0);
  reach[0] = 1;
  for (const Part& part : parts) {
    std::vector<char> next(uri.size() + 1, 0);
    for (std::size_t at = 0; at <= uri.size(); ++at) {
      bool from_before = at > 0 && reach[at - 1];
      if (part.kind == Part::exact) {
        next[at] = from_before && uri[at - 1] == part.literal;
      } else if (part.kind == Part::segment) {
        next[at] = at > 0 && uri[at - 1] != '/' && (from_before || next[at - 1]);
      } else {
        next[at] = reach[at] || (at > 0 && next[at - 1]);
      }
    }
    reach = std::move(next);
  }
  return reach[uri.size()] != 0;
}

}  // namespace toolgate

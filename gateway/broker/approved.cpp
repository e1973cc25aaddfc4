#include "gateway/broker/approved.hpp"

#include "gateway/core/log.hpp"

namespace toolgate {

void Approved::add(Approval approval, Pinned pin) {
  book.add(approval);
  items.push_back(ApprovedItem{approval, pin.definition});
  pinned.insert_or_assign({approval.identity, approval.kind, approval.key}, std::move(pin));
}

Result<Pinned> Approved::pin_of(const ServerIdentity& server, const Definition& definition) const {
  auto known = pinned.find({server, definition.kind, definition.key});
  if (known != pinned.end() && known->second.definition == definition) return known->second;
  return pin(server, definition);
}

Result<std::shared_ptr<const Approved>> load_approved(Store& store,
                                                      const std::vector<PublicKey>& trusted) {
  // What changes meanwhile is noticed by the version; and an approval removes sightings, so that
  // reading those first can only hold too much for a moment.
  auto version = store.data_version();
  if (!version) return version.refusal();
  auto sightings = open_sightings(store);
  if (!sightings) return sightings.refusal();
  auto stored = store.approvals();
  if (!stored) return stored.refusal();
  auto servers = store.servers();
  if (!servers) return servers.refusal();

  auto approved = std::make_shared<Approved>();
  for (StoredApproval& row : *stored) {
    auto approval = open_approval(row.record, trusted);
    if (!approval) {
      log_line(LogLevel::warning, "approval.ignored",
               {{"row", std::to_string(row.row)}, {"why", approval.refusal().detail}});
      continue;
    }
    auto pinned = pin(approval->identity, row.definition);
    if (!pinned || pinned->pin != approval->pin || row.definition.kind != approval->kind ||
        row.definition.key != approval->key) {
      log_line(
          LogLevel::warning, "approval.ignored",
          {{"row", std::to_string(row.row)}, {"why", "the definition is not what was signed"}});
      continue;
    }
    approved->add(std::move(*approval), std::move(*pinned));
  }
  approved->servers = std::move(*servers);
  approved->sightings = std::move(*sightings);
  approved->version = *version;
  return std::shared_ptr<const Approved>(std::move(approved));
}

std::optional<std::string> why_held(const PinBook& book, const ServerEntry& entry,
                                    std::int64_t now_ns) {
  const ServerIdentity identity = entry.identity();
  const Digest scopes = entry.scope_digest();
  if (book.allows(identity, scopes, now_ns)) return std::nullopt;
  constexpr std::int64_t before_any_expiry = 0;
  std::string why = "nothing of it is approved";
  if (book.allows(identity, scopes, before_any_expiry)) {
    why = "every approval of it has expired";
  } else if (book.knows(identity)) {
    why = "what it may reach was changed in the configuration since it was approved";
  } else if (book.knows_name(entry.name.text())) {
    why =
        "another server was approved under this name: its command, environment, package or URL "
        "has changed";
  }
  return "'" + entry.name.text() + "' is held for review: " + why +
         ". An administrator decides with `toolgate review " + entry.name.text() + "`";
}

}  // namespace toolgate

#include "gateway/broker/approved.hpp"

#include "gateway/core/log.hpp"

namespace toolgate {

Result<std::shared_ptr<const Approved>> load_approved(Store& store,
                                                      const std::vector<PublicKey>& trusted) {
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
    approved->book.add(*approval);
    approved->items.push_back(ApprovedItem{std::move(*approval), std::move(row.definition)});
  }
  approved->servers = std::move(*servers);
  return std::shared_ptr<const Approved>(std::move(approved));
}

}  // namespace toolgate

#include "gateway/broker/approved.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "gateway/config/approval_rules.hpp"
#include "gateway/core/log.hpp"
#include "gateway/store/trust.hpp"

namespace toolgate {
namespace {

std::int64_t earlier_end(std::int64_t one, std::int64_t other) {
  if (one == 0 || other == 0) return std::max(one, other);
  return std::min(one, other);
}

// An approval that its key may give, of the text that is kept with it.
struct Candidate {
  Approval approval;
  Pinned pin;
};

Result<Candidate> open(StoredApproval& row, const Keyring& keyring, const ApprovalRules& rules) {
  auto approval = open_approval(row.record, keyring);
  if (!approval) return approval.refusal();
  auto pinned = pin(approval->identity, row.definition);
  if (!pinned || pinned->pin != approval->pin || row.definition.kind != approval->kind ||
      row.definition.key != approval->key) {
    return Refusal(Reason::bad_signature, "the definition is not what was signed");
  }
  const TrustedKey& key = *keyring.find(row.record.key_id);
  auto may = may_approve(rules, key, approval->change_class);
  if (!may) return may.refusal();
  approval->expires_ns = earlier_end(approval->expires_ns, key.expires_ns);
  return Candidate{std::move(*approval), std::move(*pinned)};
}

bool same_content(const Approval& one, const Approval& other) {
  return one.pin == other.pin && one.scopes == other.scopes;
}

// All approvals of one item of one server, in the order in which they were given.
using OfItem = std::vector<const Candidate*>;

const Candidate& newest(const OfItem& all) {
  return **std::ranges::max_element(all, [](const Candidate* a, const Candidate* b) {
    return a->approval.time_ns < b->approval.time_ns;
  });
}

// When the second of two keys ends, of those that approved this content; nothing with one alone.
std::optional<std::int64_t> end_with_two_keys(const OfItem& all, const Approval& content) {
  std::map<std::string, std::int64_t> ends;  // by key; the later approval of a key counts
  for (const Candidate* one : all) {
    if (same_content(one->approval, content)) {
      ends[one->approval.key_id] = one->approval.expires_ns;
    }
  }
  if (ends.size() < 2) return std::nullopt;
  constexpr std::int64_t never = INT64_MAX;
  std::multiset<std::int64_t, std::greater<>> latest_first;
  for (const auto& [key, end] : ends) latest_first.insert(end == 0 ? never : end);
  const std::int64_t second = *std::next(latest_first.begin());
  return second == never ? 0 : second;
}

void add_item(const OfItem& all, const ApprovalRules& rules, Approved& approved) {
  const Candidate& last = newest(all);
  const Approval& content = last.approval;
  const bool two = std::ranges::any_of(all, [&](const Candidate* one) {
    return same_content(one->approval, content) &&
           needs_two_keys(rules, one->approval.change_class);
  });
  if (!two) {
    for (const Candidate* one : all) approved.add(one->approval, one->pin);
    return;
  }
  const auto end = end_with_two_keys(all, content);
  if (!end) {
    approved.book.add_waiting(content);
    return;
  }
  Approval counts = content;
  counts.expires_ns = *end;
  approved.add(std::move(counts), last.pin);
}

void add_all(std::vector<StoredApproval> stored, const ApprovalRules& rules, Approved& approved) {
  std::vector<Candidate> candidates;
  candidates.reserve(stored.size());
  for (StoredApproval& row : stored) {
    auto candidate = open(row, *approved.keyring, rules);
    if (candidate) {
      candidates.push_back(std::move(*candidate));
      continue;
    }
    log_line(LogLevel::warning, "approval.ignored",
             {{"row", std::to_string(row.row)}, {"why", candidate.refusal().detail}});
  }
  using Item = std::tuple<ServerIdentity, ItemKind, std::string>;
  std::map<Item, OfItem> items;
  std::vector<const OfItem*> in_order;
  for (const Candidate& one : candidates) {
    const Approval& approval = one.approval;
    OfItem& all = items[Item(approval.identity, approval.kind, approval.key)];
    if (all.empty()) in_order.push_back(&all);
    all.push_back(&one);
  }
  for (const OfItem* all : in_order) add_item(*all, rules, approved);
}

}  // namespace

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

Result<std::shared_ptr<const Approved>> load_approved(const std::filesystem::path& home,
                                                      Store& store, const ApprovalRules& rules) {
  // What changes meanwhile is noticed by the version; and an approval removes sightings, so that
  // reading those first can only hold too much for a moment.
  auto version = store.data_version();
  if (!version) return version.refusal();
  auto sightings = open_sightings(store);
  if (!sightings) return sightings.refusal();
  auto servers = store.servers();
  if (!servers) return servers.refusal();
  auto approved = std::make_shared<Approved>();
  approved->servers = std::move(*servers);
  approved->sightings = std::move(*sightings);
  approved->version = *version;

  auto decided = read_decided(home, store);
  if (!decided && decided.refusal().reason == Reason::storage) return decided.refusal();
  if (!decided) {
    approved->refused = decided.refusal().detail;
  } else if (!*decided) {
    auto outdated = count_outdated_approvals(store);
    if (!outdated) return outdated.refusal();
    approved->refused = no_root(*outdated).detail;
  } else {
    approved->keyring = std::move((*decided)->trust.keyring);
    auto known = check_rules(rules, *approved->keyring);
    if (known) {
      add_all(std::move((*decided)->approvals), rules, *approved);
    } else {
      approved->refused = known.refusal().detail;
    }
  }
  return std::shared_ptr<const Approved>(std::move(approved));
}

std::optional<std::string> why_held(const Approved& approved, const ServerEntry& entry,
                                    std::int64_t now_ns) {
  if (!approved.refused.empty()) {
    return "'" + entry.name.text() + "' is held for review: " + approved.refused;
  }
  const PinBook& book = approved.book;
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
  } else if (book.is_waiting(identity)) {
    why = "it is approved with one key and waits for a second key";
  }
  return "'" + entry.name.text() + "' is held for review: " + why +
         ". An administrator decides with `toolgate review " + entry.name.text() + "`";
}

}  // namespace toolgate

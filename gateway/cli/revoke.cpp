#include <set>

#include "gateway/cli/commands.hpp"
#include "gateway/cli/home.hpp"
#include "gateway/cli/signing_key.hpp"
#include "gateway/core/clock.hpp"
#include "gateway/store/decisions.hpp"

namespace toolgate {
namespace {

// One for each item that was named, or one for all of the server.
std::vector<Record> records_of(const Invocation& call, const std::vector<ItemName>& items,
                               std::size_t count) {
  std::vector<Record> records;
  const std::vector<ItemName> all(1);
  for (const ItemName& item : items.empty() ? all : items) {
    if (count == 0) break;
    Record record;
    record.kind = "revocation";
    record.server = call.arguments[0];
    record.tool = item.key;
    record.decision = "deny";
    record.reason = items.empty() ? "every approval was withdrawn" : "the approval was withdrawn";
    records.push_back(by_administrator(std::move(record)));
  }
  return records;
}

}  // namespace

int revoke_command(const Invocation& call) {
  Console& console = call.console;
  const std::string& server = call.arguments[0];
  auto store = open_store(call);
  if (!store) return fail(console, store.refusal());
  auto approved = approved_here(call, **store, ApprovalRules());
  if (!approved) return fail(console, approved.refusal());
  auto approvals = (*store)->approvals();
  if (!approvals) return fail(console, approvals.refusal());
  std::set<ItemName> named;
  for (std::size_t at = 1; at < call.arguments.size(); ++at) {
    for (const StoredApproval& one : *approvals) {
      if (!names_item(call.arguments[at], one.definition)) continue;
      named.insert(ItemName{one.definition.kind, one.definition.key});
    }
  }
  const std::vector<ItemName> items(named.begin(), named.end());
  const Refusal nothing(Reason::not_found, "nothing of that is approved for " + visible(server) +
                                               ": `toolgate status` shows what is");
  if (items.empty() && call.arguments.size() > 1) return fail(console, nothing);
  auto count = count_approvals(**store, server, items);
  if (!count) return fail(console, count.refusal());
  if (*count == 0) return fail(console, nothing);
  auto key = load_signing_key(call);  // may ask for a passphrase, and wait for it
  if (!key) return fail(console, key.refusal());
  const auto records = [&](std::size_t revoked) { return records_of(call, items, revoked); };
  const std::string who = user_name();
  count = revoke_approvals(**store, Decider{call.home, *key, who}, server, items, now_utc_ns(),
                           records);
  if (!count) return fail(console, count.refusal());
  if (*count == 0) return fail(console, nothing);
  console.out << "revoked " << *count << " approvals of " << visible(server) << std::endl;
  return exit_status::done;
}

}  // namespace toolgate

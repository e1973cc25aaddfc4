#include "gateway/cli/go_ahead.hpp"

#include <algorithm>
#include <ostream>

#include "gateway/cli/last_review.hpp"
#include "gateway/core/clock.hpp"

namespace toolgate {
namespace {

bool has_go_ahead(const Invocation& call, const std::vector<std::string>& unknown) {
  if (unknown.empty() || call.has("yes")) return true;
  if (call.console.ask_yes) {
    call.console.out << std::flush;
    std::string question = "Start or contact ";
    for (const std::string& name : unknown) {
      question += (&name == &unknown.front() ? "" : ", ") + name;
    }
    return call.console.ask_yes(question + " for the first time?");
  }
  return !call.arguments.empty();
}

}  // namespace

bool is_known(const Invocation& call, Store& store, const ReviewSeal& seal,
              const Approved& approved, const ServerEntry& entry) {
  if (approved.book.allows(entry.identity(), entry.scope_digest(), now_utc_ns())) return true;
  auto shown = store.shown(entry.name.text());
  if (!shown || shown->empty()) return false;
  const bool same = std::ranges::all_of(*shown, [&](const Shown& item) {
    return is_sealed(item, seal) && item.identity == entry.identity() &&
           item.scopes == entry.scope_digest();
  });
  return same && is_last_review(call.home, entry.name.text(), *shown, seal);
}

std::vector<Probed> without_go_ahead(const Invocation& call, std::vector<ServerEntry>& entries,
                                     const std::vector<std::string>& unknown) {
  std::vector<Probed> refused;
  if (has_go_ahead(call, unknown)) return refused;
  std::vector<ServerEntry> ready;
  for (ServerEntry& entry : entries) {
    const std::string name = entry.name.text();
    if (std::ranges::find(unknown, name) == unknown.end()) {
      ready.push_back(std::move(entry));
      continue;
    }
    Refusal why(Reason::held,
                "nothing of it has been run, contacted or resolved: look at what would be, then "
                "say so with `toolgate review " +
                    name + "`, or --yes for all");
    refused.push_back(Probed{std::move(entry), std::move(why)});
  }
  entries = std::move(ready);
  return refused;
}

}  // namespace toolgate

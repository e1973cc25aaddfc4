#include "gateway/broker/listing.hpp"

#include <algorithm>

#include "gateway/broker/broker.hpp"
#include "gateway/core/clock.hpp"

namespace toolgate {
namespace {

// Of those that share a name none is listed.
bool is_one_of_several(const Broker& broker, const AgentName& agent, const CatalogueItem& item) {
  if (!is_listed_once(item.kind)) return false;
  Policy policy = broker.policy();
  auto same = broker.catalogue().find(item.kind, item.exposed);
  return std::ranges::count_if(same, [&](const CatalogueItem* other) {
           return other->standing == Standing::approved && policy.sees(agent, *other);
         }) > 1;
}

// Where the page starts: a cursor is the number of the first item and the list's fingerprint.
Result<std::size_t> start_of(const Message& request, const std::string& fingerprint) {
  auto params = request.params();
  auto cursor = params ? params->find("cursor") : std::nullopt;
  if (!cursor) return std::size_t{0};
  std::string text = cursor->is_string() ? cursor->text() : "";
  std::size_t colon = text.find(':');
  bool valid = colon != std::string::npos && text.substr(colon + 1) == fingerprint && colon > 0 &&
               colon < 10 && text.find_first_not_of("0123456789") == colon;
  if (!valid) {
    return Refusal(Reason::invalid_params,
                   "this cursor is not valid (any more): list from the beginning");
  }
  return static_cast<std::size_t>(std::stoul(text.substr(0, colon)));
}

}  // namespace

Result<std::string> list_page(const Broker& broker, const AgentName& agent, const Message& request,
                              const ListMethod& method) {
  std::string fingerprint = broker.catalogue().fingerprint(method.kind).substr(7, 16);
  auto from = start_of(request, fingerprint);
  if (!from) return from.refusal();
  std::string items;
  std::size_t at = 0;
  std::size_t shown = 0;
  std::optional<std::size_t> next;
  Policy policy = broker.policy();
  std::int64_t now = now_utc_ns();
  for (const CatalogueItem& item : broker.catalogue().items(method.kind)) {
    bool listed =
        item.is_listed(now) && policy.sees(agent, item) && !is_one_of_several(broker, agent, item);
    if (!listed || at++ < *from) continue;
    if (shown == broker.limits().page_items) {
      next = at - 1;
      break;
    }
    if (shown++ > 0) items += ',';
    items += item.listed->json();
  }
  std::string page = '"' + std::string(method.member) + R"(":[)" + items + "]";
  if (next) page += R"(,"nextCursor":")" + std::to_string(*next) + ":" + fingerprint + '"';
  return page;
}

std::string_view list_changed_method(ItemKind kind) {
  switch (kind) {
    case ItemKind::prompt:
      return "notifications/prompts/list_changed";
    case ItemKind::resource:
    case ItemKind::resource_template:
    case ItemKind::skill:  // has no notification of its own: a skill's files are resources
      return "notifications/resources/list_changed";
    case ItemKind::tool:
    case ItemKind::capabilities:
    case ItemKind::instructions:
      break;
  }
  return "notifications/tools/list_changed";
}

}  // namespace toolgate

#pragma once
// The lists that agents get: what is approved, as far as this agent sees it, page by page.

#include <string>
#include <string_view>

#include "gateway/broker/offer.hpp"
#include "gateway/core/message.hpp"
#include "gateway/core/names.hpp"
#include "gateway/core/result.hpp"

namespace toolgate {

class Broker;

// How the broker introduces itself.
inline constexpr std::string_view own_info =
    R"({"name":"toolgate","version":")" TOOLGATE_VERSION R"("})";

// One page: the members of the result, as JSON without braces ("tools" and perhaps "nextCursor").
// Refuses a cursor that is none, or of a list that has changed since.
Result<std::string> list_page(const Broker& broker, const AgentName& agent, const Message& request,
                              const ListMethod& method);

// "notifications/tools/list_changed" and its kin.
std::string_view list_changed_method(ItemKind kind);

}  // namespace toolgate

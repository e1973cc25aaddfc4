#pragma once
// What a server offers, as it said it just now: unverified.

#include <string>
#include <vector>

#include "gateway/core/client_capabilities.hpp"
#include "gateway/core/document.hpp"
#include "gateway/core/revision.hpp"
#include "gateway/store/sightings.hpp"
#include "signing/pins.hpp"

namespace toolgate {

// What a server lists under a name, and what cannot be offered by it.
struct Oddity {
  SightingWhy why = SightingWhy::duplicate;  // or unreadable
  Definition definition;                     // of duplicates: a JSON array of all of them
  std::string detail;
};

struct Offer {
  Revision revision = latest_legacy_revision;
  std::string capabilities = "{}";  // JSON object, exactly as received
  std::string server_info = "{}";
  // In the server's order; before all else its capabilities, and instructions where there are any.
  std::vector<Definition> items;
  std::vector<Oddity> oddities;  // one a name; none of these is among the items
};

// What a server says that it can do, beside what the broker told it: servers offer other tools to
// clients with other capabilities, so that pins hold for one such set.
Definition capabilities_definition(std::string_view server_capabilities);

// Is it one that a server has by itself, and lists nowhere?
constexpr bool is_unlisted(ItemKind kind) {
  return kind == ItemKind::capabilities || kind == ItemKind::instructions;
}

// The list methods of MCP: which result member holds the items, which member of an item is its key,
// and which capability or extension a server must declare for it.
struct ListMethod {
  ItemKind kind;
  std::string_view method;      // "tools/list"
  std::string_view member;      // "tools"
  std::string_view key;         // "name"
  std::string_view capability;  // "tools"
};
inline constexpr ListMethod list_methods[] = {
    {ItemKind::tool, "tools/list", "tools", "name", "tools"},
    {ItemKind::prompt, "prompts/list", "prompts", "name", "prompts"},
    {ItemKind::resource, "resources/list", "resources", "uri", "resources"},
    {ItemKind::resource_template, "resources/templates/list", "resourceTemplates", "uriTemplate",
     "resources"},
    {ItemKind::skill, "skills/list", "skills", "uri", skills_extension},
};

// Does a server with these capabilities have this capability, or this extension? Skills are read as
// resources: a server without those has no skills either.
bool declares(const Value& capabilities, std::string_view name);
// And does it list the directories of its skills (resources/directory/read)?
bool declares_directories(const Value& capabilities);

}  // namespace toolgate

#pragma once
// Codex keeps its servers in TOML (https://toml.io/en/v1.0.0), in tables [mcp_servers.NAME]. They
// are read into the JSON of the same shape, so that one kind of value is translated whatever the
// harness, and every place in that JSON leads back to the line of the TOML it came from.

#include <string>
#include <string_view>
#include <vector>

#include "gateway/core/document.hpp"
#include "gateway/core/result.hpp"

namespace toolgate::config {

// From this byte of the JSON on, up to the next mark, the text came from that place.
struct Mark {
  std::size_t offset;
  Place place;
};

struct MirroredToml {
  std::string json;         // {"mcp_servers": ...}, or {} where the TOML has no such key
  std::vector<Mark> marks;  // ascending
};

// Refuses (`bad_configuration`, "line L, column C: ...") what is no TOML, is larger than a
// configuration file may be or nests deeper than anybody would write. Dates become strings,
// infinities and NaN null.
Result<MirroredToml> mirror_codex_toml(std::string_view text);

// Do the two texts say the same, but for one server that only `with` has? False also where one of
// them cannot be read. Whoever edits the text by its lines asks this before anything is written.
bool differs_by_server(std::string_view with, std::string_view without, std::string_view server);

}  // namespace toolgate::config

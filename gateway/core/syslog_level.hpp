#pragma once
// The levels of MCP's log messages (RFC 5424 section 6.2.1): 0 debug … 7 emergency, so that more is
// more severe.

#include <optional>
#include <string_view>

namespace toolgate {

inline constexpr std::string_view syslog_levels[] = {"debug", "info",     "notice", "warning",
                                                     "error", "critical", "alert",  "emergency"};

// Nothing for a word that is no level.
inline std::optional<int> syslog_level(std::string_view word) {
  for (int level = 0; level < static_cast<int>(std::size(syslog_levels)); ++level) {
    if (syslog_levels[level] == word) return level;
  }
  return std::nullopt;
}

}  // namespace toolgate

#pragma once
// The revisions of MCP that the broker speaks, and what differs between them on the wire. Source:
// the "Versioning" and "Lifecycle" pages of modelcontextprotocol.io, one schema per revision.
//
// The specification calls those up to 2025-11-25 the legacy era: a handshake (`initialize`) opens a
// session. From 2026-07-28 on, the modern era, every request stands alone and says its revision
// itself.

#include <optional>
#include <string_view>

namespace toolgate {

enum class Revision { r2024_11_05, r2025_03_26, r2025_06_18, r2025_11_25, r2026_07_28 };

inline constexpr Revision latest_legacy_revision = Revision::r2025_11_25;
inline constexpr Revision latest_revision = Revision::r2026_07_28;

inline bool is_modern(Revision revision) { return revision >= Revision::r2026_07_28; }

std::string_view revision_text(Revision revision);
std::optional<Revision> revision_from(std::string_view text);
// The same for what `initialize` can agree on: nothing for a modern revision.
std::optional<Revision> legacy_revision_from(std::string_view text);

// JSON-RPC batches exist in 2025-03-26 alone.
inline bool allows_batches(Revision revision) { return revision == Revision::r2025_03_26; }
// A stream may start with an event that carries an id and no data (SEP-1699).
inline bool primes_streams(Revision revision) { return revision == Revision::r2025_11_25; }
// MCP-Protocol-Version is sent on each HTTP request after the handshake.
inline bool sends_version_header(Revision revision) { return revision >= Revision::r2025_06_18; }

}  // namespace toolgate

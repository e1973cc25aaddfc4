#pragma once
// The one line that each side of the unix socket says before MCP begins; see unix_door.hpp.

#include <sys/socket.h>
#include <sys/un.h>

#include <filesystem>
#include <string>

#include "gateway/core/names.hpp"
#include "gateway/core/result.hpp"
#include "gateway/core/untrusted.hpp"

namespace toolgate {

inline constexpr std::size_t hello_bytes = 4096;
inline AgentName local_agent() { return AgentName("local"); }

// Without newlines.
std::string hello_text(const AgentName& agent);
std::string welcome_text();
std::string refused_text(const Refusal& why);

// Strict: an unknown member is refused.
Result<AgentName> parse_hello(Untrusted<std::string> line);
// Done, or the refusal that the door wrote. (The door belongs to the same user; its text is cut at
// hello_bytes.)
Status parse_welcome(Untrusted<std::string> line);

// Refused when the path is too long for a socket (107 bytes).
Result<sockaddr_un> unix_address(const std::filesystem::path& path);
// Does somebody accept connections at the socket file? Yes, where that cannot be found out.
bool somebody_listens(const sockaddr_un& address);

}  // namespace toolgate

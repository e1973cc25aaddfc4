#pragma once
// Who keeps the content of files before a server changes it, and remembers what waits for a person:
// the seam between a server's custody desk (custody_desk.hpp) and the store behind it.

#include <functional>
#include <string>
#include <string_view>

#include "connectors/descriptor.hpp"
#include "gateway/core/file_note.hpp"
#include "gateway/core/names.hpp"

namespace toolgate {

// Whose changes those of an agent in `toolgate run` are: it has scopes of its own, and no name.
inline constexpr std::string_view run_server = "agent";

// Called from the event loop; outlives the links.
class Custodian {
 public:
  virtual ~Custodian() = default;

  // Copies what the descriptor reads, from its beginning. `done` is called, from whatever thread,
  // with 0 when the copy is durable, else with an errno: then the server's change does not happen.
  virtual void keep(const ServerName& server, const FileNote& note, Descriptor file,
                    std::function<void(int error)> done) = 0;
  // Remembers what was refused until somebody decides. The id of the decision: that of the same
  // question if it waits already, and empty where it cannot be listed.
  virtual std::string hold(const ServerName& server, const FileNote& note) = 0;
};

}  // namespace toolgate

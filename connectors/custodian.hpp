#pragma once
// Who keeps the content of files before a server changes it, and remembers what waits for a person:
// the seam between a server's custody desk (custody_desk.hpp) and the store behind it.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "connectors/descriptor.hpp"
#include "gateway/core/file_note.hpp"
#include "gateway/core/names.hpp"
#include "gateway/core/open_notes.hpp"

namespace toolgate {

// Whose changes those of an agent in `toolgate run` are: it has scopes of its own, and no name.
inline constexpr std::string_view run_server = "agent";

// Why content could not be kept, with the remedy, for records and the log.
std::string why_not_kept(int error);

// Called from the event loop, which it never holds up; outlives the links.
class Custodian {
 public:
  virtual ~Custodian() = default;

  // Copies what the descriptor reads, from its beginning. `done` is called, from whatever thread,
  // with 0 when the copy is durable, else with an errno: then the server's change does not happen.
  // EAGAIN: somebody else changed the file meanwhile.
  virtual void keep(const ServerName& server, const FileNote& note, Descriptor file,
                    std::function<void(int error)> done) = 0;
  // Remembers what was refused until somebody decides. `done` is called, from whatever thread, with
  // the id of the decision: that of the same question if it waits already, and empty where it
  // cannot be listed.
  virtual void hold(const ServerName& server, const FileNote& note,
                    std::function<void(std::string id)> done) = 0;
  // What happened while no call of an agent was under way, for a record of its own.
  virtual void unclaimed(const ServerName& server, const std::string& agent,
                         std::shared_ptr<OpenNotes> notes) = 0;
};

}  // namespace toolgate

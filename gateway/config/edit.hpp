#pragma once
// Changing the configuration file as text: what is not touched stays byte for byte, with its
// comments, its order and its layout. `server add`, `server remove` and `import` work through here.
//
// The functions on text do no I/O. edit_configuration() is the only one that writes, and it writes
// nothing that parse_configuration() would refuse.

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/config/configuration.hpp"
#include "gateway/core/document.hpp"
#include "gateway/core/names.hpp"
#include "gateway/core/result.hpp"

namespace toolgate {

// What `server add` was told. Exactly one of `command` and `url` is set. Texts may hold
// ${VARIABLES}: they are written as they stand and expanded whenever the configuration is read.
struct NewServer {
  std::vector<std::string> command;  // argv of a local server
  std::string url;                   // of a remote one
  std::optional<std::string> type;   // "stdio", "http", "sse"; default by the shape
  std::vector<std::pair<std::string, std::string>> env;  // in the order given
  std::vector<std::pair<std::string, std::string>> headers;
  std::optional<std::string> cwd;
  std::optional<std::string> prefix;     // "toolgate": {"prefix": ...}
  std::optional<std::string> isolation;  // "none" ...
  // "toolgate": {"files": [...]}: a path as it shall stand in the file, and a mode.
  std::vector<std::pair<std::string, FileMode>> files;
};

// The entry's JSON text. Refuses (`usage`) what cannot be an entry: neither or both of command and
// url, a name given twice, text that is no UTF-8. Never repeats values of env or headers.
Result<std::string> entry_json(const NewServer& server);

// The text with one more member at the end of its `mcpServers` (which is made where it is missing).
// Refuses a name that is no server name or is there already, and an `entry_json` that is no JSON
// object. The result parses as a configuration text; whether it makes sense is for
// parse_configuration() to say.
// `key` is another one than ours only in harnesses' files (`install`).
Result<std::string> add_server(const std::string& text, const ServerName& name,
                               const std::string& entry_json, std::string_view key = "mcpServers");

// The same for several, in that order; their names differ. For `import`, whose files may hold
// thousands: each is not worth a pass over the text.
using NamedEntry = std::pair<ServerName, std::string>;
Result<std::string> add_servers(const std::string& text, const std::vector<NamedEntry>& servers,
                                std::string_view key = "mcpServers");

// The text without that server's member. Refuses (`not_found`) a name that is not there.
Result<std::string> remove_server(const std::string& text, const ServerName& name,
                                  std::string_view key = "mcpServers");

// The text without its object of servers where that is empty, comments counted; else as it is.
Result<std::string> remove_empty_servers(const std::string& text, std::string_view key);

// How the text ends its lines: "\r\n" where it ends its first one so.
std::string_view line_end(std::string_view text);

// Do two entries say the same, apart from their own "toolgate" sections, layout and comments?
bool same_server(const Value& one, const Value& other);

// Reads the file, lets `change` make a new text of it, checks that with parse_configuration() and
// replaces the file: a temporary file in the same directory, fsync, rename, fsync of the directory;
// so a reader sees the old text or the new one, and a crash leaves one of them. Mode and owner
// stay; a symbolic link stays a link and its target is replaced. A lock (flock) on the directory
// makes edits by several processes follow one another. A file that does not exist is refused:
// `toolgate init` makes it. Blocking.
Status edit_configuration(const std::filesystem::path& file, const Environment& environment,
                          const std::function<Result<std::string>(const std::string&)>& change);

// Puts `text` in the place of `file` in the way described above, without looking at it. A new file
// gets mode 0600. For `init`, and for files that this program writes beside the configuration.
Status replace_file(const std::filesystem::path& file, const std::string& text);

// The same for a file that is another program's too. `before` is what it held when it was read;
// nothing: it was not there. Refuses (`bad_configuration`) when it holds something else by now, or
// has become a link, which is never followed. Only the rename itself, an instant later, is not
// guarded.
Status replace_file_holding(const std::filesystem::path& file,
                            const std::optional<std::string>& before, const std::string& text);

}  // namespace toolgate

#pragma once
// `toolgate install` and `uninstall`: the gateway's own entry in a harness's configuration. All
// other bytes of that file stay as they are, comments included. What the file held before is kept
// beside it as FILE.toolgate-backup; a file that has not been changed since gets exactly those
// bytes back. No backup is ever overwritten: one that could not be used so is called .1, .2, ...
// when the next one is made.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/config/harness_text.hpp"
#include "gateway/core/result.hpp"

namespace toolgate {

// The programs that we know how to enter ourselves into.
struct HarnessClient {
  HarnessFormat format;
  std::string_view key;           // of the object or table that holds the servers
  bool says_type = false;         // "type": "stdio" belongs into its entries
  bool has_variables = false;     // "$" means something in them
  std::string_view user_file;     // below HOME
  std::string_view project_file;  // below the project; empty: it has no such file
};

const HarnessClient& harness_client(HarnessFormat format);

// How the harness is to start the gateway.
struct GatewayEntry {
  std::string command;              // absolute
  std::vector<std::string> args;    // "stdio" first
  std::optional<std::string> home;  // TOOLGATE_HOME; nothing: the default
};

// Can this harness start it as it is meant? Not where its texts hold what the file cannot, or what
// the harness would take for a variable. All functions below presuppose it.
Status check_entry(const HarnessClient& client, const GatewayEntry& entry);

// What a file with no other content would hold, for people.
std::string gateway_snippet(const HarnessClient& client, const GatewayEntry& entry);

// On text alone. `before` is the text of the backup, if there is one. Both refuse
// (`bad_configuration`) a text that cannot be read and a server "toolgate" that is not the gateway.
Result<std::string> with_gateway(const HarnessClient& client, const std::string& text,
                                 const GatewayEntry& entry,
                                 const std::optional<std::string>& before = std::nullopt);
// The text as it is where the gateway is not in it.
Result<std::string> without_gateway(const HarnessClient& client, const std::string& text,
                                    const std::optional<std::string>& before = std::nullopt);

// Is the gateway in the text? Not where that cannot be read.
bool has_gateway(const HarnessClient& client, const std::string& text);

struct HarnessChange {
  enum class Kind {
    none,      // it was so already
    written,   // the file was made or changed
    restored,  // the file has the bytes of the backup again, and the backup is gone
    deleted,   // the file held the gateway alone, as `install` had made it
  };
  Kind kind = Kind::none;
  std::filesystem::path backup;        // empty: there is none
  std::vector<std::string> bypassing;  // other servers of the file, printable
};

// On files, which must be regular ones: a symbolic link is refused, since what it leads to may be
// another program's or project's; so is a file that nobody may write. Atomic, as
// replace_file_holding() is. Blocking.
Result<HarnessChange> install_gateway(const HarnessClient& client,
                                      const std::filesystem::path& file, const GatewayEntry& entry);
Result<HarnessChange> uninstall_gateway(const HarnessClient& client,
                                        const std::filesystem::path& file);

}  // namespace toolgate

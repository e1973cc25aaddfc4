#pragma once
// `toolgate import FILE`: takes over the servers of a harness's own configuration. The file is
// data: nothing in it is run, contacted or looked up, and what it says about trust (auto-approval,
// "trust": true) is not believed. Each server is carried over, carried over with a change, or left
// out; a note says which, and what looks dangerous about it. An imported server is only *imported*:
// it is not started before an administrator has reviewed it.
//
// harness_text.hpp lists the formats and how they are told apart. Variables become ours where they
// mean the same: ${env:X} is ${X}, ${workspaceFolder} is ${workspace}, ${userHome} is ${HOME};
// Gemini CLI's $X is ${X:-}; VS Code's ${input:api-key} is ${API_KEY}; names of variables in
// Codex's env_vars, env_http_headers and bearer_token_env_var are ${X}. A list of tools that are
// not to be used is written as "toolgate" (tools); one of the only tools to be used cannot be, and
// is reported.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "gateway/config/configuration.hpp"
#include "gateway/config/harness_text.hpp"
#include "gateway/core/document.hpp"
#include "gateway/core/names.hpp"
#include "gateway/core/result.hpp"

namespace toolgate {

struct ImportNote {
  enum class Kind {
    changed,   // carried over, but not as it stood
    dropped,   // a key that has no counterpart here
    danger,    // carried over as it stands, and worth a look before it is approved
    left_out,  // the whole server stays behind
  };
  Kind kind = Kind::changed;
  std::string server;  // as the harness calls it, made printable; empty for the file as a whole
  std::string what;  // a sentence in the program's own words: never a value of env, headers or args
  Place place{1, 1};  // in the harness's file
};

std::string_view import_note_kind_name(ImportNote::Kind kind);  // "changed", "dropped", ...

struct ImportedServer {
  ServerName name;
  std::string entry;  // its JSON in our file
  Place place{1, 1};
};

// What a harness's file holds, in our terms.
struct ImportPlan {
  HarnessFormat format = HarnessFormat::claude_code;
  std::vector<ImportedServer> servers;
  std::vector<ImportNote> notes;  // in the order of the file
};

struct ImportOptions {
  // Written as "isolation" into each local server. Without it they run in a sandbox.
  std::optional<std::string> isolation;
  // Whose file it is. Without it the content and the file's name tell.
  std::optional<HarnessFormat> format;
};

// Reads a harness's text. `file` stands in messages and helps to tell the format. Every server in
// the plan passes parse_configuration() with this environment. Refuses (`bad_configuration`,
// "FILE:LINE:COLUMN: ..." or "FILE: line L, column C: ...") a text that cannot be read or holds no
// servers.
Result<ImportPlan> read_harness_text(std::string text, const std::filesystem::path& file,
                                     const Environment& environment,
                                     const ImportOptions& options = {});

struct Merged {
  HarnessFormat format = HarnessFormat::claude_code;
  std::string text;  // the new configuration text
  std::vector<ServerName> added;
  std::vector<ServerName> unchanged;  // were there already, the same
  std::vector<ImportNote> notes;      // the plan's, and a `left_out` for each name that is taken
};

// Adds the plan's servers to a configuration text, which keeps all that it had. A name that is
// taken by a different server is left out, never replaced.
Result<Merged> merge_servers(const std::string& configuration, const ImportPlan& plan);

// The two together, on files. The configuration is written as edit_configuration() does, and only
// where something was added. `harness` must be a regular file. Blocking.
Result<Merged> import_file(const std::filesystem::path& harness,
                           const std::filesystem::path& configuration,
                           const Environment& environment, const ImportOptions& options = {});

}  // namespace toolgate

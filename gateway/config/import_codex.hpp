#pragma once
// Codex's entries ([mcp_servers.NAME] of config.toml), as harness_text.hpp reads them into JSON.

#include "gateway/config/import_draft.hpp"

namespace toolgate::config {

// `entry` is an object. Its names of variables (env_vars, env_http_headers, bearer_token_env_var)
// become ${NAME}, its seconds milliseconds.
Translated translate_codex_entry(const Value& entry, Draft draft);

}  // namespace toolgate::config

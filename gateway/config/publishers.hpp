#pragma once
// Publishers, and whose signature a server needs: "publishers" in the "toolgate" at the top gives
// names to public keys, each the text of a .pub file of minisign's, its 56 characters of base64, or
// the path of such a file; `require_signature` in a server's own names one of them. What must be
// signed is the manifest of what the server was frozen to
// (gateway/packages/manifest_signature.hpp).
//
// A key's file is read when the configuration is. The key itself is part of the server's scope, so
// that another one, whoever wrote it, needs an approval of its own.

#include <map>
#include <optional>
#include <string>

#include "gateway/config/configuration.hpp"
#include "gateway/config/server_entry.hpp"
#include "gateway/core/document.hpp"
#include "signing/keys.hpp"

namespace toolgate::config {

// Nothing in the place of a key that is none: that is among the problems already.
using Publishers = std::map<std::string, std::optional<PublicKey>>;

// Of the whole file, which fits the root section of keys.hpp. Blocking: one small file for each key
// that is in one.
Publishers read_publishers(const Value& root, const Reading& reading);

// Of the entry that `server` was read from; nothing where it asks for no signature. What is wrong
// is in `reading.problems`.
std::optional<Publisher> read_required_signature(const Value& entry, const ServerEntry& server,
                                                 const Publishers& publishers,
                                                 const Reading& reading);

}  // namespace toolgate::config

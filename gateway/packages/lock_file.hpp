#pragma once
// What npm wrote down of what it fetched (package-lock.json, version 3), checked before any of it
// is frozen: every package came from a registry, and its bytes are those that the registry's
// integrity digest names. npm is told to leave out the addresses of packages that come from a
// registry (omit-lockfile-registry-resolved), so that equal packages give equal trees whatever the
// mirror; an address that is left shows a package that came from elsewhere.

#include <string>
#include <vector>

#include "gateway/core/result.hpp"
#include "gateway/core/untrusted.hpp"
#include "gateway/packages/npx_command.hpp"

namespace toolgate {

struct LockedPackage {
  // One that was fetched, and the digest that the registry names for its tarball.
  struct Fetched {
    std::string folder;     // "node_modules/a/node_modules/b"
    std::string integrity;  // "sha512-...", and nothing else; empty for one within another
  };
  std::string version;    // exact
  std::string integrity;  // of the package itself
  std::string entry;      // the program's file, relative to the folder that holds node_modules
  std::vector<Fetched> packages;  // itself included
};

// The package that the command asks for. Refuses with `unsupported` what cannot be frozen and with
// `malformed` what is no such file; names no package but the one that was asked for, except where
// another is at fault: then it shows its name as a manifest writes names.
Result<LockedPackage> read_lock_file(Untrusted<std::string> text, const NpxCommand& command);

}  // namespace toolgate

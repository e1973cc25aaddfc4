#pragma once
// Frozen packages: which one a server runs from, and proof, at each start, that it is still the
// one.
//
//   packages/DIGEST/manifest       what the tree is (signing/manifest.hpp); DIGEST is its digest
//   packages/DIGEST/tree/          the package as npm installed it, read-only
//   packages/commands/KEY.json     what a server's command was frozen to
//   packages/.lock, .staging-*     of freezes that run; leftovers of those that were killed
//
// The record is kept by the server's name and what its command asks npm for (package, version,
// program), so that another version in the configuration needs a freeze of its own; arguments of
// the program are no part of it, so that ${workspace} may differ from start to start. Nobody signs
// it: it says which digest to verify, and approvals are for one digest (ServerEntry::identity()),
// so an edited record leads to no approved tool. A server whose record is removed is one that was
// never frozen: what was approved of its package does not hold for it.
//
// Covered: whoever changes, adds, removes or relinks a file of the tree, its manifest or the record
// is noticed at the next start. Not covered: a process of the same user that changes the tree
// between the check and the use, or while the server runs. A sandbox that mounts `root` read-only
// keeps the server itself from doing so.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/config/configuration.hpp"
#include "gateway/core/result.hpp"
#include "signing/digest.hpp"

namespace toolgate {

// Where things lie in a home.
std::filesystem::path packages_folder(const std::filesystem::path& home);
std::filesystem::path package_folder(const std::filesystem::path& home, const Digest& artefact);
std::filesystem::path commands_folder(const std::filesystem::path& home);
inline constexpr std::string_view manifest_file = "manifest";
inline constexpr std::string_view tree_folder = "tree";

// Gives every local server that was frozen its `artefact`; a record that cannot be read, or is of
// another command, becomes its `damage`. Blocking: one small file for each server that npx starts.
void attach_artefacts(Configuration& configuration, const std::filesystem::path& home);

// Says on record that this server's command runs from that package. `entry` is a command that
// parse_npx() takes. Replaces what was there, whole and at once.
Status record_artefact(const ServerEntry& entry, const std::filesystem::path& home,
                       const Digest& artefact, std::string_view version);

// Changes whenever a record does. 0 before there is one.
std::int64_t artefacts_version(const std::filesystem::path& home);

// What to run: every byte beneath `root` was just verified.
struct FrozenProgram {
  std::filesystem::path root;            // of the tree; to be mounted read-only, or run in place
  std::string entry;                     // the program's file, relative to root
  std::vector<std::string> interpreter;  // "node" and its options; looked up in PATH
  std::vector<std::string> arguments;    // of the program
  std::string package;
  std::string version;
  Digest digest;

  // interpreter, entry, arguments, with the tree mounted at `at`.
  std::vector<std::string> argv(const std::filesystem::path& at) const;
  std::vector<std::string> argv() const { return argv(root); }
};

// Verifies the package of a frozen server, whole. Blocking: about 50 ms for 3,000 files and 30 MB
// with two threads. Refuses with `bad_signature`, the first thing that differs and the remedy.
// `entry` has an artefact.
Result<FrozenProgram> frozen_program(const ServerEntry& entry);

// The command that starts a local server, which has an artefact or has none: what is frozen is
// verified and run from its tree, all else is started as it is written.
Result<std::vector<std::string>> command_to_run(const ServerEntry& entry);

}  // namespace toolgate

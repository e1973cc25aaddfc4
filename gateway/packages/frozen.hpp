#pragma once
// Frozen servers: which tree a server runs from.
//
//   packages/DIGEST/manifest       what the tree is (signing/manifest.hpp); DIGEST is its digest
//   packages/DIGEST/manifest.minisig   a publisher's signature of it, where the configuration asks
//                                  for one (manifest_signature.hpp)
//   packages/DIGEST/tree/          the package as npm installed it, or a copy of a folder or of a
//                                  file of this machine; read-only
//   packages/commands/KEY.json     what a server's command was frozen to
//   packages/.lock, .staging-*     of freezes that run; leftovers of those that were killed
//
// The record is kept by the server's name and what its command asks for (of npm: package, version,
// program; of this machine: interpreter, options, script, working directory), so that another one
// in the configuration needs a freeze of its own; arguments of the program are no part of it, so
// that
// ${workspace} may differ from start to start. Nobody signs it: it says which digest to verify, and
// approvals are for one digest (ServerEntry::identity()), so an edited record leads to no approved
// tool. A server whose record is removed is one that was never frozen: what was approved of its
// package does not hold for it.
//
// A start reads the manifest here, and compares its digest. The tree is compared and copied where
// the server is started, in its own mount namespace (connectors/frozen/view.hpp): nothing is
// verified and then opened again.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/config/configuration.hpp"
#include "gateway/core/result.hpp"
#include "signing/digest.hpp"
#include "signing/manifest.hpp"

namespace toolgate {

// Where things lie in a home.
std::filesystem::path packages_folder(const std::filesystem::path& home);
std::filesystem::path package_folder(const std::filesystem::path& home, const Digest& artefact);
std::filesystem::path commands_folder(const std::filesystem::path& home);
inline constexpr std::string_view manifest_file = "manifest";
inline constexpr std::string_view tree_folder = "tree";

// Gives every local server that was frozen its `artefact`; a record that cannot be read, or is of
// another command, becomes its `damage`. Blocking: one small file for each local server.
void attach_artefacts(Configuration& configuration, const std::filesystem::path& home);

// Says on record that this server's command runs from that package. Its command is one that
// command_to_freeze() takes. Replaces what was there, whole and at once.
Status record_artefact(const ServerEntry& entry, const std::filesystem::path& home,
                       const Digest& artefact, std::string_view version);

// Changes whenever a record does. 0 before there is one.
std::int64_t artefacts_version(const std::filesystem::path& home);

// What to run.
struct FrozenProgram {
  std::filesystem::path package;  // its folder, with the manifest and the tree
  ManifestHead head;
  std::vector<std::string> arguments;
  Digest digest;
  std::uint64_t view_bytes = 0;  // of memory, for the copy that runs

  std::filesystem::path tree() const { return package / tree_folder; }
  // Interpreter, options, entry, arguments, with the tree at `at`.
  std::vector<std::string> argv(const std::filesystem::path& at) const;
};

// From the manifest of a frozen server, whose digest is compared, and its signature where the
// configuration asks for one; the tree is not looked at. Refuses with `bad_signature`, what differs
// and the remedy. `entry` has an artefact, or needs one since it has a publisher.
Result<FrozenProgram> frozen_program(const ServerEntry& entry);

// Is it frozen, and the manifest signed, as its configuration asks? The refusal is the one above.
Status check_signed(const ServerEntry& entry);

// And compares the tree and the interpreter, as a start would, without starting: for who looks.
// Blocking: about 50 ms for 3,000 files and 30 MB with two threads.
Result<FrozenProgram> verified_program(const ServerEntry& entry);

}  // namespace toolgate

#pragma once
// The file scopes of one server, held open, and the question whether a path lies in one of them.
// The kernel answers it, never a comparison of texts.
//
// A path is walked from "/" name by name. Each name is opened without following it; a symbolic link
// is read and its text walked in its place, so that links count before "..". Where a directory of
// the walk *is* the root of a scope (same device and inode as the descriptor that was opened for
// it), all that follows lies in that scope, until ".." or a link leads out again: of nested scopes
// the innermost one counts. Links inside a scope may lead anywhere, absolute ones as well, as long
// as what they lead to is in a scope. In the end the kernel is asked once more, in one step:
// openat2() beneath the scope's descriptor, with no link allowed, must reach what the walk has
// found. What locate() reports is what that step reached, so that somebody who swaps links during
// the walk gets a refusal, or a place that is in the scope.
//
// What does not exist yet: its deepest directory that does is looked for, and what remains must be
// plain names.
//
// Refused besides what is outside: links of /proc (what they mean depends on who follows them),
// more than 40 links, a walk of more than 256 levels, a directory that the gateway may not search.
// A ".." after a name that led outside of all scopes ends the walk there: whether that name exists
// must show in no answer.
//
// What this cannot do: between this look and the server's own opening, links can be swapped again.
// That race is the sandbox's to win; here it costs at most a wrong record. A hard link is the file
// itself. What is mounted inside of a scope belongs to it.
//
// Calls block as long as the file system does: microseconds on a local one.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "connectors/descriptor.hpp"
#include "gateway/config/configuration.hpp"
#include "gateway/core/result.hpp"
#include "gateway/scopes/path_text.hpp"

namespace toolgate {

// Which object a descriptor is.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

// Where a path leads.
struct FilePlace {
  std::size_t scope = 0;  // index in FileScopes::scopes()
  std::string beneath;    // below the scope's root; "" for the root itself
  std::string missing;    // the part of `beneath` that does not exist yet, at its end
  Descriptor reached;     // O_PATH: what exists of it
};

class FileScopes {
 public:
  // Opens every scope. A root may not be, or lie behind, a symbolic link: write its real path. One
  // that is missing is looked for again at each call; one that was opened stays what it was,
  // whatever takes its name later. `working_directory` is the server's.
  FileScopes(std::vector<FileScope> scopes, const std::filesystem::path& working_directory);

  const std::vector<FileScope>& scopes() const { return scopes_; }
  // Names of the working directory, links resolved.
  const std::vector<std::string>& working_directory() const { return working_directory_; }

  // `steps` is what may still be spent on walking, over all paths of a call; each name costs one.
  // Refuses with `out_of_scope`. The detail fits after the argument's name: "is outside of the file
  // scopes".
  Result<FilePlace> locate(const PathReading& path, std::size_t& steps);
  // Is there anything of that name in the working directory?
  bool is_in_working_directory(const std::string& name) const;

 private:
  friend class PathWalk;
  struct Root {
    Descriptor directory;
    FileIdentity identity;
    std::vector<std::string> names;  // of its path
  };
  void open_missing();
  // The short way, for a path that begins with a scope's, has no link and no ".." in it, and leads
  // to something or to a new name in a folder: the scope's path must lead to the scope's root
  // without any link, and from there the rest is opened as at the end of a walk. Nothing: walk.
  std::optional<FilePlace> direct(const PathReading& path) const;

  std::vector<FileScope> scopes_;
  std::vector<Root> roots_;  // as scopes_; without a descriptor: missing
  std::vector<std::string> working_directory_;
  Descriptor root_;  // "/"
  FileIdentity root_identity_;
};

}  // namespace toolgate

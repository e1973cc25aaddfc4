#pragma once
// What a frozen server runs from: a copy of its tree that was compared with the manifest while it
// was made, in memory (tmpfs), read-only, in the server's own mount namespace. No path of the
// host's leads to it, so what was verified is what runs, whatever happens to the frozen package on
// the disk meanwhile.
//
// It is no boundary against a process of the same user outside of any sandbox: that one can enter
// the namespace (nsenter, /proc/PID/root) and there make the copy writable, as it could change the
// server's memory. Against such a process only another user is a boundary.
//
// The interpreter is verified at the same time, by the descriptor that is then shown at its path or
// executed. One that root alone can change (only_root_changes()) is used as it is; every other is
// copied into the view as the tree is.
//
// It takes the memory that the tree has bytes, for each server that runs, and part of that server's
// start: 100 MB about 60 ms with two threads. Not covered: root, and the system's libraries that an
// interpreter loads. A Python loads no packages of the user's (-s). A node that runs without a
// sandbox looks for a module that the tree lacks in ~/.node_modules and ~/.node_libraries as well;
// a sandbox shows it another home.

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "connectors/descriptor.hpp"
#include "gateway/core/result.hpp"
#include "signing/digest.hpp"
#include "signing/manifest.hpp"

namespace toolgate {

// What to run from. The digest is the one that was approved, and all that is believed.
struct FrozenSource {
  std::string package;  // the folder of the host that holds "manifest" and "tree"
  Digest manifest;
  std::string at;           // where the server sees the tree: absolute, without symbolic links
  std::uint64_t bytes = 0;  // of memory that the view takes, for the limits around the server
  friend bool operator==(const FrozenSource&, const FrozenSource&) = default;
};

inline constexpr const char* manifest_name_in_package = "manifest";
inline constexpr const char* tree_name_in_package = "tree";

// Can no process of this user change this file, once it was looked at? Root's, written by nobody
// else, and on the file system of / or /usr: on others (FUSE, a network's, a stick) the owner is
// what whoever serves them says.
bool only_root_changes(const struct stat& about);

// What a view of it takes of the memory, at most.
std::uint64_t view_bytes(const ManifestStart& start);

// A folder of root's, empty, that a view can be put on where there is no sandbox around the server;
// its tree is then in the folder "tree" of it. Refuses with `unsupported` where this host has none.
Result<std::string> place_without_sandbox();

class FrozenView {
 public:
  // Reads the manifest and compares it with its digest; looks at who owns the interpreter. To be
  // called before this process leaves its user namespace, where ids are those of the host.
  static Result<FrozenView> begin(const FrozenSource& source);

  // Makes the view and attaches it at a directory of this process's own mount namespace, where
  // nobody else sees it. Its tree is at source.at only once somebody mounts shown() there, or when
  // the directory is the one above that. Refuses with `bad_signature` and the first path that
  // differs. Changes the umask while it runs.
  Status make(const std::string& directory);

  // The paths that the server knows, and what must be mounted there: by these descriptors, since a
  // path could have been given to something else by now.
  std::vector<std::pair<std::string, int>> shown() const;
  // Of the interpreter, to be executed; -1 where the program runs itself.
  int interpreter() const { return interpreter_.number(); }

 private:
  Status make_parts(const std::string& tree);
  Status copy_interpreter(int into);

  FrozenSource source_;
  Manifest manifest_;
  dev_t interpreter_device_ = 0;
  ino_t interpreter_file_ = 0;
  bool interpreter_needs_copy_ = true;
  Descriptor view_;
  Descriptor tree_;
  Descriptor interpreter_;
};

}  // namespace toolgate

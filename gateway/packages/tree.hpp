#pragma once
// A frozen tree on the disk: made read-only, listed, hashed, compared with its manifest.
//
// In a sealed tree directories and executable files have the mode 0555, other files 0444; there are
// no devices, sockets or pipes, no bits for another user's rights, and all of it belongs to this
// user. No step follows a symbolic link (openat2 with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS), and
// a file is judged by the descriptor that is read. Nothing trusts times: every start hashes every
// byte, on a few threads. Blocking.
//
// What verifying does not cover: a process of this user (or root) may change the tree afterwards,
// between the check and the use. A server's sandbox cannot: it sees the tree mounted read-only.

#include <filesystem>
#include <string>
#include <vector>

#include "gateway/core/result.hpp"
#include "signing/manifest.hpp"

namespace toolgate {

// Makes all of it read-only, keeping whether a file is executable. Refuses with `unsupported` what
// a frozen tree may not hold, naming it.
Status seal_tree(const std::filesystem::path& root);

// Everything in a sealed tree, sorted, with the hashes of its files.
Result<std::vector<ManifestEntry>> read_tree(const std::filesystem::path& root);

// Is the tree exactly what the manifest says? Refuses with `bad_signature` and the first path that
// differs: "node_modules/a/b.js was changed".
Status verify_tree(const std::filesystem::path& root, const Manifest& manifest);

// Removes it, read-only or not. What cannot be removed stays.
void remove_tree(const std::filesystem::path& root);

}  // namespace toolgate

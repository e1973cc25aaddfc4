#pragma once
// Is a frozen tree exactly what its manifest says? And, in the same pass, a copy of it that holds
// the very bytes that were hashed: what is written is what was compared, whatever happens to the
// tree meanwhile.
//
// No step follows a symbolic link (openat2 with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS), and a
// file is judged by the descriptor that is read. Nothing trusts times: every byte is hashed, each
// time, on a few threads, large files first. Blocking.

#include "gateway/core/result.hpp"
#include "signing/manifest.hpp"

namespace toolgate {

// `root` is the tree, open. Refuses with `bad_signature` and the first path that differs:
// "node_modules/a/b.js was changed".
Status check_tree(int root, const Manifest& manifest);

// And writes all of it beneath `copy`, an empty directory that nobody else has, with the modes of a
// frozen tree (the umask is the caller's matter). Of a tree that differs the copy is worth nothing.
Status copy_tree(int root, const Manifest& manifest, int copy);

}  // namespace toolgate

#pragma once
// A frozen tree on the disk: made read-only, listed, hashed, compared with its manifest.
//
// connectors/frozen/tree_file.hpp says what a sealed tree may hold, and connectors/frozen/view.hpp
// how a server gets one to run from. Blocking.

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

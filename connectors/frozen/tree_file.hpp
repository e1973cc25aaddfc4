#pragma once
// One thing in a frozen tree: what it may be, how it is opened, what its bytes are. For the files
// that write, read, verify and copy trees (tree_check.hpp, gateway/packages/tree.hpp).
//
// In a frozen tree directories and executable files have the mode 0555, other files 0444; there are
// no devices, sockets or pipes, no bits for another user's rights, no file with a second name, and
// all of it belongs to this user.

#include <sys/stat.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/descriptor.hpp"
#include "gateway/core/result.hpp"
#include "signing/digest.hpp"
#include "signing/manifest.hpp"

namespace toolgate::frozen_tree {

inline constexpr mode_t all_bits = 07777;
inline constexpr mode_t sealed_program = 0555;
inline constexpr mode_t sealed_file = 0444;
inline constexpr mode_t sealed_directory = 0555;

// "PATH was changed", with `bad_signature`.
Refusal differs(std::string_view path, std::string_view how);
// "cannot open PATH: ...", with `storage`; "" is the tree itself.
Refusal failed(std::string_view what, std::string_view path, int error);

Descriptor open_root(const std::filesystem::path& root);
// Beneath the root, with no link anywhere on the way; "" is the root.
Descriptor open_beneath(int root, const std::string& path, std::uint64_t flags);

// A new file beneath a folder that nobody else has, for its verified bytes.
Descriptor create_beneath(int root, const std::string& path, mode_t mode);

// Why no frozen tree may hold such a thing; empty: it may.
std::string_view oddity(const struct stat& status);

// Where a link in that folder leads.
Result<std::string> link_target(int folder, const std::string& name, const std::string& path);

// Hashes files, one after the other.
class FileHash {
 public:
  FileHash();
  // Of an open file that should be `entry`: its kind, mode and length are looked at first. The very
  // bytes that are hashed are written to `copy`, if there is one.
  Result<std::array<std::uint8_t, 32>> of(const Descriptor& file, const ManifestEntry& entry,
                                          const Descriptor& copy = Descriptor());
  // The same for a file of any mode and owner, known by its length alone: an interpreter.
  Result<std::array<std::uint8_t, 32>> of_bytes(const Descriptor& file, const std::string& path,
                                                std::uint64_t length, const Descriptor& copy);

 private:
  Sha256 hash_;
  std::vector<char> buffer_;
};

}  // namespace toolgate::frozen_tree

#pragma once
// The manifest of a frozen package: every file, directory and symbolic link of its tree, and what
// of it is run. Its digest names the package: who knows the digest knows every byte that can run.
//
// The text has one form, so that equal trees have equal digests; lines end with "\n", fields are
// apart by one space, and bytes of names other than 0x21..0x7E and "%" are written %XX:
//
//   toolgate-manifest 1
//   package NAME VERSION
//   run INTERPRETER... ENTRY        the program, its options, and the file that it runs
//   d PATH                          a directory
//   f BYTES SHA-256 PATH            a file; the hash is what sha256sum(1) prints
//   x BYTES SHA-256 PATH            an executable one
//   l TARGET PATH                   a symbolic link
//
// Paths are relative to the tree, sorted by their bytes, and each one's directory is listed. A link
// is relative and leads, through listed directories alone, to something listed that is no link:
// none can lead out of the tree. ENTRY is a file. Owners and times are no part of it, and of the
// mode only whether a file is executable: a frozen tree has no other bits that differ.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/core/result.hpp"
#include "gateway/core/untrusted.hpp"
#include "signing/digest.hpp"

namespace toolgate {

struct ManifestLimits {
  std::size_t entries = 200'000;
  std::size_t path_bytes = 4'000;
  std::size_t text_bytes = std::size_t{64} << 20;
  std::uint64_t tree_bytes = std::uint64_t{4} << 30;
};

struct ManifestEntry {
  enum class Type { directory, file, executable, link } type = Type::file;
  std::string path;
  std::uint64_t bytes = 0;                   // of a file
  std::array<std::uint8_t, 32> sha256 = {};  // of a file
  std::string target;                        // of a link
  friend bool operator==(const ManifestEntry&, const ManifestEntry&) = default;
  bool is_file() const { return type == Type::file || type == Type::executable; }
};

struct Manifest {
  std::string package;
  std::string version;
  std::vector<std::string> interpreter;  // "node" and its options
  std::string entry;
  std::vector<ManifestEntry> entries;
  friend bool operator==(const Manifest&, const Manifest&) = default;

  const ManifestEntry* find(std::string_view path) const;  // of a sorted list
  std::size_t files() const;
  std::uint64_t bytes() const;
};

// Refuses with `malformed` what breaks a rule above, naming it; with `too_large` what is past a
// limit.
Result<std::string> manifest_text(const Manifest& manifest);
// Exactly what manifest_text() writes.
Result<Manifest> parse_manifest(Untrusted<std::string> text);
Digest manifest_digest(std::string_view text);

// A name as manifests write it, for messages: it can hold no control and no space, and is cut when
// it is long.
std::string manifest_name(std::string_view path);

}  // namespace toolgate

#pragma once
// The manifest of something frozen: every file, directory and symbolic link of its tree, what of it
// is run and by which interpreter. Its digest names it: who knows the digest knows every byte that
// can run, but for the system's libraries.
//
// The text has one form, so that equal trees have equal digests; lines end with "\n", fields are
// apart by one space, and bytes of names other than 0x21..0x7E and "%" are written %XX:
//
//   toolgate-manifest 2
//   origin npm NAME VERSION INTEGRITY   a registry's package, and the digest of its tarball; or
//   origin directory NAME               a folder of this machine, or
//   origin file NAME                    a script or a program
//   interpreter BYTES SHA-256 PATH      the program that runs it; not there for one that runs
//   itself run OPTION... ENTRY                 options of the interpreter, and the file that it
//   runs holds ENTRIES BYTES                 how many lines follow, and the sizes of their files
//   together d PATH                              a directory f BYTES SHA-256 PATH                a
//   file; the hash is what sha256sum(1) prints x BYTES SHA-256 PATH                an executable
//   one l TARGET PATH                       a symbolic link
//
// Paths are relative to the tree (the interpreter's is absolute), sorted by their bytes, and each
// one's directory is listed. A link is relative and leads, through listed directories alone, to
// something listed that is no link: none can lead out of the tree. ENTRY is a file, and an
// executable one where there is no interpreter. Owners and times are no part of it, and of the mode
// only whether a file is executable: a frozen tree has no other bits that differ.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
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

// Where it came from.
struct ManifestOrigin {
  enum class Kind { npm, directory, file } kind = Kind::npm;
  std::string name;
  std::string version;    // exact; of a package
  std::string integrity;  // "sha512-..."; of a package
  friend bool operator==(const ManifestOrigin&, const ManifestOrigin&) = default;
  std::string text() const;  // "@scope/server 1.2.3", "the folder server"
};

// The program that runs it.
struct ManifestInterpreter {
  std::string path;  // absolute, without symbolic links
  std::uint64_t bytes = 0;
  std::array<std::uint8_t, 32> sha256 = {};
  friend bool operator==(const ManifestInterpreter&, const ManifestInterpreter&) = default;
};

// What is frozen, and what of it is run.
struct ManifestHead {
  ManifestOrigin origin;
  std::optional<ManifestInterpreter> interpreter;
  std::vector<std::string> options;  // of the interpreter
  std::string entry;
  friend bool operator==(const ManifestHead&, const ManifestHead&) = default;
};

struct Manifest : ManifestHead {
  std::vector<ManifestEntry> entries;
  friend bool operator==(const Manifest&, const Manifest&) = default;

  const ManifestEntry* find(std::string_view path) const;  // of a sorted list
  std::size_t files() const;
  std::uint64_t bytes() const;
};

// The lines before the entries, and what "holds" says of those.
struct ManifestStart {
  ManifestHead head;
  std::size_t entries = 0;
  std::uint64_t bytes = 0;
};

// Refuses with `malformed` what breaks a rule above, naming it; with `too_large` what is past a
// limit.
Result<std::string> manifest_text(const Manifest& manifest);
// Exactly what manifest_text() writes.
Result<Manifest> parse_manifest(Untrusted<std::string> text);
// The beginning alone, of a text that is known by its digest: cheap, however many entries follow.
Result<ManifestStart> read_manifest_start(std::string_view text);
Digest manifest_digest(std::string_view text);

// A name as manifests write it, for messages: it can hold no control and no space, and is cut when
// it is long.
std::string manifest_name(std::string_view path);

}  // namespace toolgate

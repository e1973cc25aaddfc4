#pragma once
// A name in a directory that was opened without following a symbolic link anywhere, and what stands
// under it: for whoever changes names on the host, where others may change them at the same moment.

#include <sys/stat.h>

#include <cstdint>
#include <string>

#include "connectors/descriptor.hpp"
#include "gateway/core/result.hpp"

namespace toolgate {

// Which file it is, whatever it holds. The number of an inode is given again soon after a file has
// gone; with the time of its birth, which is that of a tick of the clock, and its generation it is
// not (zero where a file system does not tell them, or where the file cannot be opened for it).
struct HostFile {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;  // 0: nothing stands there
  std::int64_t born_ns = 0;
  std::int64_t generation = 0;
  std::uint32_t type = 0;  // S_IFMT

  bool is_there() const { return inode != 0; }
  bool operator==(const HostFile&) const = default;
};

struct HostPlace {
  Descriptor directory;
  std::string name;
  std::string path;

  HostFile file() const;
  bool look(struct stat& about) const;  // itself, where it is a link
  Descriptor open(int flags) const;     // no link as the last component either
  bool sync() const;                    // names on the disk
  // A name in the same directory that nobody has, as far as chance goes. Throws (a fault) when the
  // process has no descriptors left.
  HostPlace beside() const;
};

enum class Rename { no_replace = 1, exchange = 2 };  // RENAME_NOREPLACE, RENAME_EXCHANGE
// False with errno.
bool rename_place(const HostPlace& from, const HostPlace& to, Rename how);

// Refused: a path that is not absolute, or one that leads over a symbolic link.
Result<HostPlace> open_place(const std::string& path);
// Nothing where the path cannot be followed.
HostFile file_at(const std::string& path);

// What cannot be done there, with errno.
Refusal cannot_be(const std::string& path, const std::string& what);

}  // namespace toolgate

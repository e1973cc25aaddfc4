#pragma once
// A path that a process of the sandbox gave to a system call: read once out of its memory, walked
// to the place that it leads to, and judged there.

#include <sys/types.h>

#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdint>

#include "connectors/launcher/guard.hpp"
#include "connectors/launcher/place.hpp"

namespace toolgate {

struct Text {
  char bytes[PATH_MAX] = {};

  // 0 or an errno.
  int read(const Caller& caller, std::uint64_t address);
};

struct Argument {
  Text text;  // as it was written
  Place place;
  Text path;  // of the place: absolute, without links
  Guard::Meaning meaning = Guard::Meaning::free;
  bool is_kept = false;  // in a scope in which no name disappears: Guard::keeps

  // 0 or an errno.
  int find(const Caller& caller, const Guard& guard, int directory, std::uint64_t address,
           LastLink last);

  int directory() const { return place.directory.number(); }
  const char* name() const { return place.name; }
  bool is_file_itself() const { return place.name[0] == '\0'; }
  bool exists() const;  // links not followed
  bool is_directory() const;
  // The descriptor or -1 and errno. Never waits, never follows a link.
  int open(int flags, mode_t mode) const;
};

// With the file that a descriptor stands for, anew. The same.
int open_again(int file, int flags);

// For calls that take a path alone, and follow what it says.
struct ProcLink {
  explicit ProcLink(int file);
  char path[64];
};

// 0 or errno.
inline int result_of(long value) { return value == 0 ? 0 : errno; }

inline constexpr unsigned no_replace = 1U << 0;  // RENAME_NOREPLACE
inline constexpr unsigned exchange = 1U << 1;    // RENAME_EXCHANGE
int rename_there(const Argument& from, const Argument& to, unsigned flags);

// As O_TRUNC does it, which takes no notice of what cannot be emptied.
void empty_file(int file);

}  // namespace toolgate

#pragma once
// Where a path leads that a process of the sandbox named: a directory, held by a descriptor, and
// the last component in it. Walked component by component, from the process's own working directory
// or descriptor, with symbolic links read rather than followed, so that what is judged is what is
// then acted on.
//
// The walker has the rights of the process that it walks for (same user, same mounts, same
// Landlock), with one exception: itself. /proc/self means the other process; no link in its own
// entry in /proc is followed, and no place in it is one (EACCES, path_of).

#include <sys/types.h>

#include <climits>
#include <cstddef>

#include "connectors/launcher/caller.hpp"

namespace toolgate {

// Closes on destruction.
class OpenFile {
 public:
  OpenFile() = default;
  explicit OpenFile(int number) : number_(number) {}
  OpenFile(OpenFile&& other) noexcept : number_(other.release()) {}
  ~OpenFile();
  void reset(int number);
  int release();
  int number() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }

 private:
  int number_ = -1;
};

struct Place {
  OpenFile directory;
  char name[NAME_MAX + 1] = {};    // empty: `directory` is the file itself, found through /proc
  bool names_a_directory = false;  // a slash followed

  // "." and "..", and the root: nothing can be made or removed there.
  bool is_special() const;
};

enum class LastLink { follow, keep };

// 0 or an errno.
int find_place(const Caller& caller, int directory, const char* path, LastLink last, Place& place);

// The path of an open file, as the kernel tells it. 0 or an errno.
int text_of(int file, char* text, std::size_t size);

// The absolute path of a place inside the sandbox, at most `size` bytes with the NUL, which leads
// there at this moment: of a directory that was moved out of sight there is none (ENOENT). 0 or an
// errno.
int path_of(const Place& place, char* text, std::size_t size);

}  // namespace toolgate

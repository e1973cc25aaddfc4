#pragma once
// Which names stand for what was made in this window (custody.hpp): a set of names in directories,
// each with the file that it was made for. A name that stands for another file by now is not in it.

#include <cstddef>
#include <cstdint>

namespace toolgate {

// One file for all time: an inode number is used again, but with another time of birth (unless that
// is within the same tick of the kernel's clock, 10 ms at most).
struct FileId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t born_s = 0;
  std::uint32_t born_ns = 0;

  bool operator==(const FileId&) const = default;
};

// Of what stands there, links not followed; with an empty name, of what the descriptor stands for.
// False where there is nothing, or the file system does not know when a file was born: such a file
// is never one that was made in this window.
bool identify(int directory, const char* name, FileId& id);

// Memory is bounded: past `most` names nothing more is added, and what is not in the set was not
// made here.
class MadeNames {
 public:
  static constexpr std::size_t most = 65536;

  MadeNames() = default;
  MadeNames(const MadeNames&) = delete;
  ~MadeNames();

  // In the place of what the name stood for before.
  void add(const FileId& directory, const char* name, const FileId& file);
  bool has(const FileId& directory, const char* name, const FileId& file) const;
  void remove(const FileId& directory, const char* name);
  void clear();
  std::size_t count() const { return count_; }

 private:
  struct Entry;
  static constexpr std::size_t chains = 4096;
  Entry** find(const FileId& directory, const char* name) const;
  void drop(Entry** at);

  mutable Entry* chain_[chains] = {};
  std::size_t count_ = 0;
};

}  // namespace toolgate

#pragma once
// Of which files the supervisor knows that their content need not be kept before it changes
// (custody.hpp): the server made it itself in this window, or it was kept and is as it was then.

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>

#include "connectors/launcher/made_names.hpp"

namespace toolgate {

// A file that is open, as it is now. On file systems that count how often a number was given to a
// file, that tells two such files apart even if they were born in the same tick of the clock.
struct OpenContent {
  FileId id;
  std::uint32_t generation = 0;
  std::int64_t size = 0;
  timespec modified{};        // st_mtim: its content was
  timespec status_changed{};  // st_ctim: that, or what is known of it

  // False where nobody can tell what file it is: nothing is ever known of such a one.
  bool look(int file);
  bool is_same(const OpenContent& other) const;
};

// How much of what was not kept may be lost when it is changed again.
enum class Loss {
  nothing,  // all of the content goes: as it is now it must have been kept
  recent,   // it is written to: what was kept less than a minute ago will do
};

// Memory is bounded: past `most` files all are forgotten, and kept anew.
class KnownContents {
 public:
  static constexpr std::size_t most = 65536;

  KnownContents() = default;
  KnownContents(const KnownContents&) = delete;
  ~KnownContents();

  bool has(const OpenContent& now, Loss loss) const;
  void add_own(const OpenContent& made);
  void add_kept(const OpenContent& kept);
  // Another file may get its number.
  void remove(const FileId& file);
  void clear();

 private:
  struct Entry;
  static constexpr std::size_t chains = 4096;
  Entry** find(const FileId& file) const;
  void add(const OpenContent& content, bool is_own);

  mutable Entry* chain_[chains] = {};
  std::size_t count_ = 0;
};

}  // namespace toolgate

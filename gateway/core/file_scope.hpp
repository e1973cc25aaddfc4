#pragma once
// What a local server may do with files, as an administrator wrote it down: a directory or file of
// the host and a mode. The sandbox enforces it on the process (connectors/sandbox), the broker on
// the arguments of calls.

#include <filesystem>
#include <string_view>

namespace toolgate {

enum class FileMode {
  ro,
  rw,
  rw_no_delete,  // no name in the scope ever disappears or is replaced; content may change
};

struct FileScope {
  std::filesystem::path path;  // absolute, lexically normal
  FileMode mode = FileMode::ro;
  bool exec = false;  // programs in it may be executed
  // Of rw_no_delete. Strict: by Landlock alone; nothing can be moved at all. Staged: what a server
  // made itself since the last call it may move and remove, an older file it may replace once its
  // content is kept, and the rest waits for a person (connectors/launcher/custody.hpp).
  bool is_staged = false;

  bool is_writable() const { return mode != FileMode::ro; }
  bool operator==(const FileScope&) const = default;
};

constexpr std::string_view mode_name(FileMode mode) {
  switch (mode) {
    case FileMode::ro:
      return "ro";
    case FileMode::rw:
      return "rw";
    case FileMode::rw_no_delete:
      return "rw-no-delete";
  }
  return "ro";
}

}  // namespace toolgate

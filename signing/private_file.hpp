#pragma once
// Files that hold keys: each appears whole or not at all, and is read only where nobody else could
// have placed or seen it.

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <string_view>

#include "gateway/core/result.hpp"
#include "signing/keys.hpp"

namespace toolgate {

enum class NewFile { made, there_already };

// The name appears at once with all its bytes on disk, and only where there was none: what is there
// already stays as it is. Refuses with `storage`.
Result<NewFile> make_file(const std::filesystem::path& path, std::string_view bytes, mode_t mode);

// The same in the place of what is there: the old file or the new one, whole, is there at any time.
Status replace_own_file(const std::filesystem::path& path, std::string_view bytes, mode_t mode);

// What a file of keys must be.
struct FileRules {
  enum class Owner { self, self_or_root } owner = Owner::self;
  mode_t forbidden = 077;   // bits that its mode must not have
  std::string_view remedy;  // what to do about them; follows the file's name
  Refusal wrong_size;       // for an empty file, and one of more bytes than this
  std::size_t bytes_most = 4096;
};

// Opened without following a link and judged by its descriptor, so that what was judged is what is
// read. Refuses with `storage` what cannot be read, is no regular file or is open
// to others than the rules say.
Result<SecretBytes> read_own_file(const std::filesystem::path& path, const FileRules& rules);

}  // namespace toolgate

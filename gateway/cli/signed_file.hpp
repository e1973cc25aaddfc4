#pragma once
// The file that `sign` and `verify` are about: opened once, read by its descriptor.

#include <string>

#include "connectors/descriptor.hpp"
#include "gateway/cli/console.hpp"
#include "gateway/core/result.hpp"
#include "signing/minisign_file.hpp"

namespace toolgate {

// Follows links: it is content that counts. Refuses with `storage`.
Result<Descriptor> open_to_read(const std::string& name);

// With progress on stderr, where that is a terminal and the file is large. The console and the
// descriptor must outlive it.
ReadableFile readable(Console& console, const Descriptor& file, const std::string& name,
                      const std::string& what);

// All of a signature's file. Refuses with `storage`, with `bad_signature` what is too long.
Result<std::string> read_signature_text(const std::string& name);

}  // namespace toolgate

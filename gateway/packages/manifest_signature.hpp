#pragma once
// A publisher's signature of what was frozen: packages/DIGEST/manifest.minisig, in minisign's
// format, over the manifest beside it. The manifest names every byte that can run, so who signed
// the one vouches for all the others.
//
// The signature is a file that anybody may replace: it is checked with the key in the configuration
// at each start, over the very text whose digest the start compares, and proves nothing alone.

#include <filesystem>
#include <optional>
#include <string_view>

#include "gateway/config/configuration.hpp"
#include "gateway/core/result.hpp"
#include "signing/minisign.hpp"

namespace toolgate {

inline constexpr std::string_view signature_file = "manifest.minisig";

// Refuses with `bad_signature` one that is not this publisher's over this manifest.
Status check_signature(const Publisher& publisher, std::string_view manifest,
                       const FileSignature& signature);

// The same of the one that lies in the package's folder; refuses, too, where none does.
Result<FileSignature> kept_signature(const Publisher& publisher,
                                     const std::filesystem::path& folder,
                                     std::string_view manifest);

// Puts it into the folder, which is sealed afterwards. Replaces one that is there, whole and at
// once. Refuses with `storage`.
Status keep_signature(const std::filesystem::path& folder, const FileSignature& signature);

// "'acme' (key 0123456789ABCDEF)"
std::string publisher_text(const Publisher& publisher);

}  // namespace toolgate
